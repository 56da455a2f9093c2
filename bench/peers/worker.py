"""What the peers share: the line protocol of `superpose bench --turns` around a model and its loss."""

import argparse
import json
import os
import pathlib
import re
import sys
import time
import traceback

import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy, log_softmax


def arguments(description):
    sys.excepthook = say_why
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--folder", required=True, type=pathlib.Path, help="of `superpose bench --export`")
    parser.add_argument("--loss", choices=["gather", "separate"], default="gather",
                        help="multi-hot loss: one log-softmax and a gather, or one cross-entropy a slot")  # fmt: skip
    parser.add_argument("--compile", action="store_true", help="torch.compile of model and loss")
    parser.add_argument("--compile-mode", default="default")
    parser.add_argument("--experts", help="how transformers runs a mixture of experts: eager, batched_mm, grouped_mm")
    return parser.parse_args()


def multi_hot_loss(form, logits, targets):
    """Mean over slots and positions of the cross-entropy, in f32. logits [N, V], targets [N, s]."""
    logits = logits.float()
    if targets.shape[1] == 1:
        return cross_entropy(logits, targets[:, 0])
    if form == "separate":
        return torch.stack([cross_entropy(logits, slot) for slot in targets.unbind(1)]).mean()
    return -log_softmax(logits, dim=1).gather(1, targets).mean()


def bag_latents(embedding, ids):
    """Mean of the embedding rows of each bag. ids [B, L, s]."""
    return embedding(ids[:, :, 0]) if ids.shape[2] == 1 else embedding(ids).mean(2)


def seconds_since_start():
    """Since the process was started, to 10 ms."""
    ticks = int(pathlib.Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def peak_bytes():
    return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text()).group(1)) * 1024


class Peer:
    """A model in training: f32 weights, bf16 by autocast, fused AdamW, clipping by the global norm."""

    def __init__(self, options, make_model, load_weights, logits_of):
        self.settings = json.loads((options.folder / "bench.json").read_text())
        torch.set_num_threads(self.settings["threads"])
        self.batches = load_file(options.folder / "batches.safetensors")
        self.model = make_model()
        self.load_weights = load_weights

        def loss_of(inputs, targets):
            logits = logits_of(self.model, inputs)
            return multi_hot_loss(options.loss, logits.flatten(0, 1), targets.flatten(0, 1))

        self.loss_of = loss_of
        if options.compile:
            torch._dynamo.config.recompile_limit = len(self.batches)  # a compilation a case
            self.loss_of = torch.compile(loss_of, dynamic=False, mode=options.compile_mode)
        self.reset()

    def reset(self):
        self.load_weights(self.model)
        decayed = [p for p in self.model.parameters() if p.dim() > 1]
        others = [p for p in self.model.parameters() if p.dim() == 1]
        groups = [
            {"params": decayed, "weight_decay": self.settings["weight_decay"]},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            groups,
            lr=self.settings["learning_rate"],
            betas=(self.settings["beta1"], self.settings["beta2"]),
            eps=self.settings["eps"],
            fused=True,
        )

    def step(self, case):
        inputs, targets = self.batches[f"inputs.{case}"], self.batches[f"targets.{case}"]
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings["precision"] == "bf16"):
            loss = self.loss_of(inputs, targets)
        loss.backward()
        if self.settings["clip_norm"] > 0:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings["clip_norm"])
        self.optimizer.step()
        return loss.item()

    def block(self, case, steps):
        begin = time.perf_counter()
        losses = [self.step(case) for _ in range(steps)]
        return {"case": case, "steps": steps, "seconds": time.perf_counter() - begin, "losses": losses}


def say_why(kind, error, trace):
    """For sys.excepthook: everything, and last the one line that run.py shows."""
    traceback.print_exception(kind, error, trace)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    print(f"{kind.__name__}: {lines[0] if lines else ''}", file=sys.stderr)


def serve(peer):
    """Answers each line of standard input by one line of JSON (src/bench/turns.h), until it ends."""
    first_step_seconds = None

    def answer(**fields):
        print(json.dumps(fields), flush=True)

    answer(ready=True)
    for line in sys.stdin:
        command, *numbers = line.split()
        if command == "reset":
            peer.reset()
            answer(reset=True)
        elif command == "step":
            block = peer.block(*map(int, numbers))
            first_step_seconds = first_step_seconds or seconds_since_start()
            answer(**block)
        elif command == "status":
            answer(peak_memory_bytes=peak_bytes(), first_step_seconds=first_step_seconds)
        else:
            raise ValueError(f"unknown command {line!r}")
