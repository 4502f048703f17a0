"""The containers of a task's pod: one that runs the launcher, or three where the program has an image of its own.

An image that knows nothing of the engine stands between two that do: `stage-in` brings the inputs, `step` runs the
program, and `main` takes the outputs, writes the record and says how the task ended. Argo reads outputs and exit codes of
`main` alone.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ...launching.commands import variables
from ...launching.staging import STEP_EXEC, TASK
from ...schemas.environment import Environment, Site
from ...schemas.plan import PlannedStep
from ...schemas.variables import SecretKey
from .arguments import COMMAND, WORKSPACE

if TYPE_CHECKING:
    from hera.workflows import models

ENGINE = "engine"
"""the runtime that stages for other images"""
PROGRAM = "step"
"""the container of a program in an image of its own"""
STORE_VOLUME = "store"
_STAGING = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
"""of a container that moves data, which it never holds in memory as a whole"""


def is_foreign(step: PlannedStep, environment: Environment) -> bool:
    """Whether the step's program runs in an image without the engine: one that no runtime of the environment is."""
    return step.command is not None and step.image not in environment.images


class PodContainers:
    """Containers of one template."""

    def __init__(self, step: PlannedStep, environment: Environment, site: Site, store: str) -> None:
        self.step = step
        self.environment = environment
        self.site = site
        self.store = store

    def one(self, arguments: list[str], amounts: dict[str, str]) -> models.Container:
        """The launcher in the step's image does all."""
        from .hera_models import models as m

        image = self.environment.images.get(self.step.image, self.step.image)
        mounts = [*self._folders(), *self._store()]
        return m.Container(
            command=COMMAND, args=arguments, volume_mounts=mounts, **self._common(image, _all_of(amounts))
        )

    def three(self, arguments: list[str], amounts: dict[str, str]) -> models.ContainerSetTemplate:
        """The program in its own image, between two launchers. It shares a folder with them, and not the store."""
        from .hera_models import models as m

        engine = self.environment.images[ENGINE]
        shared = f"{WORKSPACE}/{TASK}"
        told = [m.EnvVar(name=name, value=value) for name, value in variables(PurePosixPath(shared)).items()]
        program = self._common(self.step.image, _all_of(amounts))
        program["env"] = [*program["env"], *told]
        staging = self._common(engine, _STAGING) | {"volume_mounts": self._store() or None}
        nodes = [
            m.ContainerNode(name="stage-in", command=COMMAND, args=[*arguments, "--stage", "in"], **staging),
            m.ContainerNode(
                name=PROGRAM, dependencies=["stage-in"], command=[f"{WORKSPACE}/{STEP_EXEC}"], args=[shared], **program
            ),
            m.ContainerNode(
                name="main", dependencies=[PROGRAM], command=COMMAND, args=[*arguments, "--stage", "out"], **staging
            ),
        ]
        return m.ContainerSetTemplate(containers=nodes, volume_mounts=self._folders())

    def extra_volumes(self) -> dict[str, Any]:
        """The store's volume for a patch of the pod: Argo adds those alone that all of a set's containers mount."""
        if not self.site.store_claim:
            return {}
        claim = {"name": STORE_VOLUME, "persistentVolumeClaim": {"claimName": self.site.store_claim}}
        return {"volumes": [claim]}

    def _common(self, image: str, resources: dict[str, Any]) -> dict[str, Any]:
        from .hera_models import models as m

        return {
            "image": image,
            "image_pull_policy": "IfNotPresent",
            "working_dir": WORKSPACE,
            "env": _variables(self.site),
            "resources": m.ResourceRequirements(**resources),
            "security_context": m.SecurityContext(
                allow_privilege_escalation=False,
                read_only_root_filesystem=True,
                run_as_non_root=True,
                capabilities=m.Capabilities(drop=["ALL"]),
            ),
        }

    def _folders(self) -> list[models.VolumeMount]:
        from .hera_models import models as m

        places = {"workspace": WORKSPACE, "tmp": "/tmp"}
        return [m.VolumeMount(name=name, mount_path=path) for name, path in places.items()]

    def _store(self) -> list[models.VolumeMount]:
        from .hera_models import models as m

        return [m.VolumeMount(name=STORE_VOLUME, mount_path=self.store)] if self.site.store_claim else []


def _all_of(amounts: dict[str, str]) -> dict[str, Any]:
    """Requests, which are the limits too: a task gets what was planned, no less and no more."""
    return {"requests": dict(amounts), "limits": amounts}


def _variables(site: Site) -> list[models.EnvVar]:
    """The site's variables; the value of a secret one is known to Kubernetes alone."""
    from .hera_models import models as m

    def variable(name: str, value: str | SecretKey) -> models.EnvVar:
        if isinstance(value, str):
            return m.EnvVar(name=name, value=value.replace("$", "$$"))  # Kubernetes replaces $(NAME), and $$ by $
        reference = m.SecretKeySelector(name=value.secret, key=value.key)
        return m.EnvVar(name=name, value_from=m.EnvVarSource(secret_key_ref=reference))

    return [variable(name, value) for name, value in ({"HOME": "/tmp"} | site.env).items()]
