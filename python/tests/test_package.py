"""The package as it is installed: a wheel and an archive of the sources, built from a copy of the folder."""

import pathlib
import shutil
import subprocess
import sys
import tarfile

import pytest

import superpose

FOLDER = pathlib.Path(__file__).parents[1]
# setuptools replaces sys.argv.
BUILD = """
import sys
from setuptools import build_meta
folder = sys.argv[1]
build_meta.build_wheel(folder)
build_meta.build_sdist(folder)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    setuptools = pytest.importorskip("setuptools")
    if int(setuptools.__version__.split(".")[0]) < 77:
        pytest.skip(f"setuptools {setuptools.__version__} is older than 77")
    folder = tmp_path_factory.mktemp("package")
    ignored = shutil.ignore_patterns("build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(FOLDER, folder / "source", ignore=ignored)
    command = [sys.executable, "-c", BUILD, str(folder)]
    subprocess.run(command, cwd=folder / "source", check=True, capture_output=True, timeout=300)
    return folder


def test_wheel_installs_and_runs(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"superpose-{superpose.__version__}-py3-none-any.whl"
    # A pure wheel is installed by unpacking it.
    shutil.unpack_archive(wheel, tmp_path / "site", "zip")
    for module in FOLDER.joinpath("superpose").rglob("*.py"):
        assert (tmp_path / "site" / module.relative_to(FOLDER)).is_file()
    assert (tmp_path / "site" / "superpose" / "py.typed").is_file()
    metadata = next((tmp_path / "site").glob("*.dist-info/METADATA")).read_text()
    assert "Requires-Dist: torch>=2.6" in metadata and "License-Expression: Apache-2.0" in metadata
    command = [sys.executable, "-m", "superpose.info"]
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": ""}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert result.stdout.startswith(f"superpose {superpose.__version__}, torch "), result.stderr


def test_sources_hold_what_their_tests_need(built):
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    for path in FOLDER.joinpath("tests").glob("*.py"):
        assert f"tests/{path.name}" in names
    assert {"LICENSE", "README.md", "superpose/py.typed"} <= names
