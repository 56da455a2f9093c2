#!/usr/bin/env python3
"""Token superposition in Hugging Face's `Trainer`: any causal model that takes `inputs_embeds`, nothing of it changed.

    python hugging_face_trainer.py --out runs/hf --text FILE

`SuperposedTrainer` reads bags through `inputs_embeds` and takes the loss from the last hidden state, so neither the
model nor `Trainer` is patched. `RawRows` cuts the data, and `AtSwitch` is the callback for the switch. transformers 5;
tested in one process. Weights must be whole (for sharded ones see `superpose.BagEmbedding`).

To resume, make the model from the checkpoint (`from_pretrained`) as `main` does: `Trainer` of transformers 5.23 by
itself leaves the weights of experts as they are, as the checkpoint has other names for them (its issue 48805).
"""

import argparse
import pathlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

import superpose


class RawRows(Dataset):
    """Row k of a run, in the order of its steps: raw ids, a times longer while superposed, and the phase they are for.

    Rows depend on k alone, so a resumed run, which skips rows, is in the right phase and at the right text, also with
    workers that read ahead through the switch. Shuffle documents beforehand; rows must be taken in order.

    Args:
        tokens: one-dimensional ids: a tensor, an array (a memory map too) or a sequence.
        phases: `superpose.Phases` of the run.
        length: L, positions of a row in every phase.
        rows_per_step: rows of one optimizer step: batch size x accumulation x processes.
    """

    def __init__(self, tokens, phases: superpose.Phases, length: int, rows_per_step: int):
        self.tokens, self.phases, self.length, self.rows_per_step = tokens, phases, length, rows_per_step

    def __len__(self) -> int:
        return self.phases.total_steps * self.rows_per_step

    def __getitem__(self, row: int) -> dict:
        step, within = divmod(row, self.rows_per_step)
        index = self.phases.phase_index_at(step)
        phase = self.phases[index]
        start = self.phases.raw_tokens_before(step, self.length * self.rows_per_step)
        start += within * phase.advance(self.length)
        start %= len(self.tokens) - phase.window_length(self.length) + 1  # another epoch
        return {"input_ids": superpose.window(self.tokens, start, self.length, phase), "phase": phase}


def collate(examples: Sequence[Mapping]) -> dict[str, Tensor]:
    """Raw rows of one phase -> a batch of bags. Rows without a phase, as in evaluation, are next-token prediction.

    Returns `bags` [B, L, a], `attention_mask` and `position_ids` [B, L], which count bags, `labels` [B, L, b] (already
    aligned: not to be shifted) and `slot_weights` [b].
    """
    phase = examples[0].get("phase", superpose.Phase(0, 1))
    raw = torch.stack([torch.as_tensor(example["input_ids"]) for example in examples])
    mask = [torch.as_tensor(e.get("attention_mask", torch.ones_like(row))) for e, row in zip(examples, raw)]
    bags, labels = superpose.fold(raw.masked_fill(torch.stack(mask) == 0, -1), phase.bag_size, phase.target_size)
    attended = (bags >= 0).any(-1)
    bags[..., 0].masked_fill_(~attended, 0)  # a bag of padding alone reads any token: nothing attends to it
    labels.masked_fill_(~attended[..., None], -100)
    return {
        "bags": bags,
        "attention_mask": attended.long(),
        "position_ids": (attended.cumsum(-1) - 1).clamp_min(0),
        "labels": labels,
        "slot_weights": torch.tensor(phase.slot_weights),
    }


class AtSwitch(TrainerCallback):
    """At each switch: a checkpoint and an evaluation, so that it can be looked at and branched from."""

    def __init__(self, phases: superpose.Phases):
        self.phases = phases

    def on_step_end(self, args, state, control, **_):
        if state.global_step in self.phases.switch_steps:
            control.should_save = True
            control.should_evaluate = args.eval_strategy != "no"
            control.should_log = True


class SuperposedTrainer(Trainer):
    """`Trainer` for batches of `collate`. With bags of 1 its loss is that of `Trainer`."""

    def __init__(self, *arguments, phases: superpose.Phases, **more):
        super().__init__(*arguments, data_collator=collate, **more)
        self.loss_is_scaled_for_ga = True  # by the counts of the whole step
        self.add_callback(AtSwitch(phases))

    def get_batch_samples(self, epoch_iterator, num_batches, device):
        """The micro-batches of a step, and its valid targets of each slot [b] instead of one count of all labels."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if not batches:
            return batches, None
        counts = sum(superpose.count_targets(batch["labels"]) for batch in batches).to(device)
        return batches, self.accelerator.reduce(counts, "sum")

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        core = self.accelerator.unwrap_model(model)
        outputs = model(
            inputs_embeds=superpose.bag_embedding(core.get_input_embeddings().weight, inputs["bags"]),
            attention_mask=inputs["attention_mask"],
            position_ids=inputs["position_ids"],
            output_hidden_states=True,
            logits_to_keep=1,  # the head is part of the loss below
            use_cache=False,
        )
        loss, _ = superpose.multi_hot_linear_cross_entropy(
            outputs.hidden_states[-1].flatten(0, 1),
            core.get_output_embeddings().weight,
            inputs["labels"].flatten(0, 1),
            inputs["slot_weights"],
            counts=num_items_in_batch if model.training else None,
        )
        if model.training:
            loss = loss * self.accelerator.num_processes  # gradients are averaged over processes
        if getattr(outputs, "aux_loss", None) is not None:  # load balancing of experts, a mean over micro-batches
            parts = self.current_gradient_accumulation_steps if model.training else 1
            loss = loss + core.config.router_aux_loss_coef * outputs.aux_loss / parts
        return (loss, outputs) if return_outputs else loss


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="folder of the run; a run that is there is resumed")
    parser.add_argument("--text", required=True, type=pathlib.Path, help="file to train on")
    parser.add_argument("--tokenizer", help="name or folder of a tokenizer (default: bytes)")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--share", type=float, default=0.3, help="share of the steps that is superposed")
    parser.add_argument("--bag-size", type=int, default=4)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--positions", type=int, default=64)
    options = parser.parse_args(words)

    if options.tokenizer:
        tokenizer = AutoTokenizer.from_pretrained(options.tokenizer)
        ids, vocabulary = torch.tensor(tokenizer(options.text.read_text())["input_ids"]), len(tokenizer)
    else:
        ids, vocabulary = torch.tensor(list(options.text.read_bytes())), 256
    held_out, training = ids[: len(ids) // 20], ids[len(ids) // 20 :]
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=options.positions,
    )  # fmt: skip
    phases = superpose.Phases([{"share": options.share, "bag_size": options.bag_size}], options.steps)
    arguments = TrainingArguments(
        options.out,
        max_steps=options.steps,
        per_device_train_batch_size=options.rows,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        prediction_loss_only=True,
        learning_rate=2e-3,
        lr_scheduler_type="warmup_stable_decay",
        lr_scheduler_kwargs={"num_decay_steps": options.steps // 5},
        warmup_steps=options.steps // 20,
        eval_strategy="steps",
        eval_steps=max(1, options.steps // 10),
        save_steps=max(1, options.steps // 4),
        logging_steps=max(1, options.steps // 20),
        report_to="none",
    )
    windows = held_out[: len(held_out) // (options.positions + 1) * (options.positions + 1)].view(
        -1, options.positions + 1
    )
    checkpoint = get_last_checkpoint(options.out) if pathlib.Path(options.out).is_dir() else None
    trainer = SuperposedTrainer(
        LlamaForCausalLM.from_pretrained(checkpoint) if checkpoint else LlamaForCausalLM(config),
        arguments,
        phases=phases,
        train_dataset=RawRows(training, phases, options.positions, options.rows * arguments.world_size),
        eval_dataset=[{"input_ids": row} for row in windows[:64]],
    )
    trainer.train(resume_from_checkpoint=checkpoint)


if __name__ == "__main__":
    main()
