"""One thread: the tests are small, and threads that spin on a busy machine are slower than one. The composed form of
the operators, whatever the environment names; test_backend.py compares it with the compiled one."""

import os

import torch

torch.set_num_threads(1)
os.environ.setdefault("SUPERPOSE_BACKEND", "composed")
