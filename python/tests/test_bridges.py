"""metrics.jsonl to trackers: the real packages where they are installed, and fake ones with the same calls
everywhere."""

import contextlib
import importlib.util
import sys
import time
import types

import pytest

from superpose import bridges
from superpose.recorder import Recorder

PHASES = [
    {"first_step": 0, "num_steps": 2, "bag_size": 4, "target_size": 4},
    {"first_step": 2, "num_steps": 2, "bag_size": 1, "target_size": 1},
]
LOSSES = [5.0, 4.5, 4.0, 3.5]


def installed(name):
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed")


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run-1"
    record = Recorder(
        folder, phases=PHASES, seed=1, positions_per_step=8, flops_per_position=6.0, recipe="r", data="d",
        validation="v", settings={"optim.rate": 0.1},
    )  # fmt: skip
    for step, loss in enumerate(LOSSES, 1):
        record.step(step, loss, learning_rate=0.1, scalars={"scale": 2.0})
    record.validation(4, 3.25, bits_per_byte=1.5)
    record.summary(4)
    return folder


def test_series(run):
    points = bridges.series(run)
    assert [step for step, _ in points] == [1, 2, 3, 4]
    assert [values.get("train/bag_loss") for _, values in points] == [5.0, 4.5, None, None]
    assert [values.get("train/ntp_loss") for _, values in points] == [None, None, 4.0, 3.5]
    last = points[-1][1]
    assert (last["validation/ntp_loss"], last["validation/bits_per_byte"], last["train/scale"]) == (3.25, 1.5, 2.0)
    assert last["data/raw_tokens"] == 8 * (4 + 4 + 1 + 1)


class FakeRun:
    def __init__(self, calls):
        self.calls = calls

    def log(self, values, step):
        self.calls.append((step, values))

    def finish(self):
        self.calls.append("finished")


def test_wandb_calls(run, monkeypatch):
    calls, init = [], {}
    fake = types.SimpleNamespace(init=lambda **arguments: init.update(arguments) or FakeRun(calls))
    monkeypatch.setitem(sys.modules, "wandb", fake)
    assert bridges.to_wandb(run, project="p", dir="there") == 4
    assert (init["project"], init["name"], init["mode"], init["dir"]) == ("p", "run-1", "offline", "there")
    assert init["config"]["optim.rate"] == "0.1" and init["config"]["phase0/bag_size"] == 4
    assert calls == [*bridges.series(run), "finished"]


def test_mlflow_calls(run, monkeypatch):
    calls, parameters = [], {}
    fake = types.SimpleNamespace(
        set_tracking_uri=lambda uri: calls.append(uri),
        set_experiment=lambda name: calls.append(name),
        start_run=lambda run_name: contextlib.nullcontext(calls.append(run_name)),
        log_params=parameters.update,
        log_metrics=lambda values, step: calls.append((step, values)),
    )
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    assert bridges.to_mlflow(run, experiment="e", name="n", tracking_uri="sqlite:///x.db") == 4
    assert calls == ["sqlite:///x.db", "e", "n", *bridges.series(run)]
    assert parameters["seed"] == "1"


def test_trackio_calls(run, monkeypatch):
    calls, init = [], {}
    fake = types.SimpleNamespace(
        init=lambda **arguments: init.update(arguments),
        log=lambda values, step: calls.append((step, values)),
        finish=lambda: calls.append("finished"),
    )
    monkeypatch.setitem(sys.modules, "trackio", fake)
    assert bridges.to_trackio(run, project="p", name="n") == 4
    assert (init["project"], init["name"]) == ("p", "n")
    assert calls == [*bridges.series(run), "finished"]


@pytest.mark.parametrize(
    "name, send",
    [
        ("wandb", lambda folder: bridges.to_wandb(folder, project="p")),
        ("mlflow", lambda folder: bridges.to_mlflow(folder, experiment="e")),
        ("trackio", lambda folder: bridges.to_trackio(folder, project="p")),
    ],
)
def test_a_missing_package_is_named(run, monkeypatch, name, send):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"to_{name} needs the package {name}: pip install {name}"):
        send(run)


@installed("wandb")
def test_wandb_offline(run, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_DISABLE_GIT", "true")
    assert bridges.to_wandb(run, project="p", dir=str(tmp_path)) == 4
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    deadline = time.monotonic() + 30  # its process writes the file shortly after `finish` returns
    while b"validation/ntp_loss" not in file.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert b"validation/ntp_loss" in file.read_bytes()


@installed("mlflow")
@installed("sqlalchemy")  # which mlflow-skinny leaves out
def test_mlflow_in_a_local_file(run, tmp_path):
    import mlflow

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert bridges.to_mlflow(run, experiment="e", tracking_uri=uri) == 4
    client = mlflow.MlflowClient(uri)
    (found,) = client.search_runs([client.get_experiment_by_name("e").experiment_id])
    assert found.info.run_name == "run-1" and found.data.params["phase0/bag_size"] == "4"
    history = client.get_metric_history(found.info.run_id, "train/ntp_loss")
    assert [(point.step, point.value) for point in history] == [(3, 4.0), (4, 3.5)]


@installed("trackio")
def test_trackio_in_a_local_database(run, tmp_path, monkeypatch):
    assert "trackio" not in sys.modules, "trackio reads its folder from the environment once, when it is imported"
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    from trackio import sqlite_storage

    assert bridges.to_trackio(run, project="superpose-test") == 4
    assert list((tmp_path / "trackio").iterdir())
    logs = sqlite_storage.SQLiteStorage.get_logs("superpose-test", "run-1")
    assert [entry["train/ntp_loss"] for entry in logs if "train/ntp_loss" in entry] == [4.0, 3.5]
