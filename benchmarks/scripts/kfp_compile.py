"""Runs in KFP's environment: compiles a chain of that many tasks to pipeline.yaml."""

import sys

from kfp import compiler, dsl


@dsl.component
def add(value: int) -> int:
    return value + 1


@dsl.pipeline(name="chain")
def chain() -> None:
    value = 0
    for _ in range(int(sys.argv[1])):
        value = add(value=value).output


compiler.Compiler().compile(chain, "pipeline.yaml")
