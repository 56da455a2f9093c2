#!/usr/bin/env python3
"""Makes the references next to this script: two tiny decoders by Hugging Face transformers, with the logits, losses and
gradients of bags of 1 and 3 tokens, and four AdamW steps by PyTorch.

    .venv/bin/python tests/golden/make_references.py

Every folder holds config.json and model.safetensors as save_pretrained writes them, and reference.safetensors:
  ids.s<s> [2, 7, s], targets.s<s> [2, 7, s]     bags and the bags after them
  logits.s<s> [2, 7, V], loss.s<s> []            loss = (1/s) sum over slots of the mean cross-entropy
  grad.s<s>.<weight>                             of that loss
  adamw.<weight>                                 after 4 updates by the gradients of s = 3, clipped to norm 1
muon.safetensors: two matrices before and after 20 updates by torch.optim.Muon, whose Newton-Schulz iterations are in bf16,
and after the same updates with them in f64:
  start.<name>, torch.<name>, f64.<name>
router.safetensors: logits of a router for 2 rows of 12 positions, 6 experts, 2 of each position; load_balancing_loss_func
of transformers for both rows as one batch and for each row as its own:
  logits [24, 6], loss.batch [], grad.batch [24, 6], loss.row<r> [], grad.row<r> [12, 6]
Computed in f64 from the f32 weights and stored in f32, so a difference seen by a test is the tested program's own.
Needs the versions in requirements-test.txt; one thread, no network.
"""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM
from transformers.models.qwen3_moe.modeling_qwen3_moe import load_balancing_loss_func

HERE = pathlib.Path(__file__).resolve().parent / "references"
SHAPE = dict(vocab_size=48, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=6, max_position_embeddings=32, use_cache=False)
MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig(
        **SHAPE, rms_norm_eps=1e-5, tie_word_embeddings=True, rope_parameters=dict(
            rope_type="llama3", rope_theta=100.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=32))),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(
        **SHAPE, rms_norm_eps=1e-6, tie_word_embeddings=False,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0))),
}
BAGS = 7
ADAMW = dict(lr=0.01, betas=(0.9, 0.95), eps=1e-8)


def loud_weights(model, generator):
    """Large enough that an error in any path shows in the outputs."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.normal_(0.0, 0.3, generator=generator)
            else:
                parameter.uniform_(0.5, 1.5, generator=generator)


def bag_loss(model, ids, targets):
    embedded = model.get_input_embeddings()(ids).mean(dim=2)
    logits = model(inputs_embeds=embedded).logits
    slots = [F.cross_entropy(logits.flatten(0, 1), targets[:, :, i].flatten()) for i in range(targets.size(2))]
    return logits, sum(slots) / len(slots)


def named(model):
    return [(name, parameter) for name, parameter in model.named_parameters()]


def adamw_steps(model, ids, targets):
    decays = [p for _, p in named(model) if p.dim() == 2]
    others = [p for _, p in named(model) if p.dim() != 2]
    optimizer = torch.optim.AdamW([dict(params=decays, weight_decay=0.1), dict(params=others, weight_decay=0.0)], **ADAMW)
    for _ in range(4):
        optimizer.zero_grad()
        bag_loss(model, ids, targets)[1].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def make(name, seed):
    build, config = MODELS[name]
    config._attn_implementation = "eager"
    generator = torch.Generator().manual_seed(seed)
    model = build(config)
    loud_weights(model, generator)
    folder = HERE / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = model.double()
    tensors = {}
    for s in (1, 3):
        raw = torch.randint(config.vocab_size, (2, (BAGS + 1) * s), generator=generator)
        bags = raw.view(2, BAGS + 1, s)
        ids, targets = bags[:, :-1].contiguous(), bags[:, 1:].contiguous()
        model.zero_grad()
        logits, loss = bag_loss(model, ids, targets)
        loss.backward()
        tensors |= {f"ids.s{s}": ids, f"targets.s{s}": targets, f"logits.s{s}": logits.float(), f"loss.s{s}": loss.float()}
        tensors |= {f"grad.s{s}.{n}": p.grad.float() for n, p in named(model)}
    adamw_steps(model, ids, targets)
    tensors |= {f"adamw.{n}": p.float() for n, p in named(model)}
    save_file({n: t.detach().clone().contiguous() for n, t in tensors.items()}, folder / "reference.safetensors",
              metadata={"format": "pt"})


def muon_gradient(shape, step):
    """Of update `step`, from 0: a formula, so that a test forms the same numbers."""
    index = torch.arange(shape[0] * shape[1], dtype=torch.float64)
    return (torch.sin(0.37 * index * (step + 1)) + 0.1 * torch.cos(index)).view(shape)


def muon_updates(start, dtype):
    parameter = torch.nn.Parameter(start.to(dtype).clone())
    optimizer = torch.optim.Muon([parameter], lr=0.01, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    for step in range(20):
        parameter.grad = muon_gradient(start.shape, step).to(dtype)
        optimizer.step()
    return parameter.detach().float()


def make_muon(seed):
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    rounding = torch.Tensor.bfloat16
    for name, shape in (("wide", (24, 40)), ("tall", (40, 24))):
        start = torch.randn(shape, generator=generator)
        tensors[f"start.{name}"] = start
        tensors[f"torch.{name}"] = muon_updates(start, torch.float32)
        torch.Tensor.bfloat16 = torch.Tensor.clone
        tensors[f"f64.{name}"] = muon_updates(start, torch.float64)
        torch.Tensor.bfloat16 = rounding
    save_file(tensors, HERE / "muon.safetensors", metadata={"format": "pt"})


def make_router(seed):
    logits = torch.randn(24, 6, generator=torch.Generator().manual_seed(seed)) * torch.tensor([2.0, 1.5, 1.0, 0.8, 0.6, 0.2])
    tensors = {"logits": logits}
    for name, part in (("batch", logits), ("row0", logits[:12]), ("row1", logits[12:])):
        leaf = part.double().clone().requires_grad_()
        loss = load_balancing_loss_func((leaf,), num_experts=6, top_k=2)
        loss.backward()
        tensors |= {f"loss.{name}": loss.detach().float(), f"grad.{name}": leaf.grad.float()}
    save_file(tensors, HERE / "router.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    torch.set_num_threads(1)
    make_router(4)
    make_muon(3)
    make("llama", 1)
    make("qwen3", 2)
