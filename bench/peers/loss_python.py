#!/usr/bin/env python3
r"""Loss and head of the Python package against what a PyTorch trainer would write, forward and backward, alternating.

    python bench/peers/loss_python.py --dtypes float32,bfloat16 --widths 512,2048 --vocabularies 32000,128000 \
        --bag-sizes 1,2,4,8,16 --library build/release/src/ops/libsuperpose_ops.so --json loss-python.json

Sides:

    package, package-compiled    superpose.multi_hot_linear_cross_entropy, composed, eager and under torch.compile
    operators                    the same through the program's compiled operators (with --library)
    listing, listing-compiled    one cross_entropy per slot over f32 logits, as in the paper's listing
    gather-compiled              one log_softmax and a gather, compiled
    linear-cross-entropy         torch.nn.functional.linear_cross_entropy of torch 2.13 with dense soft targets, which
                                 are made in the time that is measured

Prints medians of the timed rounds and how far one round raises the peak memory of a process above inputs and gradients
(each side in a process of its own). A side that does not fit is named and left out. --rows makes everything smaller.
"""

import argparse
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import torch
from torch.nn import functional as F

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "bench" / "ops")]

from head_and_loss import gather, make_tensors, numbers, peak_bytes, separate  # noqa: E402

import superpose  # noqa: E402
from superpose import backend  # noqa: E402


def package(hidden, weight, targets, slots):
    return superpose.multi_hot_linear_cross_entropy(hidden, weight, targets, slots)[0]


def soft_targets(hidden, weight, targets, slots):
    dense = torch.zeros(targets.shape[0], weight.shape[0], dtype=hidden.dtype)
    dense.scatter_add_(1, targets, slots.to(hidden.dtype).expand(targets.shape))
    # torch 2.13 works in chunks for class indices alone, so without options here.
    return F.linear_cross_entropy(hidden, weight, dense)


SIDES = {
    "package": package,
    "package-compiled": torch.compile(package, dynamic=False, fullgraph=True),
    "operators": package,
    "listing": separate,
    "listing-compiled": torch.compile(separate, dynamic=False),
    "gather-compiled": torch.compile(gather, dynamic=False),
    "linear-cross-entropy": soft_targets,
}


def one_round(side, tensors, library):
    """Seconds of one forward and backward. The form of the operators is chosen before the clock starts."""
    os.environ["SUPERPOSE_BACKEND"] = "compiled" if side == "operators" else "composed"
    os.environ["SUPERPOSE_OPS_LIBRARY"] = library
    backend.choose_again()
    hidden, weight, _, _ = tensors
    hidden.grad = weight.grad = None
    begin = time.perf_counter()
    SIDES[side](*tensors).backward()
    return time.perf_counter() - begin


def raised_peak(side, tensors, library):
    """Bytes by which one round raises the peak of this process, without its gradients. The round before it compiles."""
    one_round(side, tensors, library)
    hidden, weight, _, _ = tensors
    hidden.grad = weight.grad = None
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    before = peak_bytes()
    one_round(side, tensors, library)
    return peak_bytes() - before - hidden.grad.nbytes - weight.grad.nbytes


def memory_of(side, shape, arguments):
    """The same in a process of its own; None where that fails, after saying why."""
    command = [sys.executable, __file__, "--library", arguments.library, "--threads", str(arguments.threads)]
    run = subprocess.run([*command, "--memory", side, json.dumps(shape)], capture_output=True, text=True)
    if run.returncode == 0:
        return int(run.stdout)
    why = run.stderr.strip().splitlines()[-1] if run.stderr.strip() else f"exit status {run.returncode}"
    print(f"{side:21s} left out: {why}")
    return None


def compare(shape, arguments):
    torch.compiler.reset()  # or the limit of recompilations would leave later shapes to eager
    print("{dtype} rows {rows} width {width} vocabulary {vocabulary} s {bag_size}".format(**shape), flush=True)
    memory = {side: memory_of(side, shape, arguments) for side in arguments.sides.split(",")}
    sides = [side for side in memory if memory[side] is not None]
    tensors = make_tensors(shape)
    times = {side: [] for side in sides}
    for side in sides:
        one_round(side, tensors, arguments.library)
    for _ in range(arguments.rounds):
        for side in sides:
            times[side].append(one_round(side, tensors, arguments.library))
    results = []
    for side in sides:
        median = statistics.median(times[side])
        ratio = statistics.median(other / own for other, own in zip(times[side], times[sides[0]], strict=True))
        mebibytes = memory[side] / 2**20
        print(f"{side:21s} {median * 1e3:9.1f} ms  {ratio:6.2f}x the time of {sides[0]}  {mebibytes:7.1f} MiB")
        results.append({**shape, "side": side, "seconds": times[side], "bytes_above": memory[side]})
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", default="", help="libsuperpose_ops.so, for the side `operators`")
    parser.add_argument("--rows", type=int, default=2048)
    parser.add_argument("--widths", type=numbers, default=[512])
    parser.add_argument("--vocabularies", type=numbers, default=[32000])
    parser.add_argument("--bag-sizes", type=numbers, default=[1, 4, 16])
    parser.add_argument("--dtypes", default="float32", help="of float32, bfloat16")
    parser.add_argument("--sides", help="compared with the first (all that can run)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=pathlib.Path, help="also write every round here")
    parser.add_argument("--memory", nargs=2, metavar=("SIDE", "SHAPE"),
                        help="print the bytes by which one round of a side raises the peak")  # fmt: skip
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        side, shape = arguments.memory
        print(raised_peak(side, make_tensors(json.loads(shape)), arguments.library))
        return
    if not arguments.sides:
        missing = {"operators"} if not arguments.library else set()
        missing |= set() if hasattr(F, "linear_cross_entropy") else {"linear-cross-entropy"}
        arguments.sides = ",".join(side for side in SIDES if side not in missing)
    print(f"torch {torch.__version__}, {arguments.threads} threads, {arguments.rounds} rounds, sides alternating")
    results = []
    axes = ("dtype", "width", "vocabulary", "bag_size")
    values = (arguments.dtypes.split(","), arguments.widths, arguments.vocabularies, arguments.bag_sizes)
    for shape in itertools.product(*values):
        results += compare({"rows": arguments.rows} | dict(zip(axes, shape, strict=True)), arguments)
    if arguments.json:
        document = {"torch": torch.__version__, "threads": arguments.threads, "results": results}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
