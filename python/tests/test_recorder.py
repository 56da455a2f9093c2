"""superpose.Recorder against the program that reads its records, and its rules for files."""

import json
import math
import os
import pathlib
import subprocess
import sys

import pytest

from superpose.recorder import Recorder, fingerprint, load_run, read_records

PHASES = {
    "base": [{"first_step": 0, "num_steps": 40, "bag_size": 1, "target_size": 1}],
    "mine": [
        {"first_step": 0, "num_steps": 12, "bag_size": 4, "target_size": 4},
        {"first_step": 12, "num_steps": 28, "bag_size": 1, "target_size": 1},
    ],
}
COMMON = dict(positions_per_step=512, flops_per_position=6e5, data="corpus", validation="held out")


def recorder(folder, arm="mine", seed=1, **more):
    return Recorder(folder, phases=PHASES[arm], arm=arm, seed=seed, recipe={"arm": arm, "steps": 40}, **COMMON, **more)


def record_run(folder, arm, seed):
    record = recorder(folder, arm, seed, settings={"bag_size": PHASES[arm][0]["bag_size"]}, learning_rate=0.01)
    for step in range(40):
        loss = 5.5 * math.exp(-step / 40) - (0.02 if arm == "mine" else 0.0) + 0.001 * seed
        record.step(step + 1, loss, learning_rate=0.01, gradient_norm=1.0, scalars={"update_ratio/matrix": 0.001})
        if (step + 1) % 10 == 0:
            with record.evaluating():
                held_out = loss + 0.01 * seed
            record.validation(step + 1, held_out, loss_half_a=held_out - 0.01, loss_half_b=held_out + 0.01)
    record.summary(40, epochs=0.5)
    return folder


def kinds(folder):
    return [record["kind"] for record in read_records(folder)]


def test_the_program_reports_two_paired_runs(tmp_path):
    program = os.environ.get("SUPERPOSE_PROGRAM")
    if not program or not pathlib.Path(program).exists():
        pytest.skip("SUPERPOSE_PROGRAM names no program")
    arms = {arm: [record_run(tmp_path / f"{arm}-{seed}", arm, seed) for seed in (1, 2)] for arm in PHASES}
    words = [program, "report"]
    for arm, folders in arms.items():
        words += ["--arm", f"{arm}={','.join(map(str, folders))}"]
    result = subprocess.run([*words, "--out", tmp_path / "report"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert "unfinished" not in result.stdout + result.stderr
    assert {"base", "mine"} <= set(json.dumps(report).replace('"', " ").split())


def test_clocks(tmp_path):
    record_run(tmp_path, "mine", 1)
    records = read_records(tmp_path)
    steps = [record for record in records if record["kind"] == "step"]
    assert [record["raw_tokens"] for record in steps[10:14]] == [512 * n for n in (44, 48, 49, 50)]
    assert steps[-1]["positions"] == 40 * 512
    assert [record["is_bag_loss"] for record in steps] == [True] * 12 + [False] * 28
    assert all(before["seconds"] <= after["seconds"] for before, after in zip(steps, steps[1:]))
    (switch,) = [record for record in records if record.get("event") == "switch"]
    assert (switch["step"], switch["text"]) == (12, "bags of 4, 4 target(s) -> bags of 1, 1 target(s)")
    assert kinds(tmp_path)[0] == "header" and kinds(tmp_path)[-1] == "summary"


def test_time_apart_is_left_out(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    record = recorder(tmp_path)
    now[0] += 3.0
    with record.waiting():
        now[0] += 1.0
    with record.evaluating():
        now[0] += 5.0
    with record.checkpointing():
        now[0] += 7.0
    record.step(2, 1.0)
    record.validation(2, 1.0)
    step, validation = read_records(tmp_path)[1:]
    assert (step["seconds"], step["elapsed_seconds"], step["wait_seconds"]) == (4.0, 16.0, 1.0)
    assert (step["positions_per_second"], step["wait_share"]) == (256.0, 0.25)
    assert (validation["seconds"], validation["evaluation_seconds"]) == (4.0, 5.0)


@pytest.mark.parametrize("exact", [True, False])
def test_resume_drops_what_came_later_and_continues_the_clocks(tmp_path, monkeypatch, exact):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    record, state = recorder(tmp_path), None
    for step in range(1, 21):
        now[0] += 1.0
        if step % 2 == 0:
            record.step(step, 3.0)
        if step == 10:
            with record.evaluating():
                now[0] += 2.0
            record.validation(10, 3.0)
        if step == 15:
            record.event(15, "checkpoint", "step 15")
            state = record.state_dict()
    with open(tmp_path / "metrics.jsonl", "ab") as file:
        file.write(b'{"kind":"step","step":21,"lo')  # a kill
    now[0] = 1000.0
    record = recorder(tmp_path, resume=state if exact else 15)
    assert record.seconds == (15.0 if exact else 14.0)  # of step 15, or of the last record with a clock
    assert record.elapsed_seconds == record.seconds + 2.0
    assert kinds(tmp_path)[-3:] == ["event", "header", "event"]
    assert max(r["step"] for r in read_records(tmp_path) if r["kind"] == "step") == 14
    assert len([r for r in read_records(tmp_path) if r.get("event") == "switch"]) == 1
    now[0] += 1.0
    record.step(16, 2.0)
    assert len([r for r in read_records(tmp_path) if r.get("event") == "switch"]) == 1
    assert read_records(tmp_path)[-1]["seconds"] == (16.0 if exact else 15.0)


def test_a_summary_does_not_survive_a_resume(tmp_path):
    record_run(tmp_path, "mine", 1)
    recorder(tmp_path, resume=40)
    assert "summary" not in kinds(tmp_path)


def test_files_of_others_stay(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for text in ("step,loss\n1,2\n", '{"kind":"header","schema":1,"seed":1}\n', "{", "mine"):
        path.write_text(text)
        if text == "{":  # nothing but the beginning of a header: a kill left it
            recorder(tmp_path)
            continue
        for more in ({}, {"overwrite": True}, {"resume": 3}):
            with pytest.raises(FileExistsError, match="was not written by superpose.Recorder; use another folder"):
                recorder(tmp_path, **more)
        assert path.read_text() == text


def test_own_records_are_replaced_only_on_demand(tmp_path):
    record_run(tmp_path, "mine", 1)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    with pytest.raises(FileExistsError, match="holds the records of an earlier run; use another folder, resume"):
        recorder(tmp_path)
    for change, word in ((dict(seed=2), "seed must stay 1"), (dict(arm="base"), "recipe must stay")):
        with pytest.raises(ValueError, match=word):
            recorder(tmp_path, resume=5, **change)
    assert (tmp_path / "metrics.jsonl").read_bytes() == before
    recorder(tmp_path, overwrite=True)
    assert kinds(tmp_path) == ["header"]
    with pytest.raises(FileNotFoundError, match="must exist to resume at step 5"):
        recorder(tmp_path / "other", resume=5)


def test_numbers_that_are_not_finite(tmp_path):
    record = recorder(tmp_path)
    record.step(1, 2.0, gradient_norm=math.inf, scalars={"scale": math.nan})
    record.step(2, math.nan)
    record.validation(2, math.inf)
    step, first, second = read_records(tmp_path)[1:]
    assert "gradient_norm" not in step and "scalars" not in step
    assert (first["event"], first["text"]) == ("error", "loss is not finite: nan")
    assert (second["event"], second["text"]) == ("error", "validation loss is not finite: inf")


def test_what_is_refused(tmp_path):
    record = recorder(tmp_path)
    record.step(5, 1.0)
    for call, message in (
        (lambda: record.step(4, 1.0), "must not go back from 5, got 4"),
        (lambda: record.step(41, 1.0), r"must be in \[1, 40\], got 41"),
        (lambda: record.event(5, "pause", ""), "event must be one of resume, checkpoint"),
        (lambda: record.summary(39), "step must be 40"),
        (lambda: record.validation(5, 1.0, tokens=3), "give tokens and documents together"),
        (lambda: Recorder(tmp_path / "x", phases=[], seed=1, recipe="", **COMMON), "must hold one or more"),
        (
            lambda: Recorder(tmp_path / "x", phases=PHASES["mine"][1:], seed=1, recipe="", **COMMON),
            "first_step must be 0",
        ),
        (lambda: Recorder(tmp_path / "x", phases=[{"first_step": 0}], seed=1, recipe="", **COMMON), "missing 'num_ste"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="arms is not a field of the header; known: arm, "):
        recorder(tmp_path / "x", arms="mine")
    assert not (tmp_path / "x").exists()


def test_fingerprints():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1}) != fingerprint({"a": 1, "b": [3]})
    assert fingerprint("text") == fingerprint(b"text") and len(fingerprint("")) == 16


def test_bad_lines_are_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"kind":"header"}\n\n{"kind":"step"}\n')
    with pytest.raises(ValueError, match="metrics.jsonl:3: step: missing field 'step'"):
        read_records(tmp_path)
    path.write_text('{"kind":"header"}\n[1]\n')
    with pytest.raises(ValueError, match="metrics.jsonl:2: must be a JSON object with a field 'kind'"):
        read_records(path)


def test_load_run_as_a_frame(tmp_path):
    pandas = pytest.importorskip("pandas")
    record_run(tmp_path, "mine", 1)
    frame = load_run(tmp_path)
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame[frame.kind == "validation"].step) == [10, 20, 30, 40]
    assert frame.attrs["header"]["seed"] == 1
    assert set(frame[frame.kind == "step"]["scalars/update_ratio/matrix"]) == {0.001}


def test_load_run_without_pandas_says_what_to_do(tmp_path, monkeypatch):
    record_run(tmp_path, "mine", 1)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"load_run needs pandas: pip install pandas; read_records\(folder\)"):
        load_run(tmp_path)
