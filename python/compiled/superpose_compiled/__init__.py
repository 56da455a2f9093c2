"""Compiled operators of superpose for CPUs: loaded by importing this, used by the package `superpose` by itself."""

import pathlib

import torch

__version__ = "0.1.0"

torch.ops.load_library(pathlib.Path(__file__).with_name("operators.so"))
