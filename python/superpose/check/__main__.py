"""The checks from a shell: python -m superpose.check MODULE:OBJECT."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from superpose.check import check


class _UsageError(Exception):
    pass


def arguments_of(name: str) -> dict[str, Any]:
    """The arguments of `check` that MODULE:OBJECT gives: a mapping, or a function that returns one."""
    module_name, colon, path = name.partition(":")
    if not (module_name and colon and path):
        raise _UsageError(f"expected MODULE:OBJECT, got {name}")
    try:
        thing = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there, and what it imports is not
        raise _UsageError(f"{module_name} must be a module that can be imported from here, got none") from None
    for part in path.split("."):
        if not hasattr(thing, part):
            raise _UsageError(f"{name}: {getattr(thing, '__name__', module_name)} must have {part}, got none")
        thing = getattr(thing, part)
    arguments = thing() if callable(thing) else thing
    if not isinstance(arguments, Mapping):
        raise _UsageError(
            f"{name} must give the arguments of superpose.check as a mapping, got {type(arguments).__name__}"
        )
    missing = [key for key in ("embed_fn", "loss_fn", "make_batch") if key not in arguments]
    if missing:
        raise _UsageError(f"{name} must give {missing[0]}, got {', '.join(arguments) or 'none'}")
    return dict(arguments)


def main(words: Sequence[str] | None = None) -> int:
    """Exit codes: 0 no check failed, 1 one did, 2 the command line must be changed."""
    parser = argparse.ArgumentParser(
        prog="python -m superpose.check",
        description="Checks a trainer's port of token superposition and names the first thing that is wrong.",
    )
    parser.add_argument(
        "object",
        metavar="MODULE:OBJECT",
        help="a mapping with the arguments of superpose.check (embed_fn, loss_fn, make_batch, ...), or a function "
        "without arguments that returns one; modules are also looked for in the current folder",
    )
    parser.add_argument(
        "--bag-size", type=int, metavar="S", help="instead of the object's, which is 4 where it says nothing"
    )
    options = parser.parse_args(words)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        arguments = arguments_of(options.object)
        if options.bag_size is not None:
            arguments["bag_size"] = options.bag_size
        report = check(**{**arguments, "raises": False})
    except (_UsageError, TypeError, ValueError) as error:
        print(f"superpose.check: {error}", file=sys.stderr)
        return 2
    print(report)
    failure = report.first_failure
    counts = {
        status: sum(result.status == status for result in report) for status in ("passed", "failed", "not checked")
    }
    print(", ".join(f"{number} {status}" for status, number in counts.items()))
    if failure:
        print(f"superpose.check: {failure.name}: {failure.detail}", file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
