"""Weights that compress well, at a price that is measured against the same training without it."""

from __future__ import annotations

import json
import shutil
from typing import Any

from lighterage.launching.artifacts import Dataset, Metrics, Model
from lighterage.schemas import BadInput

from .holding import Hold, check_held, clustered, figures, pruned
from .networks import Rows, judged, start_keras, trained


def compress(
    *,
    model: Model,
    train: Dataset,
    compressed: Model,
    metrics: Metrics,
    method: str,
    sparsity: float,
    clusters: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    threads: int,
    validation: Dataset | None = None,
) -> dict[str, float]:
    """Writes the model and what it cost. Raises BadInput for rows that do not fit it, and where nothing was held."""
    about = model.about()
    classes = bool(about["classes"])
    rows = rows_for(model, train)
    held_out = rows if validation is None else rows_for(model, validation)

    def after_training(hold: Hold | None) -> tuple[Any, dict[str, Any]]:
        """From the same start and in the same order, whatever is held."""
        start_keras(seed, threads)
        network = trained(model.keras(), rows, hold, epochs, batch_size, learning_rate, classes)
        return network, judged(network, held_out, classes) | figures(network)

    start_keras(seed, threads)
    start = model.keras()
    before = judged(start, held_out, classes) | figures(start)
    _, control = after_training(None)
    network, after = after_training(pruned(sparsity) if method == "prune" else clustered(clusters))
    asked = {"sparsity": sparsity} if method == "prune" else {"clusters": clusters}
    check_held(after, asked)
    how = {"method": method, **asked, "epochs": epochs}
    write_model(network, model, compressed, about | {"compressed": how})
    score = "accuracy" if classes else "r2"
    drop = control[score] - after[score]
    judging = {"rows": len(held_out.inputs), "measured_on": "train" if validation is None else "validation"}
    print(f"{score} {before[score]:.4f} before, {control[score]:.4f} control, {after[score]:.4f} after", flush=True)
    metrics.write({**how, **judging, "before": before, "control": control, "after": after, "accuracy_drop": drop})
    return {"accuracy": after[score], "accuracy_drop": drop}


def rows_for(model: Model, data: Dataset) -> Rows:
    """Raises BadInput for rows prepared otherwise, of other classes, or none."""
    columns, classes = data.read(), model.about()["classes"]
    if columns.classes != classes:
        raise BadInput(f"the model knows the classes {classes}, but the data has {columns.classes}")
    if not columns.rows:
        raise BadInput("there are no rows to train on or to measure on")
    return Rows(model.inputs_from(columns), columns.label())


def write_model(network: Any, source: Model, to: Model, about: dict[str, Any]) -> None:
    """The form of train/keras: three files without dates and generated names."""
    to.path.mkdir(parents=True)
    shutil.copyfile(source.path / "architecture.json", to.path / "architecture.json")
    network.save_weights(to.path / "model.weights.h5")
    text = json.dumps(about, indent=1, ensure_ascii=False)
    (to.path / "model.json").write_text(text + "\n", encoding="utf-8")
