#!/usr/bin/env python3
"""Token superposition in a plain PyTorch loop: a small byte model, phases, records, the self-check.

python plain_loop.py --out runs/tst                                   # superposed for the first 30 % of the steps
python plain_loop.py --out runs/base --share 0                        # the same without
superpose report --arm base=runs/base --arm tst=runs/tst              # both, compared
python -m superpose.check plain_loop:check_arguments                  # is it right?
"""

import argparse
import itertools
import pathlib
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

import superpose

VOCABULARY = 256  # bytes


def gradients_of_step(
    embed: Callable[[Tensor], Tensor],
    decoder: Callable[[Tensor], Tensor],
    head: superpose.BagHead,
    micro_batches: Sequence[tuple[Tensor, Tensor]],
    slot_weights: Sequence[float] | None = None,
) -> float:
    """Adds the gradients of one step to those of the parameters; returns its loss in nats per target.

    `embed` reads bags [B, L, a] as [B, L, D], `decoder` keeps the shape, `head` compares with targets [B, L, b]. The
    loss of a slot is its mean over the whole step, however the step is cut into micro-batches.
    """
    counts = sum(superpose.count_targets(targets) for _, targets in micro_batches)
    total = 0.0
    for inputs, targets in micro_batches:
        loss = head(decoder(embed(inputs)), targets, slot_weights, counts=counts)
        loss.backward()
        total += loss.item()
    return total


def update(optimizer: torch.optim.Optimizer, clip_norm: float = 1.0) -> float:
    """Clips, steps, clears the gradients; returns their norm before clipping."""
    norm = nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], clip_norm)
    optimizer.step()
    optimizer.zero_grad()
    return norm.item()


class Model(nn.Module):
    """A byte decoder of causal transformer blocks. Bags change nothing in it but what it reads and predicts."""

    def __init__(self, width: int = 64, heads: int = 2, layers: int = 2, positions: int = 64):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.positions = nn.Parameter(torch.zeros(positions, width))
        block = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.output = nn.Linear(width, VOCABULARY, bias=False)
        for weight in (self.tokens.weight, self.output.weight):
            nn.init.normal_(weight, std=0.02)
        self.embed = superpose.BagEmbedding(self.tokens)
        self.head = superpose.BagHead(self.output)

    def decoder(self, x: Tensor) -> Tensor:  # [B, L, D]
        length = x.shape[1]  # positions are those of bags: 0 .. L - 1 in both phases
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=x.device)
        return self.blocks(x + self.positions[:length], mask=mask, is_causal=True)

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return self.head(self.decoder(self.embed(inputs)), targets)


def batches(text: Tensor, rows: int, length: int, phases: superpose.Phases) -> Iterator[tuple[Tensor, Tensor]]:
    """The batch of each step: as many rows of as many positions in every phase, of raw windows a times longer.

    Row k of the batch reads its own part of the text, one window after the other; it begins again at the end.
    """
    lanes = text[: len(text) // rows * rows].unflatten(0, (rows, -1))
    start = 0
    for phase in itertools.chain.from_iterable(itertools.repeat(p, p.num_steps) for p in phases):
        if start + phase.window_length(length) > lanes.shape[1]:
            start = 0
        raw = torch.stack([superpose.window(lane, start, length, phase) for lane in lanes])
        yield superpose.fold(raw, phase.bag_size, phase.target_size)
        start += phase.advance(length)


def read_text(path: pathlib.Path | None) -> tuple[Tensor, Tensor]:
    """Training and held-out bytes."""
    paths = [path] if path else sorted(pathlib.Path(torch.__file__).parent.glob("nn/modules/*.py"))
    text = torch.frombuffer(bytearray(b"".join(p.read_bytes() for p in paths)), dtype=torch.uint8)
    held_out = len(text) // 20
    return text[:-held_out], text[-held_out:]


@torch.no_grad()
def evaluate(model: Model, text: Tensor, rows: int, length: int) -> float:
    """Next-token loss with bagging off, on the same bytes every time."""
    plain = superpose.Phases([], 1)
    return model.loss(*next(batches(text, rows, length, plain))).item()


def check_arguments() -> dict:
    """For `python -m superpose.check plain_loop:check_arguments`."""
    torch.manual_seed(0)
    model, (text, _) = Model(), read_text(None)

    return {
        "embed_fn": model.embed,
        "loss_fn": lambda x, targets: model.head(model.decoder(x), targets),
        "make_batch": lambda s: next(batches(text, 4, 16, superpose.Phases([{"share": 1.0, "bag_size": s}], 1))),
        "vocab_size": VOCABULARY,
        "parameters": model.parameters(),
        "accumulate_fn": lambda parts: gradients_of_step(model.embed, model.decoder, model.head, parts),
        "decode": lambda ids: bytes(ids).decode(errors="replace"),
    }


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder of the run")
    parser.add_argument("--text", type=pathlib.Path, help="file to train on (default: torch's own Python sources)")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--share", type=float, default=0.3, help="share of the steps that is superposed")
    parser.add_argument("--bag-size", type=int, default=4)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--positions", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(words)

    torch.manual_seed(options.seed)
    model, (text, held_out) = Model(positions=options.positions), read_text(options.text)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95), weight_decay=0.1)
    phases = superpose.Phases([{"share": options.share, "bag_size": options.bag_size}], options.steps)
    parameters = sum(p.numel() for p in model.parameters())
    settings = {name: value for name, value in vars(options).items() if name not in ("out", "text", "seed")}
    recorder = superpose.Recorder(
        options.out,
        phases=phases,
        seed=options.seed,
        positions_per_step=options.rows * options.positions,
        flops_per_position=6 * parameters,
        recipe=settings,
        settings=settings,
        data=text.numpy().tobytes(),
        validation=held_out.numpy().tobytes(),
        parameters=parameters,
    )
    for step, batch in enumerate(batches(text, options.rows, options.positions, phases)):
        weights = phases.phase_at(step).slot_weights
        loss = gradients_of_step(model.embed, model.decoder, model.head, [batch], weights)
        norm = update(optimizer)
        recorder.step(step + 1, loss, learning_rate=2e-3, gradient_norm=norm)
        if (step + 1) % max(1, options.steps // 10) == 0 or step + 1 in phases.switch_steps:
            with recorder.evaluating():
                held_out_loss = evaluate(model, held_out, options.rows, options.positions)
            recorder.validation(step + 1, held_out_loss)
            print(f"step {step + 1:4d}  bags of {phases.phase_at(step).bag_size}  validation {held_out_loss:.3f} nats")
    recorder.summary(options.steps)


if __name__ == "__main__":
    main()
