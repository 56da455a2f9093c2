"""The package superpose-compiled: built from the clone, loaded by a process of its own, equal to the composed form.

Built with scikit-build-core where that is installed, else by CMake alone. One library was loaded into torch 2.13; all
names that it takes from torch are in torch 2.10 too (`nm -D`).
"""

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import torch

FOLDER = pathlib.Path(__file__).parents[1] / "compiled"
SCRIPT = pathlib.Path(__file__).with_name("compiled_operators.py")
if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 10):
    pytest.skip("needs torch 2.10", allow_module_level=True)
if not (FOLDER / "../../src/ops/cpu").is_dir():
    pytest.skip("the sources of the operators are not here", allow_module_level=True)
for program in ("cmake", "c++"):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}", allow_module_level=True)


def run(*command, folder=None, **environment):
    result = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=900
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that holds the installed package."""
    folder = tmp_path_factory.mktemp("compiled")
    if importlib.util.find_spec("scikit_build_core") is not None:
        build = "from scikit_build_core.build import build_wheel; import sys; build_wheel(sys.argv[1])"
        run(sys.executable, "-c", build, folder, folder=FOLDER, SKBUILD_BUILD_DIR=str(folder / "build"))
        (wheel,) = folder.glob("*.whl")
        assert re.fullmatch(r"superpose_compiled-0\.1\.0-py3-none-\w+\.whl", wheel.name), "one for every Python"
        shutil.unpack_archive(wheel, folder / "site", "zip")
    else:
        build = str(folder / "build")
        run("cmake", "-S", FOLDER, "-B", build, "-DCMAKE_BUILD_TYPE=Release", f"-DPython_EXECUTABLE={sys.executable}")
        run("cmake", "--build", build)
        run("cmake", "--install", build, "--prefix", folder / "site")
        shutil.copy(FOLDER / "superpose_compiled" / "__init__.py", folder / "site" / "superpose_compiled")
    return folder / "site"


def test_used_by_itself(site):
    def info(**environment):
        kept = {"PYTHONPATH": f"{site}{os.pathsep}{FOLDER.parent}", "SUPERPOSE_OPS_LIBRARY": "", **environment}
        return run(sys.executable, "-m", "superpose.info", **{"SUPERPOSE_BACKEND": "", **kept})

    assert "operators: compiled (the package superpose-compiled 0.1.0 is installed)" in info()
    assert "operators: composed (SUPERPOSE_BACKEND=composed asks for it)" in info(SUPERPOSE_BACKEND="composed")


def test_a_broken_library_is_an_error(site, tmp_path):
    shutil.copytree(site / "superpose_compiled", tmp_path / "superpose_compiled")
    (tmp_path / "superpose_compiled" / "operators.so").write_bytes(b"not a library")
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{FOLDER.parent}", "SUPERPOSE_OPS_LIBRARY": ""}
    result = subprocess.run(
        [sys.executable, "-m", "superpose.info"],
        env={**os.environ, **environment, "SUPERPOSE_BACKEND": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 1
    assert f"superpose-compiled: cannot be loaded into torch {torch.__version__}" in result.stderr


def test_takes_nothing_from_torch_but_its_stable_interface(site):
    if shutil.which("nm") is None:
        pytest.skip("needs nm")
    lines = run("nm", "-DC", "--undefined-only", site / "superpose_compiled" / "operators.so").splitlines()
    names = [line.split(maxsplit=1)[1] for line in lines]
    assert any(name.startswith("torch_call_dispatcher") for name in names)
    assert not [name for name in names if name.startswith(("at::", "c10::", "torch::"))]


def test_equals_the_composed_form(site):
    path = os.pathsep.join([str(site), str(FOLDER.parent), str(SCRIPT.parent)])
    out = run(sys.executable, SCRIPT, PYTHONPATH=path, SUPERPOSE_BACKEND="", SUPERPOSE_OPS_LIBRARY="")
    assert out == "24 losses, 12 rows of bags and a compiled model agree\n"
