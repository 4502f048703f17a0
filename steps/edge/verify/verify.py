"""Proves what each variant of a model does, beside the float32 file that it was made from."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from lighterage.launching.artifacts import Dataset, Metrics, Model
from lighterage.launching.child import Crashed, Refused, run_in_child
from lighterage.launching.columns import Columns, check_finite
from lighterage.schemas import BadInput

from .comparing import Judge, check_slices
from .profiles import PROFILES
from .second import installed
from .targets import Profile
from .timing import machine, timed
from .trial import answers, trial

TIMED_ROWS = 50


def verify(
    *,
    models: list[Model],
    reference: Model,
    data: Dataset,
    report: Metrics,
    timing: Metrics,
    target: str,
    threads: int,
    on_fail: str,
    timeout: float,
    slice: str | None = None,
) -> None:
    """Writes both reports. Raises BadInput for what cannot be compared, and for a refused variant if it must ``stop``."""
    profile = PROFILES[target]
    check_belong_together(models, reference)
    if profile.second_runtime and not installed():
        print(f"{profile.second_runtime} is not installed: {target} is checked by its rules alone", flush=True)
    work = _Work(reference, data.read(), profile, threads, timeout, slice)
    entries = {str(model.about()["variant"]): work.tried(model) for model in models}
    times = {}
    for model in models:
        variant = str(model.about()["variant"])
        if entries[variant]["status"] == "proven" and (found := work.timed(model, entries[variant])):
            times[variant] = found
    print(table(entries, times), flush=True)
    report.write(work.report(models, entries, target))
    timing.write(work.timing(times))
    if on_fail == "stop":
        stop_for_failures(entries)


def check_belong_together(models: list[Model], reference: Model) -> None:
    """Raises BadInput for two models of one variant, a reference that is none, and models of something else."""
    about = reference.about()
    if about.get("variant") != "float32" or "refused" in about:
        raise BadInput(f"the reference must be the float32 model of edge/convert, not {about.get('variant')!r}")
    seen = set()
    for model in models:
        here = model.about()
        if "variant" not in here or not {"kernel_values", "refused"} & here.keys():
            raise BadInput("a model says nothing of its variant or its kernels: it was not made by edge/quantize")
        if here["variant"] in seen:
            raise BadInput(f"there are two {here['variant']} models")
        seen.add(here["variant"])
        for key in ("classes", "features", "preprocessing"):
            if here.get(key) != about.get(key):
                raise BadInput(f"the {here['variant']} model is not one of the reference: it has other {key}")


def table(entries: dict[str, dict[str, Any]], times: dict[str, dict[str, Any]]) -> str:
    """A line for each variant."""
    lines = []
    for name, entry in entries.items():
        line = f"{name:<13}{entry['status']:<9}"
        if "size" in entry:
            line += f"{entry['size']:>9} bytes  accuracy {entry['accuracy']:.4f} (drop {entry['accuracy_drop']:+.4f})  "
        if "agreement" in entry:
            line += f"agreement {entry['agreement']:.4f}  "
        if name in times:
            noise = " (timer noise)" if times[name]["noise"] else ""
            line += f"{times[name]['median_us']:.1f} us a call{noise}  "
        lines.append((line + "; ".join(entry["reasons"])).rstrip())
    return "\n".join(lines)


def stop_for_failures(entries: dict[str, dict[str, Any]]) -> None:
    """Raises BadInput where a variant was refused, RuntimeError where one failed: trying again may help."""
    wrong = {name: entry for name, entry in entries.items() if entry["status"] != "proven"}
    if wrong:
        kind = RuntimeError if all(entry["status"] == "failed" for entry in wrong.values()) else BadInput
        raise kind("not every variant is proven, and on_fail is stop:\n" + table(wrong, {}))


class _Work:
    """The rows, what the reference answers, and how models are run."""

    def __init__(
        self, reference: Model, columns: Columns, profile: Profile, threads: int, timeout: float, part_by: str | None
    ) -> None:
        self.about, self.source = reference.about(), content_of(reference)
        self.profile, self.threads, self.timeout = profile, threads, timeout
        self.rows, labels = _rows(reference, columns)
        slices = check_slices(part_by, columns.column(part_by)) if part_by else None
        try:
            outputs, self.kernels = run_in_child(answers, self.source, self.rows, profile, threads, timeout=timeout)
        except Refused as refusal:
            raise BadInput(f"the reference itself cannot be used: {refusal}") from None
        except Crashed as crash:
            raise RuntimeError(f"the reference itself failed: {crash}") from None
        classes = self.about["classes"]
        if outputs.shape[1] != (len(classes) or 1):
            raise BadInput(f"the reference gives {outputs.shape[1]} outputs for {len(classes)} classes")
        self.judge = Judge(labels, outputs, classes, slices)
        self.judge.check_labels()

    def tried(self, model: Model) -> dict[str, Any]:
        """What became of a variant: proven, refused or failed, with figures and reasons."""
        about = model.about()
        if "refused" in about:
            dropped = about["refused"]
            return {"status": dropped["status"], "reasons": [f"{dropped['stage']}: {dropped['reason']}"]}
        content = content_of(model)
        given = (content, about, self.rows, self.judge, self.profile, self.threads)
        try:
            found = run_in_child(trial, *given, timeout=self.timeout)
        except Refused as refusal:
            return {"status": "refused", "reasons": [str(refusal)]}
        except Crashed as crash:
            return {"status": "failed", "reasons": [str(crash)]}
        found["size_ratio"] = len(content) / len(self.source)
        found["calibration"] = about.get("calibration")
        return {"status": "refused" if found["reasons"] else "proven", **found}

    def timed(self, model: Model, entry: dict[str, Any]) -> dict[str, Any] | None:
        """Times of a proven variant; None, and the variant failed, where it did not survive them."""
        given = (content_of(model), self.source, self.rows[:TIMED_ROWS], self.profile, self.threads)
        try:
            found: dict[str, Any] = run_in_child(timed, *given, timeout=self.timeout)
        except Crashed as crash:
            entry |= {"status": "failed", "reasons": [f"while it was timed: {crash}"]}
            return None
        return {"digest": entry["digest"], **found}

    def report(self, models: list[Model], entries: dict[str, Any], target: str) -> dict[str, Any]:
        """All that is the same each time."""
        calibrations = [one["calibration"] for one in entries.values() if one.get("calibration")]
        made_with = {"ai-edge-litert": version("ai-edge-litert"), "numpy": version("numpy")}
        for model in models:
            made_with = model.about().get("made_with", {}) | made_with
        return {
            "runtime": self.runtime,
            "kernels": self.kernels,
            "threads": self.threads,
            "target": self.checked(target),
            "rows": len(self.rows),
            "source": {
                "size": len(self.source),
                "parameters": self.about["parameters"],
                "accuracy": self.judge.accuracy(),
            },
            "calibration": calibrations[0] if calibrations else None,
            "variants": entries,
            "made_with": made_with,
        }

    def checked(self, target: str) -> dict[str, Any]:
        """Which target, and whether the models ran on it or only their files were looked at."""
        ran = self.profile.runs_here or (self.profile.second_runtime is not None and installed() is not None)
        found = {
            "profile": target,
            "about": self.profile.about,
            "checked": "run" if ran else "static",
            "sources": list(self.profile.sources),
        }
        if self.profile.second_runtime:
            found["second_runtime"] = installed() or f"{self.profile.second_runtime} is not installed here"
        return found

    def timing(self, times: dict[str, Any]) -> dict[str, Any]:
        """All that is of this machine at this moment."""
        where = {"runtime": self.runtime, "kernels": self.kernels, "threads": self.threads, "machine": machine()}
        return {**where, "variants": times}

    @property
    def runtime(self) -> str:
        return f"ai-edge-litert {version('ai-edge-litert')}"


def content_of(model: Model) -> bytes:
    """The bytes of the `.tflite`. Raises BadInput where there is none."""
    try:
        return (model.path / "model.tflite").read_bytes()
    except OSError as error:
        raise BadInput(f"this model has no model.tflite: {error}") from None


def _rows(reference: Model, columns: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels. Raises BadInput for rows that are not for this model."""
    about = reference.about()
    if columns.classes != about["classes"]:
        raise BadInput(f"the model knows the classes {about['classes']}, but the data {columns.classes}")
    rows, labels = reference.inputs_from(columns), columns.label()
    if not len(rows):
        raise BadInput("there are no rows to judge by")
    check_finite(columns.named("label")[0], labels)
    if about["classes"] and not ((labels >= 0) & (labels < len(about["classes"]))).all():
        raise BadInput(f"some labels are none of the {len(about['classes'])} classes")
    return rows, labels
