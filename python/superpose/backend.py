"""Which form of the operators runs: the program's compiled ones where they fit, otherwise the composed ones.

The compiled operators are those of the program (`libsuperpose_ops.so`), built against one version of torch. They are
used

* where the process has loaded them (`torch.ops.load_library`), or
* where the environment variable `SUPERPOSE_OPS_LIBRARY` names the file, which is then loaded at the first use. A file
  that cannot be loaded is an error, not a reason to use something else.

`SUPERPOSE_BACKEND=composed` keeps to the composed form. `python -m superpose.info` tells what is used and why.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

LIBRARY_VARIABLE = "SUPERPOSE_OPS_LIBRARY"
CHOICE_VARIABLE = "SUPERPOSE_BACKEND"

_NEEDED = (
    "superpose::_bag_embedding_forward",
    "superpose::_bag_embedding_backward",
    "superpose::_multi_hot_linear_cross_entropy_forward",
)


@dataclass(frozen=True)
class Backend:
    """A form of the operators and why it was chosen.

    `name` is "compiled" or "composed"; `reason` is a sentence for people.
    """

    name: str
    reason: str

    @property
    def is_compiled(self) -> bool:
        return self.name == "compiled"


_current: Backend | None = None


def _is_loaded() -> bool:
    return all(torch._C._dispatch_has_kernel(name) for name in _NEEDED)


def _choose() -> Backend:
    choice = os.environ.get(CHOICE_VARIABLE, "")
    if choice not in ("", "composed", "compiled"):
        raise ValueError(f"{CHOICE_VARIABLE}: must be composed or compiled, got {choice}")
    if choice == "composed":
        return Backend("composed", f"{CHOICE_VARIABLE}=composed asks for it")
    if _is_loaded():
        return Backend("compiled", "the operators are loaded in this process")
    library = os.environ.get(LIBRARY_VARIABLE, "")
    if library:
        try:
            torch.ops.load_library(library)
        except OSError as error:
            raise RuntimeError(
                f"{LIBRARY_VARIABLE}: cannot load {library} into torch {torch.__version__} (it is built for one "
                f"version of torch; unset the variable to use the composed form): {error}"
            ) from error
        if not _is_loaded():
            raise RuntimeError(f"{LIBRARY_VARIABLE}: {library} does not hold the operators of superpose")
        return Backend("compiled", f"{LIBRARY_VARIABLE} names {library}")
    if choice == "compiled":
        raise RuntimeError(f"{CHOICE_VARIABLE}=compiled: load the operators or set {LIBRARY_VARIABLE} to their file")
    return Backend("composed", f"no compiled operators: none are loaded and {LIBRARY_VARIABLE} is not set")


def current() -> Backend:
    """The form that runs, chosen at the first use. Raises RuntimeError where a given library cannot be used."""
    global _current
    if _current is None:
        _current = _choose()
    return _current


def choose_again() -> Backend:
    """Looks again, after a library was loaded or the environment has changed."""
    global _current
    _current = None
    return current()
