"""The records of a run, written by any trainer, for `superpose report`.

The format is that of docs/formats/metrics.md (schema 1): one JSON object per line in `metrics.jsonl`. Needs Python
alone; `load_run` needs pandas too.

    recorder = superpose.Recorder("runs/tst-1", phases=phases, seed=1, positions_per_step=rows * length,
                                  flops_per_position=6 * parameters, recipe=settings, data="fineweb-10B",
                                  validation="val-1M")
    for step in range(total_steps):
        ...                                                    # one optimizer step
        recorder.step(step + 1, loss.item(), learning_rate=rate)
        if (step + 1) % 250 == 0:
            with recorder.evaluating():
                held_out = evaluate(model)                     # next-token loss, bagging off
            recorder.validation(step + 1, held_out)
    recorder.summary(total_steps)
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import math
import os
import pathlib
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

SCHEMA = 1
FILE_NAME = "metrics.jsonl"
EVENTS = ("resume", "checkpoint", "switch", "warning", "error")

_WRITER = "superpose.Recorder"
_PHASE_FIELDS = ("first_step", "num_steps", "bag_size", "target_size")
# What a header may say in addition to what the arguments give.
_DETAILS = frozenset(
    "arm run_name model parameters sequence_length total_steps train_tokens learning_rate budget threads ranks device "
    "precision cpu isa command versions".split()
)


def fingerprint(thing: Any) -> str:
    """16 hexadecimal digits that are equal exactly when `thing` is equal.

    `thing` is a str, bytes, or anything that JSON can hold; a mapping's order does not count. A str is hashed as well,
    so a long description may be given. Raises TypeError for what JSON cannot hold.
    """
    if isinstance(thing, str):
        data = thing.encode()
    elif isinstance(thing, (bytes, bytearray, memoryview)):
        data = bytes(thing)
    else:
        data = json.dumps(thing, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()[:16]


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, allow_nan=False).encode() + b"\n"


def _phase_list(phases: Iterable[Any]) -> list[dict[str, int]]:
    """Phases as the header has them; checks that they follow one another without a gap."""
    result: list[dict[str, int]] = []
    for index, phase in enumerate(phases):
        get = phase.__getitem__ if isinstance(phase, Mapping) else lambda name, phase=phase: getattr(phase, name)
        try:
            entry = {name: int(get(name)) for name in _PHASE_FIELDS}
        except (KeyError, AttributeError) as error:
            names = ", ".join(_PHASE_FIELDS)
            raise ValueError(f"Recorder: phases[{index}] must have {names}; missing {error}") from None
        expected = result[-1]["first_step"] + result[-1]["num_steps"] if result else 0
        if entry["first_step"] != expected:
            raise ValueError(
                f"Recorder: phases[{index}].first_step must be {expected}, where the one before ends, "
                f"got {entry['first_step']}"
            )
        result.append(entry)
    if not result:
        raise ValueError("Recorder: phases must hold one or more, got none; plain training is one phase of 1 and 1")
    return result


class Recorder:
    """Writes the records of one run to `folder`/metrics.jsonl, each as one whole line.

    The clock of `seconds` starts when the object is made: make it right before the loop. It runs through steps and
    waiting, and stands still in `with recorder.evaluating()` and `with recorder.checkpointing()`. Positions and raw
    tokens follow from the phases. With several processes, make one Recorder, on rank 0; its numbers are those of all
    ranks together.

    Args:
        folder: of the run; made if it does not exist. One run per folder.
        phases: `superpose.Phases`, or a list of objects or mappings with `first_step`, `num_steps`, `bag_size`,
            `target_size`.
        seed: whole number. The report pairs runs of two arms with the same seed.
        positions_per_step: positions that the decoder computes in one optimizer step, all micro-batches and ranks.
        flops_per_position: forward and backward; the same rule in all arms (6 x parameters will do).
        recipe, data, validation: anything that is equal exactly when the settings (without the seed), the training
            data, the held-out tokens are equal: strings, or what JSON can hold. The report compares only runs of equal
            data and validation.
        resume: None for a new run; or the step of the checkpoint that it continues from; or the `state_dict()` that was
            saved with that checkpoint, which also restores the clocks exactly. Records beyond that step are dropped.
        overwrite: replace the records of an earlier Recorder instead of refusing. Never replaces any other file.
        settings: name to value; the report lists those in which arms differ.
        details: further fields of the header: arm, run_name, model, parameters, sequence_length, total_steps,
            train_tokens, learning_rate, budget, threads, ranks, device, precision, cpu, isa, command, versions.

    Raises:
        FileExistsError: `folder` holds a metrics.jsonl that this class did not write, or one of an earlier run.
        FileNotFoundError: `resume` is given and there are no records.
        ValueError: phases with a gap, a number out of range, or a resume whose fingerprints or seed differ from the
            records'.

    Source: docs/formats/metrics.md.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        phases: Iterable[Any],
        seed: int,
        positions_per_step: int,
        flops_per_position: float,
        recipe: Any,
        data: Any,
        validation: Any,
        resume: int | Mapping[str, Any] | None = None,
        overwrite: bool = False,
        settings: Mapping[str, Any] | None = None,
        **details: Any,
    ) -> None:
        unknown = sorted(set(details) - _DETAILS)
        if unknown:
            known = ", ".join(sorted(_DETAILS))
            raise TypeError(f"Recorder: {unknown[0]} is not a field of the header; known: {known}")
        if positions_per_step < 1:
            raise ValueError(f"Recorder: positions_per_step must be >= 1, got {positions_per_step}")
        if not (math.isfinite(flops_per_position) and flops_per_position > 0):
            raise ValueError(f"Recorder: flops_per_position must be finite and above 0, got {flops_per_position}")
        self.path = pathlib.Path(folder) / FILE_NAME
        self.phases = _phase_list(phases)
        self.positions_per_step = positions_per_step
        self._spent = {"evaluation": 0.0, "checkpoint": 0.0, "waiting": 0.0}
        self._evaluation_seconds = 0.0  # since the last validation record
        self._before: dict[str, Any] = {}  # the last step record: rates are differences to it
        self._switches: set[int] = set()  # steps whose switch is recorded
        self._elapsed = 0.0  # before this process
        self._step = 0
        header = {
            "kind": "header",
            "schema": SCHEMA,
            "writer": _WRITER,
            "seed": int(seed),
            "flops_per_position": float(flops_per_position),
            "positions_per_step": positions_per_step,
            "total_steps": self.phases[-1]["first_step"] + self.phases[-1]["num_steps"],
            "phases": self.phases,
            "fingerprints": {
                "recipe": fingerprint(recipe),
                "data": fingerprint(data),
                "validation": fingerprint(validation),
            },
            "settings": [
                {
                    "key": key,
                    "value": value if isinstance(value, str) else json.dumps(value, default=str),
                    "operational": False,
                }
                for key, value in (settings or {}).items()
            ],
            "started_at": _now(),
            **{key: value for key, value in details.items() if value is not None},
        }
        header["versions"] = {**_versions(), **details.get("versions", {})}
        if resume is None:
            _refuse_foreign(self.path, overwrite)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            kept = b""
        else:
            kept = self._continue_from(resume, header)
        _replace(self.path, kept + _line(header))
        self._start = time.monotonic()
        if resume is not None:
            self.event(self._step, "resume", f"resumed at step {self._step}")

    # Clocks.

    @property
    def elapsed_seconds(self) -> float:
        """Steps, evaluation and checkpoints together, in seconds."""
        return self._elapsed + time.monotonic() - self._start

    @property
    def seconds(self) -> float:
        """Time of the steps alone: waiting is included, evaluation and checkpoints are not."""
        return self.elapsed_seconds - self._spent["evaluation"] - self._spent["checkpoint"]

    def raw_tokens(self, step: int) -> int:
        """Raw tokens that the first `step` steps read: bag size times positions."""
        total = 0
        for phase in self.phases:
            steps = min(max(step - phase["first_step"], 0), phase["num_steps"])
            total += steps * phase["bag_size"] * self.positions_per_step
        return total

    def evaluating(self) -> contextlib.AbstractContextManager[None]:
        """`with recorder.evaluating():` leaves the time of the block out of `seconds`."""
        return self._timed("evaluation")

    def checkpointing(self) -> contextlib.AbstractContextManager[None]:
        """`with recorder.checkpointing():` likewise, for writing a checkpoint."""
        return self._timed("checkpoint")

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        """`with recorder.waiting(): batch = next(loader)` counts the block as time that was waited for data."""
        return self._timed("waiting")

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        begin = time.monotonic()
        try:
            yield
        finally:
            taken = time.monotonic() - begin
            self._spent[what] += taken
            if what == "evaluation":
                self._evaluation_seconds += taken

    # Records.

    def step(
        self,
        step: int,
        loss: float,
        *,
        learning_rate: float | None = None,
        gradient_norm: float | None = None,
        epoch: float | None = None,
        scalars: Mapping[str, float] | None = None,
    ) -> None:
        """After optimizer step number `step` (steps finished, from 1): its loss in nats per target.

        Not every step needs a record: rates are over the steps since the previous one. A step that is the first of a
        phase also records the switch. A loss that is not finite becomes an `error` event instead; a gradient norm that
        is not finite is left out, as loss scaling gives them in ordinary runs.

        `gradient_norm` is that before clipping, `epoch` passes over the data, `scalars` further numbers by name.
        """
        self._check_step(step)
        index = self._phase_of(step)
        self._record_switches(step, index)
        if not math.isfinite(loss):
            self.event(step, "error", f"loss is not finite: {loss}")
            return
        phase = self.phases[index]
        record: dict[str, Any] = {
            "kind": "step",
            "step": step,
            "phase": index,
            "bag_size": phase["bag_size"],
            "target_size": phase["target_size"],
            "loss": float(loss),
            "is_bag_loss": phase["target_size"] > 1,
            **self._clocks(step),
            "wait_seconds": self._spent["waiting"],
            "elapsed_seconds": self.elapsed_seconds,
            "time": _now(),
        }
        for name, value in (("learning_rate", learning_rate), ("gradient_norm", gradient_norm), ("epoch", epoch)):
            if value is not None and math.isfinite(value):
                record[name] = float(value)
        finite = {name: float(value) for name, value in (scalars or {}).items() if math.isfinite(value)}
        if finite:
            record["scalars"] = finite
        before = self._before
        seconds = record["seconds"] - before.get("seconds", 0.0)
        if seconds > 0:
            record["positions_per_second"] = (record["positions"] - before.get("positions", 0)) / seconds
            record["raw_tokens_per_second"] = (record["raw_tokens"] - before.get("raw_tokens", 0)) / seconds
            record["wait_share"] = (record["wait_seconds"] - before.get("wait_seconds", 0.0)) / seconds
        self._before = record
        self._write(record)

    def validation(
        self,
        step: int,
        loss: float,
        *,
        loss_half_a: float | None = None,
        loss_half_b: float | None = None,
        bits_per_byte: float | None = None,
        tokens: int | None = None,
        documents: int | None = None,
    ) -> None:
        """Next-token loss in nats per token after `step` steps, with bagging off, on the same held-out tokens every
        time.

        `loss_half_a` and `loss_half_b` are the same over two halves of the held-out documents. `tokens` and
        `documents`, given together, say what `loss` is the mean over. A loss that is not finite becomes an `error`
        event instead.
        """
        self._check_step(step, least=0)
        if not math.isfinite(loss):
            self.event(step, "error", f"validation loss is not finite: {loss}")
            return
        if (tokens is None) != (documents is None):
            raise ValueError("Recorder.validation: give tokens and documents together, got one of them")
        record: dict[str, Any] = {"kind": "validation", "step": step, **self._clocks(step), "loss": float(loss)}
        optional = {"loss_half_a": loss_half_a, "loss_half_b": loss_half_b, "bits_per_byte": bits_per_byte}
        record.update({name: float(value) for name, value in optional.items() if value is not None})
        if tokens is not None:
            record["scored"] = {"tokens": int(tokens), "documents": int(documents)}
        record["evaluation_seconds"] = self._evaluation_seconds
        record["elapsed_seconds"] = self.elapsed_seconds
        record["time"] = _now()
        self._evaluation_seconds = 0.0
        self._write(record)

    def event(self, step: int, event: str, text: str) -> None:
        """What happened after `step` steps: resume, checkpoint, switch, warning or error, and one line of text."""
        if event not in EVENTS:
            raise ValueError(f"Recorder.event: event must be one of {', '.join(EVENTS)}, got {event!r}")
        self._check_step(step, least=0)
        self._write({"kind": "event", "step": step, "event": event, "text": " ".join(text.split()), "time": _now()})

    def summary(self, step: int, *, epochs: float | None = None, peak_memory_bytes: int = 0) -> None:
        """Last record, of a run that did its last step. A run without one counts as unfinished.

        Raises ValueError where `step` is not the number of steps that the phases have together.
        """
        total = self.phases[-1]["first_step"] + self.phases[-1]["num_steps"]
        if step != total:
            raise ValueError(f"Recorder.summary: step must be {total}, the steps of all phases, got {step}")
        record = {
            "kind": "summary",
            "step": step,
            **self._clocks(step),
            "wait_seconds": self._spent["waiting"],
            "evaluation_seconds": self._spent["evaluation"],
            "checkpoint_seconds": self._spent["checkpoint"],
            "peak_memory_bytes": int(peak_memory_bytes),
            "finished_at": _now(),
        }
        if epochs is not None:
            record["epochs"] = float(epochs)
        self._write(record)

    def state_dict(self) -> dict[str, Any]:
        """Step of the last record and the clocks, in seconds: save it with a checkpoint, give it back as `resume`."""
        return {"step": self._step, "elapsed_seconds": self.elapsed_seconds, **self._spent}

    # Inside.

    def _check_step(self, step: int, least: int = 1) -> None:
        total = self.phases[-1]["first_step"] + self.phases[-1]["num_steps"]
        if not least <= step <= total:
            raise ValueError(f"Recorder: step must be in [{least}, {total}], got {step}; it counts finished steps")
        if step < self._step:
            raise ValueError(f"Recorder: steps must not go back from {self._step}, got {step}; resume drops records")
        self._step = step

    def _phase_of(self, step: int) -> int:
        """Index of the phase that step number `step` (from 1) belonged to."""
        return next(i for i, p in enumerate(self.phases) if step <= p["first_step"] + p["num_steps"])

    def _record_switches(self, step: int, index: int) -> None:
        for before, phase in zip(self.phases[:index], self.phases[1 : index + 1]):
            if phase["first_step"] not in self._switches:
                self._switches.add(phase["first_step"])
                sizes = [f"bags of {p['bag_size']}, {p['target_size']} target(s)" for p in (before, phase)]
                text = f"{sizes[0]} -> {sizes[1]}"
                self._write(
                    {"kind": "event", "step": phase["first_step"], "event": "switch", "text": text, "time": _now()}
                )

    def _clocks(self, step: int) -> dict[str, Any]:
        return {
            "positions": step * self.positions_per_step,
            "raw_tokens": self.raw_tokens(step),
            "seconds": self.seconds,
        }

    def _continue_from(self, resume: int | Mapping[str, Any], header: Mapping[str, Any]) -> bytes:
        """Reads the records of the run that is continued; returns the lines to keep."""
        step = int(resume["step"] if isinstance(resume, Mapping) else resume)
        if not self.path.exists():
            raise FileNotFoundError(
                f"Recorder: {self.path} must exist to resume at step {step}; a new run has no resume"
            )
        if _kind_of_file(self.path) != "ours":
            raise FileExistsError(f"Recorder: {self.path} was not written by superpose.Recorder; use another folder")
        kept: list[bytes] = []
        for raw, record in _whole_lines(self.path):
            if record["kind"] == "header":
                _check_same_run(self.path, record, header)
            elif record["kind"] in ("summary", "final") or record["step"] > step:
                continue
            kept.append(raw)
            if record["kind"] == "step":
                self._before = record
            if record.get("event") == "switch":
                self._switches.add(record["step"])
            if "elapsed_seconds" in record:
                self._elapsed = record["elapsed_seconds"]
                self._spent["evaluation"] += record.get("evaluation_seconds", 0.0)
                self._spent["waiting"] = record.get("wait_seconds", self._spent["waiting"])
                self._spent["checkpoint"] = max(0.0, self._elapsed - record["seconds"] - self._spent["evaluation"])
        if isinstance(resume, Mapping):
            self._elapsed = float(resume["elapsed_seconds"])
            self._spent = {name: float(resume[name]) for name in self._spent}
        self._step = step
        return b"".join(kept)

    def _write(self, record: Mapping[str, Any]) -> None:
        # One write of one whole line, so that a kill leaves at most the last line cut off.
        with open(self.path, "ab", buffering=0) as file:
            file.write(_line(record))


def _versions() -> dict[str, str]:
    import torch

    import superpose

    return {"superpose": str(getattr(superpose, "__version__", "unknown")), "torch": str(torch.__version__)}


def _kind_of_file(path: pathlib.Path) -> str:
    """ "none": absent, or cut off within the first line; "ours"; "other"."""
    if not path.exists():
        return "none"
    with open(path, "rb") as file:
        first = file.readline()
    if not first.endswith(b"\n"):
        begin = _line({"kind": "header", "schema": SCHEMA, "writer": _WRITER})[:-2]
        return "none" if begin.startswith(first) or first.startswith(begin) else "other"
    try:
        record = json.loads(first)
    except ValueError:
        return "other"
    return "ours" if isinstance(record, dict) and record.get("writer") == _WRITER else "other"


def _refuse_foreign(path: pathlib.Path, overwrite: bool) -> None:
    kind = _kind_of_file(path)
    if kind == "other":
        raise FileExistsError(f"Recorder: {path} was not written by superpose.Recorder; use another folder")
    if kind == "ours" and not overwrite:
        raise FileExistsError(
            f"Recorder: {path} holds the records of an earlier run; "
            "use another folder, resume = its step, or overwrite = True"
        )


def _check_same_run(path: pathlib.Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for name, value in before["fingerprints"].items():
        if now["fingerprints"][name] != value:
            raise ValueError(f"Recorder: {path}: {name} must stay what it was in this run ({value}), got another")
    for name in ("seed", "phases", "positions_per_step", "flops_per_position"):
        if before[name] != now[name]:
            raise ValueError(f"Recorder: {path}: {name} must stay {before[name]} in this run, got {now[name]}")


def _replace(path: pathlib.Path, content: bytes) -> None:
    """Puts a file in place in one rename."""
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _whole_lines(path: pathlib.Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Lines with their newline, and their records. A last line without its newline was cut off and is left out."""
    with open(path, "rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.endswith(b"\n"):
                return
            if not raw.strip():
                continue
            try:
                record = json.loads(raw)
                kind = record["kind"]
            except (ValueError, KeyError, TypeError):
                rule = "must be a JSON object with a field 'kind'"
                raise ValueError(f"{path}:{number}: {rule}, got {raw[:60]!r}") from None
            if kind != "header" and "step" not in record:
                raise ValueError(f"{path}:{number}: {kind}: missing field 'step'")
            yield raw, record


def _file_of(folder: str | os.PathLike[str]) -> pathlib.Path:
    path = pathlib.Path(folder)
    return path / FILE_NAME if path.is_dir() else path


def read_records(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The records of a run, in order: of a run folder or a .jsonl file, written by Recorder or by the program.

    Raises FileNotFoundError where there are none, ValueError (file, line, field) for a line that is not a record.
    """
    path = _file_of(folder)
    records = [record for _, record in _whole_lines(path)]
    if not records or records[0]["kind"] != "header":
        found = records[0]["kind"] if records else "nothing"
        raise ValueError(f"{path}:1: must be the header of a run, got {found}")
    return records


def load_run(folder: str | os.PathLike[str]) -> pandas.DataFrame:
    """The records of a run as a pandas frame: one row per record, one column per field, in the order of the file.

    `kind` tells the records apart: `frame[frame.kind == "validation"].plot("positions", "loss")`. Fields that a record
    does not have are missing values; an object of numbers (`scalars`, `source_epochs`) gives a column
    `scalars/NAME` for each. The header, the last one of a resumed run, is in `frame.attrs["header"]` and has no row.

    Raises ImportError without pandas, and what `read_records` raises.
    """
    try:
        import pandas
    except ImportError as error:
        how = "pip install pandas; read_records(folder) gives the records without it"
        raise ImportError(f"load_run needs pandas: {how}") from error
    records = read_records(folder)
    rows = []
    for record in records:
        if record["kind"] == "header":
            continue
        row = {key: value for key, value in record.items() if key not in ("scalars", "source_epochs")}
        for key in ("scalars", "source_epochs"):
            row.update({f"{key}/{name}": value for name, value in record.get(key, {}).items()})
        rows.append(row)
    frame = pandas.DataFrame(rows)
    frame.attrs["header"] = next(record for record in reversed(records) if record["kind"] == "header")
    return frame
