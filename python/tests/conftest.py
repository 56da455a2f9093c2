"""One thread: the tests are small, and threads that spin on a busy machine are slower than one."""

import torch

torch.set_num_threads(1)
