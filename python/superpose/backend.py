"""Which form of the operators runs: compiled ones where they fit, otherwise the composed ones.

Compiled are, and the first that is there is used:

* the operators of the program (`libsuperpose_ops.so`), built against one version of torch: where the process has loaded
  them (`torch.ops.load_library`), or where the environment variable `SUPERPOSE_OPS_LIBRARY` names the file, which is
  then loaded at the first use. A file that cannot be loaded is an error, not a reason to use something else;
* those of the package `superpose-compiled`, for torch 2.10 or later, where it is installed. They take f32 and bf16 on
  CPUs; the composed form takes the rest.

`SUPERPOSE_BACKEND=composed` keeps to the composed form. `python -m superpose.info` tells what is used and why.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from dataclasses import dataclass

import torch
from torch import Tensor

LIBRARY_VARIABLE = "SUPERPOSE_OPS_LIBRARY"
CHOICE_VARIABLE = "SUPERPOSE_BACKEND"
PACKAGE = "superpose_compiled"

_NEEDED = (
    "superpose::_bag_embedding_forward",
    "superpose::_bag_embedding_backward",
    "superpose::_multi_hot_linear_cross_entropy_forward",
)


@dataclass(frozen=True)
class Backend:
    """A form of the operators and why it was chosen.

    `name` is "compiled" or "composed", `owner` whose compiled operators they are: "program" or "package"; `reason` is a
    sentence for people.
    """

    name: str
    reason: str
    owner: str = ""

    @property
    def is_compiled(self) -> bool:
        return self.name == "compiled"

    @property
    def is_program(self) -> bool:
        return self.owner == "program"

    @property
    def is_package(self) -> bool:
        return self.owner == "package"

    def takes(self, tensor: Tensor) -> bool:
        """Whether the operators of the package take a tensor like this."""
        return self.is_package and tensor.device.type == "cpu" and tensor.dtype in (torch.float32, torch.bfloat16)


_current: Backend | None = None


def _is_loaded() -> bool:
    return all(torch._C._dispatch_has_kernel(name) for name in _NEEDED)


def _why_no_package() -> str | None:
    """Why the operators of the package cannot be used; None where they are loaded. A package that is installed and does
    not load raises, like a library that is named."""
    if importlib.util.find_spec(PACKAGE) is None:
        return "the package superpose-compiled is not installed"
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 10):
        return f"superpose-compiled needs torch 2.10 or later, got {torch.__version__}"
    try:
        importlib.import_module(PACKAGE)
    except OSError as error:
        raise RuntimeError(f"superpose-compiled: cannot be loaded into torch {torch.__version__}: {error}") from error
    return None


def _choose() -> Backend:
    choice = os.environ.get(CHOICE_VARIABLE, "")
    if choice not in ("", "composed", "compiled"):
        raise ValueError(f"{CHOICE_VARIABLE}: must be composed or compiled, got {choice}")
    if choice == "composed":
        return Backend("composed", f"{CHOICE_VARIABLE}=composed asks for it")
    if _is_loaded():
        return Backend("compiled", "the operators are loaded in this process", "program")
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
        return Backend("compiled", f"{LIBRARY_VARIABLE} names {library}", "program")
    why_not = _why_no_package()
    if why_not is None:
        import superpose_compiled

        version = superpose_compiled.__version__
        return Backend("compiled", f"the package superpose-compiled {version} is installed", "package")
    if choice == "compiled":
        raise RuntimeError(
            f"{CHOICE_VARIABLE}=compiled: load the operators, set {LIBRARY_VARIABLE} to their file or install "
            f"superpose-compiled: {why_not}"
        )
    return Backend("composed", f"no compiled operators: none are loaded, {LIBRARY_VARIABLE} is not set, {why_not}")


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
