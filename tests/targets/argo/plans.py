"""Plans made by hand: the least that a compiler needs."""

from __future__ import annotations

from typing import Any

from lighterage.schemas.environment import Environment
from lighterage.schemas.plan import Plan, PlannedResources, PlannedStep, PlannedTask

ENVIRONMENT = Environment.model_validate(
    {
        "apiVersion": "lighterage/v1",
        "kind": "Environment",
        "name": "rack",
        "store": {"url": "s3://bucket/store"},
        "images": {"engine": "registry.example/engine:1"},
        "sites": {
            "rack": {
                "target": "argo",
                "namespace": "ml",
                "pools": {
                    "gpu": {
                        "accelerators": {"gpu": "nvidia.com/gpu"},
                        "node_selector": {"kind": "gpu"},
                        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
                    },
                },
            }
        },
    }
)


def step(name: str = "demo/add", **more: Any) -> PlannedStep:
    return PlannedStep.model_validate(
        {
            "name": name,
            "version": "1.0.0",
            "contract": "sha256:0",
            "code": "sha256:1",
            "image": "engine",
            "python": "add:add",
            "uses": f"{name}@1",
            "inputs": {"a": {"type": "number", "optional": True}},
            "outputs": {
                "sum": {"type": "number"},
                "count": {"type": "integer"},
                "good": {"type": "boolean"},
                "word": {"type": "string"},
                "items": {"type": "list"},
                "maybe": {"type": "number", "optional": True},
            },
            **more,
        }
    )


def task(name: str, *needs: str, **more: Any) -> PlannedTask:
    return PlannedTask.model_validate(
        {
            "name": name,
            "step": "demo/add@1",
            "needs": sorted(needs),
            "resources": PlannedResources(cpu=1, memory=2**30),
            "site": "rack",
            "inputs": {"a": {"$ref": f"{needs[0]}.sum"}} if needs else {"a": 1},
            **more,
        }
    )


def plan(*tasks: PlannedTask, **more: Any) -> Plan:
    return Plan.model_validate(
        {
            "workflow": "demo",
            "environment": "rack",
            "store": "s3://bucket/store",
            "steps": {"demo/add@1": step()},
            "tasks": list(tasks),
            **more,
        }
    )


def chain(length: int) -> Plan:
    """Each task needs the one before it."""
    return plan(*(task(f"t{number}", *([f"t{number - 1}"] if number else [])) for number in range(length)))
