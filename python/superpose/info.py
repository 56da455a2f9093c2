"""Tells which form of the operators runs here, and why: `python -m superpose.info`."""

from __future__ import annotations

import importlib.util
import sys

import torch

import superpose
from superpose import backend


def lines() -> list[str]:
    """What `python -m superpose.info` prints. Raises RuntimeError where a given library cannot be used."""
    chosen = backend.current()
    has_triton = importlib.util.find_spec("triton") is not None
    if chosen.is_program:
        triton = "not used: the program's operators run"
    elif not has_triton:
        triton = "not used: the package triton is not installed"
    elif not torch.cuda.is_available():
        triton = "not used: there is no CUDA device"
    else:
        triton = "used for the rows of the loss on CUDA"
    return [
        f"superpose {superpose.__version__}, torch {torch.__version__}, Python {sys.version.split()[0]}",
        f"operators: {chosen.name} ({chosen.reason})",
        f"Triton kernel: {triton}",
    ]


def main() -> int:
    try:
        print("\n".join(lines()))
    except RuntimeError as error:
        print(f"superpose.info: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
