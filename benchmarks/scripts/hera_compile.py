"""Runs in Hera's environment: prints the manifest of a chain of that many tasks."""

import sys

from hera.workflows import DAG, Container, Parameter, Task, Workflow
from hera.workflows.models import ValueFrom

with Workflow(generate_name="chain-", entrypoint="main") as workflow:
    add = Container(
        name="add",
        image="registry.example/engine:1",
        command=["python", "add.py"],
        args=["{{inputs.parameters.value}}"],
        inputs=[Parameter(name="value")],
        outputs=[Parameter(name="sum", value_from=ValueFrom(path="/tmp/sum"))],
    )
    with DAG(name="main"):
        before = None
        for index in range(int(sys.argv[1])):
            value = before.get_parameter("sum") if before else Parameter(name="sum", value="0")
            task = Task(name=f"t{index}", template=add, arguments=[value.with_name("value")])
            if before:
                before >> task
            before = task

print(workflow.to_yaml())
