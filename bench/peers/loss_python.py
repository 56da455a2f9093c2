#!/usr/bin/env python3
r"""Loss and head of the Python package against what a PyTorch trainer would write, forward and backward, alternating.

    python bench/peers/loss_python.py --dtypes float32,bfloat16 --widths 512,2048 --vocabularies 32000,128000 \
        --bag-sizes 1,2,4,8,16 --library build/release/src/ops/libsuperpose_ops.so --json loss-python.json

Sides:

    package-compiled, package    superpose.multi_hot_linear_cross_entropy, composed, under torch.compile and eager
    package-operators            the same with the operators of superpose-compiled, where it is installed
    operators                    the same through the program's compiled operators (with --library)
    listing, listing-compiled    one cross_entropy per slot over f32 logits, as in the paper's listing
    gather-compiled              one log_softmax and a gather, compiled
    linear-cross-entropy         torch.nn.functional.linear_cross_entropy of torch 2.13 with dense soft targets, which
                                 are made in the time that is measured

Prints medians of the timed rounds and how far one round raises the peak memory of a process above inputs and gradients
(each side in a process of its own). A side that does not fit is named and left out. --rows makes everything smaller.
"""

import argparse
import ctypes
import importlib.util
import itertools
import json
import os
import pathlib
import resource
import statistics
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
    "package-compiled": torch.compile(package, dynamic=False, fullgraph=True),
    "package": package,
    "package-operators": package,
    "operators": package,
    "listing": separate,
    "listing-compiled": torch.compile(separate, dynamic=False),
    "gather-compiled": torch.compile(gather, dynamic=False),
    "linear-cross-entropy": soft_targets,
}


# The form of the operators that a side runs; the composed one where it is not listed.
FORMS = {
    "package-operators": backend.Backend("compiled", "of this comparison", "package"),
    "operators": backend.Backend("compiled", "of this comparison", "program"),
}
COMPOSED = backend.Backend("composed", "of this comparison")


def one_round(side, tensors):
    """Seconds of one forward and backward."""
    backend._current = FORMS.get(side, COMPOSED)
    hidden, weight, _, _ = tensors
    hidden.grad = weight.grad = None
    begin = time.perf_counter()
    SIDES[side](*tensors).backward()
    return time.perf_counter() - begin


def raised_peak(side, tensors):
    """Bytes by which one round raises the peak of this process, without its gradients."""
    hidden, weight, _, _ = tensors
    hidden.grad = weight.grad = None
    ctypes.CDLL(None).malloc_trim(0)  # or what is freed and kept would count as held before
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    before = peak_bytes()
    one_round(side, tensors)
    return peak_bytes() - before - hidden.grad.nbytes - weight.grad.nbytes


def compare(shape, arguments):
    torch.compiler.reset()  # or the limit of recompilations would leave later shapes to eager
    print("{dtype} rows {rows} width {width} vocabulary {vocabulary} s {bag_size}".format(**shape), flush=True)
    tensors = make_tensors(shape)
    memory = {}
    for side in arguments.sides.split(","):
        try:
            one_round(side, tensors)  # compiles
            memory[side] = raised_peak(side, tensors)
        except RuntimeError as error:
            print(f"{side:21s} left out: {str(error).splitlines()[0]}", flush=True)
    times = {side: [] for side in memory}
    for _ in range(arguments.rounds):
        for side in times:
            times[side].append(one_round(side, tensors))
    results = []
    first = next(iter(times))
    for side in times:
        median = statistics.median(times[side])
        ratio = statistics.median(other / own for other, own in zip(times[side], times[first], strict=True))
        mebibytes = memory[side] / 2**20
        print(f"{side:21s} {median * 1e3:9.1f} ms  {ratio:6.2f}x the time of {first}  {mebibytes:7.1f} MiB", flush=True)
        results.append({**shape, "side": side, "seconds": times[side], "bytes_above": memory[side]})
    return results


def limit_memory():
    """A side that needs more than the machine has gets an error instead of ending the process."""
    most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


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
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    limit_memory()
    has_package = importlib.util.find_spec(backend.PACKAGE) is not None
    if has_package:
        importlib.import_module(backend.PACKAGE)
    if arguments.library:
        torch.ops.load_library(arguments.library)
    if not arguments.sides:
        missing = {"operators"} if not arguments.library else set()
        missing |= set() if has_package else {"package-operators"}
        missing |= set() if hasattr(F, "linear_cross_entropy") else {"linear-cross-entropy"}
        arguments.sides = ",".join(side for side in SIDES if side not in missing)
    print(f"torch {torch.__version__}, {arguments.threads} threads, {arguments.rounds} rounds, sides alternating")
    results = []
    axes = ("dtype", "width", "vocabulary", "bag_size")
    values = (arguments.dtypes.split(","), arguments.widths, arguments.vocabularies, arguments.bag_sizes)
    for shape in itertools.product(*values):
        results += compare({"rows": arguments.rows} | dict(zip(axes, shape, strict=True)), arguments)
        if arguments.json:  # after each shape, so that a run that is cut short keeps what it has
            document = {"torch": torch.__version__, "threads": arguments.threads, "results": results}
            arguments.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
