#!/usr/bin/env python3
"""Superpose's training step against the same step in PyTorch and transformers: alternating, in one run.

    .venv/bin/python bench/peers/run.py bench/recipes/tiny.toml bench/recipes/small.toml --out docs/benchmarks/NAME

Every program is one process that stays: it starts from the same weights, reads the same batch, and is asked for one
timed block after the other (ours, peer, peer, ours, peer ...), so that a noisy machine is noisy for all. Before that
each takes a few optimizer steps whose losses must agree. Writes NAME.json (every number) and NAME.md (a table). A peer
that fails has its error in its row.
"""

import argparse
import collections
import datetime
import importlib.metadata
import json
import math
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# Steps from the initial weights whose losses are compared, and how far they may differ, relative to the loss: at the
# first step (same weights: rounding alone) and at any (updates make it grow).
CHECK_STEPS = 5
TOLERANCES = {"f32": (1e-5, 1e-4), "bf16": (1e-3, 1e-2)}

# What superpose sets for itself (src/cli/environment.h); peers are given the same.
ENVIRONMENT = {
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=4294967296",
    "GOMP_SPINCOUNT": "1000",
}

PEERS = {
    "eager": ["decoder.py"],
    "compile": ["decoder.py", "--compile"],
    "compile-max-autotune": ["decoder.py", "--compile", "--compile-mode", "max-autotune"],
    "eager-separate": ["decoder.py", "--loss", "separate"],
    "compile-separate": ["decoder.py", "--compile", "--loss", "separate"],
    "hugging-face": ["hugging_face.py"],
    "hugging-face-compile": ["hugging_face.py", "--compile"],
    "hugging-face-batched": ["hugging_face.py", "--experts", "batched_mm"],
    "hugging-face-grouped": ["hugging_face.py", "--experts", "grouped_mm"],
    "hugging-face-loop": ["hugging_face.py", "--experts", "eager"],
    "hugging-face-grouped-compile": ["hugging_face.py", "--compile", "--experts", "grouped_mm"],
}
OURS = "superpose"


class Failed(Exception):
    pass


class Worker:
    """A program that answers lines; stderr goes to a file."""

    def __init__(self, name, command, threads):
        self.name, self.command, self.error = name, list(map(str, command)), None
        self.check_losses, self.block_steps = {}, {}
        self.times = collections.defaultdict(list)  # case -> seconds of a step, one per round
        self.status = {}
        self._stderr = tempfile.TemporaryFile("w+")
        # An empty cache of compiled kernels: the first step is that of a new shape.
        self._cache = tempfile.TemporaryDirectory()
        environment = os.environ | ENVIRONMENT | {"TORCHINDUCTOR_CACHE_DIR": self._cache.name}
        if threads is not None:
            environment["OMP_NUM_THREADS"] = str(threads)
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, text=True, env=environment
        )

    def _read(self):
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._process.wait()
        self._stderr.seek(0)
        words = [text.strip() for text in self._stderr.read().splitlines() if text.strip()]
        raise Failed(words[-1] if words else f"ended with code {self._process.returncode}")

    def ready(self):
        return self._read()

    def ask(self, *words):
        try:
            self._process.stdin.write(" ".join(map(str, words)) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended: reading says why
        return self._read()

    def end(self):
        with self._process:
            self._process.stdin.close()
        self._stderr.close()
        self._cache.cleanup()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="+", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/bin/superpose")
    parser.add_argument("--precisions", default="f32,bf16", help="of f32, bf16 (default both)")
    parser.add_argument("--bags", default="1,4,8,16", help="bag sizes (default %(default)s)")
    parser.add_argument("--peers", default="eager,compile,hugging-face",
                        help=f"of {', '.join(PEERS)} (default %(default)s)")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=7, help="timed blocks of each program and bag size (%(default)s)")
    parser.add_argument("--block-seconds", type=float, default=2,
                        help="a block lasts about this, one step at least (%(default)s)")  # fmt: skip
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--compile-mode", default="default", help="of torch.compile: default, max-autotune, ...")
    parser.add_argument("--out", type=pathlib.Path, required=True,
                        help="path without its suffix: .json and .md are written")  # fmt: skip
    return parser.parse_args()


def peer_command(name, folder, options):
    script, *more = PEERS[name]
    if "--compile" in more and "--compile-mode" not in more:
        more += ["--compile-mode", options.compile_mode]
    return [sys.executable, "-B", HERE / script, "--folder", folder, *more]


def prepare(worker, num_cases, block_seconds):
    """The first step, timed from the start of the process; then each case from the initial weights."""
    worker.ask("step", 0, 1)
    worker.status = worker.ask("status")
    for case in range(num_cases):
        worker.ask("reset")
        losses = worker.ask("step", case, CHECK_STEPS - 2)["losses"]
        warm = worker.ask("step", case, 2)
        worker.check_losses[case] = losses + warm["losses"]
        worker.block_steps[case] = max(1, math.ceil(block_seconds * warm["steps"] / warm["seconds"]))


def attempt(worker, action):
    """Runs an action of a worker; a failure is its result."""
    if worker.error is not None:
        return None
    try:
        return action()
    except Failed as error:
        worker.error = str(error)
        print(f"  {worker.name} failed: {error}", file=sys.stderr)
        return None


def measure(recipe, precision, options):
    """All programs on one recipe and precision; returns what the JSON holds of them."""
    with tempfile.TemporaryDirectory() as folder:
        exported = pathlib.Path(folder) / "export"
        ours_command = [
            *(options.program, "bench", recipe, "--turns", "--export", exported, "--bags", options.bags),
            *("--train.precision", precision, "--train.threads", options.threads),
        ]
        ours = Worker(OURS, ours_command, None)
        settings = ours.ready()  # a failure of ours ends the run
        num_cases = len(settings["cases"])
        prepare(ours, num_cases, options.block_seconds)
        workers = [ours]
        for name in options.peers.split(","):
            print(f"  {name}: first step and losses", flush=True)
            worker = Worker(name, peer_command(name, exported, options), options.threads)
            workers.append(worker)
            attempt(worker, worker.ready)
            attempt(worker, lambda: prepare(worker, num_cases, options.block_seconds))
        ceilings = []
        for number in range(options.rounds):
            print(f"  round {number + 1} of {options.rounds}", flush=True)
            ceilings.append(ours.ask("ceiling")["ceiling"])
            for case in range(num_cases):
                for worker in workers:
                    block = attempt(worker, lambda: worker.ask("step", case, worker.block_steps[case]))
                    if block is not None:
                        worker.times[case].append(block["seconds"] / block["steps"])
        for worker in workers:
            worker.status |= attempt(worker, lambda: worker.ask("status")) or {}
            worker.end()
    return {
        "recipe": str(recipe),
        "precision": precision,
        "settings": settings,
        "ceiling_flops": ceilings,
        "programs": [describe(worker, ours, settings, ceilings, precision) for worker in workers],
    }


def spread(values):
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def largest_difference(ours, theirs):
    return [abs(a - b) / abs(a) for a, b in zip(ours, theirs)]


def describe(worker, ours, settings, ceilings, precision):
    positions = settings["rows"] * settings["sequence_length"]
    flops = positions * settings["flops_per_position"]
    cases = []
    for case, which in enumerate(settings["cases"]):
        times = worker.times[case]
        if not times or worker.error is not None:
            continue
        differences = largest_difference(ours.check_losses[case], worker.check_losses[case])
        first, last = TOLERANCES[precision]
        cases.append({
            "case": which["case"],
            "bag_size": which["bag_size"],
            "step_seconds": times,
            "positions_per_second": spread([positions / seconds for seconds in times]),
            "time_to_ours": spread([a / b for a, b in zip(times, ours.times[case])]),
            "time_to_ntp": spread([a / b for a, b in zip(times, worker.times[0])]),
            "share_of_ceiling": flops / statistics.median(times) / statistics.median(ceilings),
            "check_losses": worker.check_losses[case],
            "losses_agree": differences[0] <= first and max(differences) <= last,
            "loss_differences": differences,
        })  # fmt: skip
    command = shlex.join(worker.command).replace(f"{ROOT}/", "")
    about = {"name": worker.name, "command": command, "error": worker.error}
    return about | worker.status | {"cases": cases}


COLUMNS = ("program", "s", "positions/s (range)", "time / ours (range)", "time / own s = 1", "of ceiling", "peak memory",
           "first step", "losses agree")  # fmt: skip


def cells(program, case):
    rate, ratio = case["positions_per_second"], case["time_to_ours"]
    first = case is program["cases"][0]
    return (
        program["name"],
        case["case"],
        f"{rate['median']:.0f} ({rate['lowest']:.0f} .. {rate['highest']:.0f})",
        f"{ratio['median']:.2f} ({ratio['lowest']:.2f} .. {ratio['highest']:.2f})",
        f"{case['time_to_ntp']['median']:.3f}",
        f"{100 * case['share_of_ceiling']:.1f} %",
        f"{program['peak_memory_bytes'] / 2**20:.0f} MiB" if first else "",
        f"{program['first_step_seconds']:.2f} s" if first else "",
        f"{'yes' if case['losses_agree'] else 'NO'}, {max(case['loss_differences']):.1e}",
    )


def row(values):
    return "| " + " | ".join(values) + " |"


def table(result):
    settings = result["settings"]
    lines = [
        f"## {pathlib.Path(result['recipe']).stem}, {result['precision']}",
        "",
        f"{settings['parameters'] / 1e6:.1f}M parameters, {settings['rows']} rows of {settings['sequence_length']} positions "
        f"(ours in micro-batches of {settings['micro_batch']}), {settings['threads']} threads. Ceiling "
        f"{statistics.median(result['ceiling_flops']) / 1e9:.0f} GFLOP/s.",
        "",
        row(COLUMNS),
        "|---" * len(COLUMNS) + "|",
    ]  # fmt: skip
    for program in result["programs"]:
        if program["error"] is not None:
            failure = "failed: " + program["error"].replace("|", "/")
            lines.append(row([program["name"], "", failure] + [""] * (len(COLUMNS) - 3)))
        lines += [row(cells(program, case)) for case in program["cases"]]
    return "\n".join(lines)


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def write(options, load_before, results):
    about = {
        "date": datetime.date.today().isoformat(),
        "command": shlex.join(["python", *sys.argv]),
        "superpose_version": subprocess.check_output([options.program, "--version"], text=True),
        "packages": {name: version(name) for name in ("torch", "transformers")},
        "environment": ENVIRONMENT,
        "load_average": [load_before, os.getloadavg()],
        "check_steps": CHECK_STEPS,
        "tolerances": TOLERANCES,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".json").write_text(json.dumps(about | {"results": results}, indent=1) + "\n")
    head = [
        f"# {about['date']}: the training step against PyTorch",
        "",
        f"    {about['command']}",
        "",
        "```",
        about["superpose_version"].rstrip(),
        *(f"{name} {number}" for name, number in about["packages"].items()),
        "```",
        "",
        f"Load average before and after: {load_before[0]:.2f}, {os.getloadavg()[0]:.2f}. {options.rounds} blocks in turn; "
        "median, and lowest and highest. \"time / ours\" is the ratio of blocks of one round: above 1 we are faster. Peers "
        "hold f32 weights and compute bf16 by autocast; fused AdamW; scaled_dot_product_attention; the multi-hot loss is one "
        "log-softmax and a gather unless the name says `separate`. First step: from the start of the process to the end of "
        "its first step.",
    ]  # fmt: skip
    options.out.with_suffix(".md").write_text("\n".join(head) + "\n\n" + "\n\n".join(map(table, results)) + "\n")


def main():
    options = arguments()
    for name in options.peers.split(","):
        if name not in PEERS:
            raise SystemExit(f"run.py: --peers: unknown {name}, known: {', '.join(PEERS)}")
    load_before = os.getloadavg()
    if load_before[0] > 1.5:
        print(f"the machine is busy (load average {load_before[0]:.2f}): figures are not final", file=sys.stderr)
    results = []
    for recipe in options.recipes:
        for precision in options.precisions.split(","):
            print(f"{recipe}, {precision}", flush=True)
            results.append(measure(recipe, precision, options))
            write(options, load_before, results)
            print(table(results[-1]), flush=True)
    programs = [program for result in results for program in result["programs"]]
    failed = any(program["error"] is not None for program in programs)
    return 1 if failed or not all(case["losses_agree"] for program in programs for case in program["cases"]) else 0


if __name__ == "__main__":
    sys.exit(main())
