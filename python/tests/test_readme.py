"""The loop of the README runs as it stands, learns, and passes its switch."""

import math
import pathlib
import re

import torch
from torch import nn

import superpose

README = pathlib.Path(__file__).parents[1] / "README.md"


class Model(nn.Module):
    def __init__(self, vocabulary, width):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.layers = nn.Sequential(nn.Linear(width, width), nn.Tanh())
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        nn.init.normal_(self.lm_head.weight, std=0.01)


def test_loop_of_the_readme():
    (loop,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    assert len(loop.strip().splitlines()) <= 15
    torch.manual_seed(0)
    vocabulary, length, steps = 11, 8, 60
    lane = torch.arange(steps * length * 6 + 1) % vocabulary  # each token tells the next
    model = Model(vocabulary, 16)
    losses = []
    names = {
        "torch": torch,
        "superpose": superpose,
        "model": model,
        "optimizer": torch.optim.AdamW(model.parameters(), lr=0.03),
        "lanes": [lane, lane],
        "N": steps,
        "L": length,
        "losses": losses,
    }
    exec(loop.replace("    loss.backward()", "    losses.append(loss.item())\n    loss.backward()"), names)
    assert len(losses) == steps and names["phases"].switch_steps == [18]
    assert abs(losses[0] - math.log(vocabulary)) < 0.1
    # Bags cannot be predicted entirely, next tokens can. Right after the switch the loss may be higher: one token is
    # read where a mean was.
    assert losses[-1] < 0.2
