#!/usr/bin/env python3
"""The decoder of `superpose train` as one would write it in PyTorch: eager, or under torch.compile."""

import json

import torch
import worker
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import linear, scaled_dot_product_attention, silu, softmax

EXPERT_KEYS = ["num_experts", "num_experts_per_tok", "moe_intermediate_size", "norm_topk_prob"]


class RmsNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        return nn.functional.rms_norm(x.float(), self.weight.shape, self.weight, self.eps).to(x.dtype)


def rotate(x, cosines, sines):
    """x [B, H, L, h], in halves as Hugging Face."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cosines - b * sines, b * cosines + a * sines), -1).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        width, size = shape["hidden_size"], shape["head_dim"]
        self.heads, self.kv_heads, self.size = shape["num_heads"], shape["num_kv_heads"], size
        self.qkv = nn.Linear(width, (self.heads + 2 * self.kv_heads) * size, bias=False)
        self.o_proj = nn.Linear(self.heads * size, width, bias=False)
        self.norms = nn.ModuleList([RmsNorm(size, shape["eps"]) for _ in range(2)]) if shape["qk_norm"] else None

    def forward(self, x, angles):
        batch, length, _ = x.shape
        split = [self.heads * self.size, self.kv_heads * self.size, self.kv_heads * self.size]
        q, k, v = (part.view(batch, length, -1, self.size).transpose(1, 2) for part in self.qkv(x).split(split, -1))
        if self.norms is not None:
            q, k = self.norms[0](q), self.norms[1](k)
        q, k = rotate(q, *angles), rotate(k, *angles)
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.heads != self.kv_heads)
        return self.o_proj(mixed.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, shape):
        super().__init__()
        width, ffn = shape["hidden_size"], shape["ffn_size"]
        self.gate_up = nn.Linear(width, 2 * ffn, bias=False)
        self.down = nn.Linear(ffn, width, bias=False)

    def forward(self, x):
        gate, up = self.gate_up(x).chunk(2, -1)
        return self.down(silu(gate) * up)


class Experts(nn.Module):
    """A loop over experts: each takes its positions, and adds to them."""

    def __init__(self, shape):
        super().__init__()
        width, ffn, experts = shape["hidden_size"], shape["moe_intermediate_size"], shape["num_experts"]
        self.per_token, self.normalize = shape["num_experts_per_tok"], shape["norm_topk_prob"]
        self.router = nn.Linear(width, experts, bias=False)
        self.gate_up = nn.Parameter(torch.empty(experts, 2 * ffn, width))
        self.down = nn.Parameter(torch.empty(experts, width, ffn))

    def forward(self, x):
        flat = x.flatten(0, 1)
        shares, chosen = softmax(self.router(flat).float(), -1).topk(self.per_token, -1)
        if self.normalize:
            shares = shares / shares.sum(-1, keepdim=True)
        out = torch.zeros_like(flat)
        for expert in range(len(self.gate_up)):
            positions, slots = torch.where(chosen == expert)
            gate, up = linear(flat[positions], self.gate_up[expert]).chunk(2, -1)
            rows = linear(silu(gate) * up, self.down[expert]) * shares[positions, slots, None]
            out = out.index_add(0, positions, rows.to(out.dtype))
        return out.view_as(x)


class Layer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        width = shape["hidden_size"]
        self.attention_norm, self.ffn_norm = RmsNorm(width, shape["eps"]), RmsNorm(width, shape["eps"])
        self.attention = Attention(shape)
        self.ffn = Experts(shape) if shape.get("num_experts") else FeedForward(shape)

    def forward(self, x, angles):
        x = x + self.attention(self.attention_norm(x), angles)
        return x + self.ffn(self.ffn_norm(x))


class Decoder(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.embedding = nn.Embedding(shape["vocab_size"], shape["hidden_size"])
        self.layers = nn.ModuleList([Layer(shape) for _ in range(shape["num_layers"])])
        self.norm = RmsNorm(shape["hidden_size"], shape["eps"])
        self.head = None if shape["tied"] else nn.Linear(shape["hidden_size"], shape["vocab_size"], bias=False)
        half = shape["head_dim"] // 2
        frequencies = shape["rope_theta"] ** (-torch.arange(half) / half)
        angles = torch.arange(shape["sequence_length"])[:, None] * frequencies  # [L, h / 2]
        self.register_buffer("cosines", angles.cos(), persistent=False)
        self.register_buffer("sines", angles.sin(), persistent=False)

    def forward(self, ids):
        x = worker.bag_latents(self.embedding, ids)
        for layer in self.layers:
            x = layer(x, (self.cosines, self.sines))
        return linear(self.norm(x), self.embedding.weight if self.head is None else self.head.weight)


def own_names(tensors, num_layers, experts):
    """Hugging Face's weights under this module's names; q, k, v and gate, up joined, experts stacked."""
    own = {"embedding.weight": tensors["model.embed_tokens.weight"], "norm.weight": tensors["model.norm.weight"]}
    if "lm_head.weight" in tensors:
        own["head.weight"] = tensors["lm_head.weight"]
    for index in range(num_layers):
        theirs, ours = f"model.layers.{index}.", f"layers.{index}."

        def joined(*names):
            return torch.cat([tensors[f"{theirs}{name}.weight"] for name in names])

        own[ours + "attention.qkv.weight"] = joined(*(f"self_attn.{n}_proj" for n in "qkv"))
        own[ours + "attention.o_proj.weight"] = joined("self_attn.o_proj")
        if experts:
            names = [f"mlp.experts.{expert}." for expert in range(experts)]
            own[ours + "ffn.router.weight"] = joined("mlp.gate")
            own[ours + "ffn.gate_up"] = torch.stack([joined(f"{n}gate_proj", f"{n}up_proj") for n in names])
            own[ours + "ffn.down"] = torch.stack([joined(f"{n}down_proj") for n in names])
        else:
            own[ours + "ffn.gate_up.weight"] = joined("mlp.gate_proj", "mlp.up_proj")
            own[ours + "ffn.down.weight"] = joined("mlp.down_proj")
        own[ours + "attention_norm.weight"] = joined("input_layernorm")
        own[ours + "ffn_norm.weight"] = joined("post_attention_layernorm")
        if f"{theirs}self_attn.q_norm.weight" in tensors:
            own[ours + "attention.norms.0.weight"] = joined("self_attn.q_norm")
            own[ours + "attention.norms.1.weight"] = joined("self_attn.k_norm")
    return own


def main():
    options = worker.arguments(__doc__)
    shape = json.loads((options.folder / "bench.json").read_text())
    config = json.loads((options.folder / "config.json").read_text())
    shape |= {"eps": config["rms_norm_eps"], "rope_theta": config["rope_theta"]}
    shape |= {key: config[key] for key in EXPERT_KEYS if key in config}
    experts = shape.get("num_experts", 0)
    if config.get("mlp_only_layers") or config.get("decoder_sparse_step", 1) != 1:
        raise SystemExit("decoder.py: experts in all layers or in none")
    if config.get("rope_scaling"):
        raise SystemExit("decoder.py: has no rope scaling")

    def load(model):
        with torch.no_grad():
            model.load_state_dict(own_names(load_file(options.folder / "model.safetensors"), shape["num_layers"], experts))

    worker.serve(worker.Peer(options, lambda: Decoder(shape), load, lambda model, ids: model(ids)))


if __name__ == "__main__":
    main()
