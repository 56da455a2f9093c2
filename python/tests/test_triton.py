"""The Triton kernel, in Triton's interpreter: no GPU is needed, and no number of it is a speed."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest
import torch

from superpose import chunked


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="the package triton is not installed")
def test_kernel_gives_what_the_composed_rows_give():
    script = pathlib.Path(__file__).with_name("triton_rows.py")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    result = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "26 cases agree\n"


def test_importing_the_package_leaves_the_kernel_alone():
    code = "import sys, superpose; sys.exit('superpose.triton_loss' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_where_the_kernel_is_used(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert chunked.has_triton_rows(torch.device("cuda"), torch.bfloat16)
    assert not chunked.has_triton_rows(torch.device("cuda"), torch.float64)
    assert not chunked.has_triton_rows(torch.device("cpu"), torch.float32)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not chunked.has_triton_rows(torch.device("cuda"), torch.float32)
