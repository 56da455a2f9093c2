"""From metrics.jsonl to trackers of experiments: Weights & Biases, MLflow, trackio. Each is optional and imported when
called.

The records stay the source: a run is sent after the fact (or again and again while it runs, under a new name), so a
trainer depends on no tracker. Nothing here needs a network: W&B writes its offline folder by default, MLflow and
trackio write local files.

    from superpose import bridges

    bridges.to_wandb("runs/tst-1", project="tst")  # then: wandb sync wandb/offline-run-...
    bridges.to_mlflow("runs/tst-1", experiment="tst", tracking_uri="sqlite:///mlflow.db")
    bridges.to_trackio("runs/tst-1", project="tst")

Names of series are those of the program's TensorBoard files (docs/formats/metrics.md): a bag loss and a next-token loss
never share a name. The x axis is the step.
"""

from __future__ import annotations

import importlib
import math
import os
import pathlib
from types import ModuleType
from typing import Any

from superpose.recorder import read_records

_STEP_SERIES = {
    "learning_rate": "train/learning_rate",
    "gradient_norm": "train/gradient_norm",
    "positions_per_second": "speed/positions_per_second",
    "raw_tokens_per_second": "speed/raw_tokens_per_second",
    "wait_share": "speed/wait_share",
    "raw_tokens": "data/raw_tokens",
    "positions": "data/positions",
    "epoch": "data/epoch",
}


def _validation_series(scores: dict[str, Any], prefix: str) -> dict[str, float]:
    series = {
        f"{prefix}/ntp_loss": scores["loss"],
        f"{prefix}/perplexity": scores.get("perplexity") or _exp(scores["loss"]),
    }
    for name in ("bits_per_byte", "copying"):
        if name in scores:
            series[f"{prefix}/{name}"] = scores[name]
    return series


def _exp(loss: float) -> float:
    return math.exp(min(loss, 700.0))  # of f64: no overflow


def series(folder: str | os.PathLike[str]) -> list[tuple[int, dict[str, float]]]:
    """The numbers of a run: pairs of step and name -> value, steps ascending, one pair for each step.

    `folder` as in `superpose.read_records`. Records of the same step are joined; where a validation was taken twice, as
    after a resume, the later one counts. Raises what `read_records` raises.
    """
    points: dict[int, dict[str, float]] = {}
    for record in read_records(folder):
        values: dict[str, float] = {}
        if record["kind"] == "step":
            if "loss" in record:
                values["train/bag_loss" if record.get("is_bag_loss") else "train/ntp_loss"] = record["loss"]
            values.update({name: record[field] for field, name in _STEP_SERIES.items() if field in record})
            values.update({f"train/{name}": value for name, value in record.get("scalars", {}).items()})
            values.update({f"data/epoch/{name}": value for name, value in record.get("source_epochs", {}).items()})
        elif record["kind"] == "validation":
            values.update(_validation_series(record, "validation"))
            if len(record.get("sets", [])) > 1:
                for scores in record["sets"]:
                    values.update(_validation_series(scores, f"validation/{scores['name']}"))
        elif record["kind"] == "final":
            values.update({f"final/{scores['name']}/ntp_loss": scores["loss"] for scores in record["sets"]})
        if values:
            points.setdefault(record["step"], {}).update({name: float(value) for name, value in values.items()})
    return sorted(points.items())


def _config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """What a tracker shows as the run's settings: the header, flat."""
    header = next(record for record in reversed(read_records(folder)) if record["kind"] == "header")
    config = {
        key: value for key, value in header.items() if isinstance(value, (str, int, float, bool)) and key != "kind"
    }
    config.update({f"fingerprint/{name}": value for name, value in header["fingerprints"].items()})
    config.update({f"version/{name}": value for name, value in header.get("versions", {}).items()})
    for index, phase in enumerate(header["phases"]):
        config.update({f"phase{index}/{name}": value for name, value in phase.items()})
    config.update({setting["key"]: setting["value"] for setting in header.get("settings", [])})
    return config


def _name(folder: str | os.PathLike[str], name: str | None) -> str:
    if name is not None:
        return name
    path = pathlib.Path(folder).resolve()
    return path.name if path.is_dir() else path.stem


def _package(name: str, function: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"{function} needs the package {name}: pip install {name}") from error


def to_wandb(
    folder: str | os.PathLike[str], *, project: str, name: str | None = None, mode: str = "offline", **init: Any
) -> int:
    """Sends a run to Weights & Biases. Returns the number of steps sent.

    `mode` is that of `wandb.init`: "offline" writes a folder for `wandb sync`, "online" sends at once. Further
    arguments go to `wandb.init` (entity, group, dir, tags). Raises ImportError without wandb.
    """
    wandb = _package("wandb", "superpose.bridges.to_wandb")
    points = series(folder)
    run = wandb.init(project=project, name=_name(folder, name), mode=mode, config=_config(folder), **init)
    try:
        for step, values in points:
            run.log(values, step=step)
    finally:
        run.finish()
    return len(points)


def to_mlflow(
    folder: str | os.PathLike[str], *, experiment: str, name: str | None = None, tracking_uri: str | None = None
) -> int:
    """Sends a run to MLflow. Returns the number of steps sent.

    `tracking_uri` is that of `mlflow.set_tracking_uri`, such as "sqlite:///mlflow.db" for a local file; None leaves
    MLflow's own setting. Raises ImportError without mlflow (mlflow-skinny is enough for a server; a local database also
    needs sqlalchemy and alembic).
    """
    mlflow = _package("mlflow", "superpose.bridges.to_mlflow")
    points = series(folder)
    if tracking_uri is not None:
        mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name=_name(folder, name)):
        mlflow.log_params({key: str(value)[:500] for key, value in _config(folder).items()})
        for step, values in points:
            mlflow.log_metrics(values, step=step)
    return len(points)


def to_trackio(folder: str | os.PathLike[str], *, project: str, name: str | None = None, **init: Any) -> int:
    """Sends a run to trackio, which keeps it in a local database (`trackio show`). Returns the number of steps sent.

    Further arguments go to `trackio.init`. Raises ImportError without trackio.
    """
    trackio = _package("trackio", "superpose.bridges.to_trackio")
    points = series(folder)
    trackio.init(project=project, name=_name(folder, name), config=_config(folder), **init)
    try:
        for step, values in points:
            trackio.log(values, step=step)
    finally:
        trackio.finish()
    return len(points)
