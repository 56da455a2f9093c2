#!/usr/bin/env python3
"""Superpose's training run repeated without Superpose, from docs/reproduce.md alone, in Python and PyTorch.

    python examples/reproduce.py --recipe runs/mine/recipe.toml --corpus CACHE/corpus-KEY --steps 10

The recipe is the resolved one of a run folder, the corpus the prepared folder that the run read. Prints one JSON line for each
step: its loss, its rate, the norm of its gradients. One corpus on one CPU in f32; mixtures, presets and scaled rotary frequencies are
left out. --initial and --final write the weights as safetensors, --validate adds the held-out loss of the final weights.
"""

import argparse
import json
import math
import pathlib
import struct
import tomllib

import torch
from torch.nn import functional

MASK = 2**64 - 1


# Random numbers.


def xxh3(text, seed):
    """XXH3 with 64 bits of a text of 17 to 128 bytes: all that a stream's label can be."""
    secret = bytes.fromhex(
        "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
        "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
        "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    )
    assert 17 <= len(text) <= 128, text

    def mixed(at, secret_at):
        low, high = struct.unpack_from("<2Q", text, at)
        low_key, high_key = struct.unpack_from("<2Q", secret, secret_at)
        product = (low ^ (low_key + seed & MASK)) * (high ^ (high_key - seed & MASK))
        return (product & MASK) ^ (product >> 64)

    total = len(text) * 0x9E3779B185EBCA87
    for i in range((len(text) - 1) // 32 + 1):
        total += mixed(16 * i, 32 * i) + mixed(len(text) - 16 * (i + 1), 32 * i + 16)
    total &= MASK
    total = (total ^ (total >> 37)) * 0x165667919E3779F9 & MASK
    return total ^ (total >> 32)


def stream_key(seed, purpose, name):
    return xxh3(purpose.encode() + b"\0" + name.encode(), seed)


def philox(key, low, high=0):
    """The words of a Philox4x32-10 block, two and two as 64 bits."""
    c = [low & 0xFFFFFFFF, low >> 32, high & 0xFFFFFFFF, high >> 32]
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k1, p0 & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c[0] | c[1] << 32, c[2] | c[3] << 32


def shuffled(ids, key):
    ids = list(ids)
    for i in range(len(ids), 1, -1):
        bits = philox(key, i // 2)[i % 2]
        j = math.floor((bits >> 11) * 2.0**-53 * i)
        ids[i - 1], ids[j] = ids[j], ids[i - 1]
    return ids


def normals(key, count, std):
    numbers = []
    for block in range((count + 1) // 2):
        p, q = philox(key, block)
        radius = math.sqrt(-2 * math.log(((p >> 11) + 1) * 2.0**-53))
        angle = 2 * math.pi * ((q >> 11) * 2.0**-53)
        numbers += [std * (radius * math.cos(angle)), std * (radius * math.sin(angle))]
    return torch.tensor(numbers[:count], dtype=torch.float64).float()


class Permutation:
    def __init__(self, size, key):
        self.size, self.key, self.side = size, key, math.isqrt(size - 1) + 1 if size > 1 else 1

    def __call__(self, i):
        while True:
            left, right = divmod(i, self.side)
            for round_number in range(8):
                value = philox(self.key, right, round_number)[0] % self.side
                left, right = right, (left + value) % self.side
            i = left * self.side + right
            if i < self.size:
                return i


# The data.


class Corpus:
    """One split of a prepared folder: its tokens, and where each document ends."""

    def __init__(self, folder, split):
        self.tokens, self.ends = [], []
        for index in sorted(folder.glob(f"{split}-*.idx")):
            header = index.read_bytes()
            code, sequences, documents = struct.unpack_from("<BQQ", header, 17)
            lengths = struct.unpack_from(f"<{sequences}i", header, 34)
            firsts = struct.unpack_from(f"<{documents}q", header, 34 + 12 * sequences)
            data = index.with_suffix(".bin").read_bytes()
            values = struct.unpack(f"<{sum(lengths)}{ {8: 'H', 4: 'i'}[code] }", data)
            for first, after in zip(firsts, firsts[1:]):
                self.ends.append((self.ends[-1] if self.ends else 0) + sum(lengths[first:after]))
            self.tokens += values


class Order:
    """The rows of a run, one after the other."""

    def __init__(self, corpus, recipe, phases):
        data, train = recipe["data"], recipe["train"]
        self.corpus, self.seed = corpus, train["seed"]
        self.n = len(corpus.tokens)
        longest = max(phase["a"] * phase["length"] + phase["b"] for phase in phases)
        self.lanes = min(data["lanes"], self.n // longest)
        self.block = data["block_tokens"] or min(65536, self.n // self.lanes)
        self.aware = data["document_aware"]
        self.rows = 0
        self.cursors = [0] * self.lanes
        self.epochs = {}
        self.document = [number for number, end in enumerate(corpus.ends) for _ in range(self.document_length(number))]

    def document_length(self, number):
        return self.corpus.ends[number] - (self.corpus.ends[number - 1] if number else 0)

    def epoch(self, number):
        """The corpus's token at each place of an epoch, and whether a block begins there."""
        if number not in self.epochs:
            blocks = -(-self.n // self.block)
            permuted = Permutation(blocks, stream_key(self.seed, "data.block_order", str(number)))
            places, begins = [], []
            for slot in range(blocks):
                begin = permuted(slot) * self.block
                count = min(self.block, self.n - begin)
                places += range(begin, begin + count)
                begins += [True] + [False] * (count - 1)
            self.epochs[number] = places, begins
        return self.epochs[number]

    def place(self, lane, cursor):
        """Token under a lane's cursor, and whether a piece begins there because of block, lane or document."""
        begin, end = self.n * lane // self.lanes, self.n * (lane + 1) // self.lanes
        epoch, offset = divmod(cursor, end - begin)
        places, begins = self.epoch(epoch)
        token = places[begin + offset]
        previous = self.document[token - 1] if token else -1
        return token, offset == 0 or begins[begin + offset] or self.document[token] != previous

    def row(self, phase):
        """Ids of the next row's window, the piece of each, and of each bag's last token."""
        a, b, length = phase["a"], phase["b"], phase["length"]
        lane, number = self.rows % self.lanes, self.rows
        self.rows += 1
        cursor, ids, pieces, piece, advance = self.cursors[lane], [], [], 0, 0
        while len(ids) < a * length + b:
            token, begins = self.place(lane, cursor)
            if self.aware and begins and ids:
                padding = -len(ids) % a
                ids += [-1] * padding
                pieces += [piece] * padding
                piece += 1
            ids.append(self.corpus.tokens[token])
            pieces.append(piece)
            cursor += 1
            advance += len(ids) <= a * length
        self.cursors[lane] += advance
        ids, pieces = ids[: a * length + b], pieces[: a * length + b]
        if phase["shuffled"]:
            ids = shuffled(ids, stream_key(self.seed, "data.bag_shuffle", str(number)))
        return ids, pieces

    def batch(self, phase):
        """Inputs [R, L, a] with -1 for padding, targets [R, L, b] with -100 where none counts."""
        a, b, length = phase["a"], phase["b"], phase["length"]
        inputs, targets = [], []
        for _ in range(phase["positions"] // length):
            ids, pieces = self.row(phase)
            bags = [ids[j * a : j * a + a] for j in range(length)]
            inputs.append(bags)
            lasts = [j * a + max(i for i in range(a) if bag[i] >= 0) for j, bag in enumerate(bags)]
            targets.append([])
            for j, last in enumerate(lasts):
                wanted = range((j + 1) * a, (j + 1) * a + b)
                targets[-1].append([ids[i] if ids[i] >= 0 and pieces[i] == pieces[last] else -100 for i in wanted])
        return torch.tensor(inputs), torch.tensor(targets)


# The model.


class Model:
    def __init__(self, shape, seed):
        self.shape = shape
        self.weights = {}
        width, layers = shape["hidden_size"], shape["num_layers"]
        queries, keys = shape["num_heads"] * shape["head_dim"], shape["num_kv_heads"] * shape["head_dim"]
        sizes = {"model.embed_tokens.weight": (shape["vocab_size"], width), "model.norm.weight": (width,)}
        if not shape["tied"]:
            sizes["lm_head.weight"] = (shape["vocab_size"], width)
        for layer in range(layers):
            prefix = f"model.layers.{layer}."
            sizes |= {
                prefix + "self_attn.q_proj.weight": (queries, width),
                prefix + "self_attn.k_proj.weight": (keys, width),
                prefix + "self_attn.v_proj.weight": (keys, width),
                prefix + "self_attn.o_proj.weight": (width, queries),
                prefix + "mlp.gate_proj.weight": (shape["ffn_size"], width),
                prefix + "mlp.up_proj.weight": (shape["ffn_size"], width),
                prefix + "mlp.down_proj.weight": (width, shape["ffn_size"]),
                prefix + "input_layernorm.weight": (width,),
                prefix + "post_attention_layernorm.weight": (width,),
            }
            if shape["qk_norm"]:
                sizes |= {prefix + f"self_attn.{x}_norm.weight": (shape["head_dim"],) for x in "qk"}
        for name, size in sizes.items():
            self.weights[name] = self.drawn(name, size, seed).requires_grad_()

    def drawn(self, name, size, seed):
        if len(size) == 1:
            return torch.ones(size)
        residual = name.endswith(("o_proj.weight", "down_proj.weight"))
        std = self.shape["init_std"] / (math.sqrt(2 * self.shape["num_layers"]) if residual else 1)
        return normals(stream_key(seed, "init", name), math.prod(size), std).view(size)

    @torch.no_grad()
    def draw_embedding_and_head(self, seed, step):
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            if name in self.weights:
                key = stream_key(seed, "init.draw_again", str(step))
                self.weights[name].copy_(self.drawn(name, self.weights[name].shape, key))

    def norm(self, x, name):
        return x / torch.sqrt(x.square().mean(-1, keepdim=True) + self.shape["norm_eps"]) * self.weights[name]

    def rotated(self, x):  # [B, heads, L, head_dim]
        half = x.shape[-1] // 2
        frequencies = torch.tensor([self.shape["rope_theta"] ** (-i / half) for i in range(half)], dtype=torch.float64)
        angles = torch.arange(x.shape[2]).float()[:, None] * frequencies.float()
        first, second = x[..., :half], x[..., half:]
        cosine, sine = angles.cos(), angles.sin()
        return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)

    def attention(self, x, prefix):
        shape = self.shape
        queries, keys, values = (
            functional.linear(x, self.weights[f"{prefix}{name}_proj.weight"])
            .unflatten(-1, (-1, shape["head_dim"]))
            .transpose(1, 2)
            for name in "qkv"
        )
        if shape["qk_norm"]:
            queries, keys = self.norm(queries, prefix + "q_norm.weight"), self.norm(keys, prefix + "k_norm.weight")
        queries, keys = self.rotated(queries), self.rotated(keys)
        shared = shape["num_heads"] // shape["num_kv_heads"]
        keys, values = keys.repeat_interleave(shared, 1), values.repeat_interleave(shared, 1)
        scores = queries @ keys.transpose(-1, -2) * shape["head_dim"] ** -0.5
        future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        mixed = scores.masked_fill(future, -math.inf).softmax(-1) @ values
        return functional.linear(mixed.transpose(1, 2).flatten(2), self.weights[prefix + "o_proj.weight"])

    def logits(self, inputs):  # [B, L, a] -> [B, L, V]
        weights = self.weights
        embedding = weights["model.embed_tokens.weight"]
        read = inputs >= 0
        x = (embedding[inputs.clamp(min=0)] * read[..., None]).sum(2) / read.sum(2, keepdim=True)
        for layer in range(self.shape["num_layers"]):
            prefix = f"model.layers.{layer}."
            x = x + self.attention(self.norm(x, prefix + "input_layernorm.weight"), prefix + "self_attn.")
            n = self.norm(x, prefix + "post_attention_layernorm.weight")
            gate = functional.linear(n, weights[prefix + "mlp.gate_proj.weight"])
            up = functional.linear(n, weights[prefix + "mlp.up_proj.weight"])
            x = x + functional.linear(functional.silu(gate) * up, weights[prefix + "mlp.down_proj.weight"])
        return functional.linear(self.norm(x, "model.norm.weight"), weights.get("lm_head.weight", embedding))

    def loss(self, inputs, targets, slot_weights, z_loss=0.0):
        logits = self.logits(inputs)
        normalizer = logits.logsumexp(-1)
        counts = (targets >= 0).sum((0, 1)).tolist()
        kept = sum(weight for weight, count in zip(slot_weights, counts) if count)
        loss = 0
        for slot, (weight, count) in enumerate(zip(slot_weights, counts)):
            if count:
                wanted = targets[..., slot]
                chosen = logits.gather(-1, wanted.clamp(min=0)[..., None])[..., 0]
                nats = normalizer + z_loss * normalizer.square() - chosen
                loss = loss + weight / kept / count * (nats * (wanted >= 0)).sum()
        return loss


# A recipe.


def phases_of(recipe):
    train = recipe["train"]
    steps, shares, phases, total = 0, 0.0, [], train["steps"]
    for entry in recipe["phases"]:
        steps += 0 if entry["steps"] == "auto" else entry["steps"]
        shares += 0 if entry["share"] == "auto" else entry["share"]
        a = entry["bag_size"]
        b = a if entry["target_size"] == "auto" else entry["target_size"]
        numbers = {
            "uniform": [1.0] * b,
            "inverse": [1 / (i + 1) for i in range(b)],
            "exponential": [math.exp(-i) for i in range(b)],
            "explicit": entry["slot_weights"],
        }[entry["slot_weighting"]]
        of_run = lambda key: train[key] if entry.get(key, "auto") == "auto" else entry[key]  # noqa: E731
        phases.append(
            dict(
                end=math.floor(steps + total * shares + 1e-9),
                a=a,
                b=b,
                weights=[x / sum(numbers) for x in numbers],
                length=of_run("sequence_length"),
                positions=of_run("batch_positions"),
                shuffled=entry.get("bag_order", "contiguous") == "shuffled",
                handover=entry.get("handover", "all"),
            )
        )
    rest = dict(length=train["sequence_length"], positions=train["batch_positions"], shuffled=False, handover="all")
    return phases + [dict(end=total, a=1, b=1, weights=[1.0]) | rest]


def shape_of(recipe, corpus):
    shape = dict(recipe["model"])
    assert not shape["preset"] and shape["rope_scaling"]["kind"] == "none" and not recipe["mixture"], "left out of this example"
    shape["vocab_size"] = shape["vocab_size"] or corpus["tokenizer"]["padded_vocabulary_size"]
    shape["num_kv_heads"] = shape["num_kv_heads"] or shape["num_heads"]
    shape["head_dim"] = shape["head_dim"] or shape["hidden_size"] // shape["num_heads"]
    shape["rope_theta"] = shape["rope_theta"] or 10000.0
    shape["norm_eps"] = shape["norm_eps"] or 1e-5
    shape["init_std"] = 0.02 if shape["init_std"] == "auto" else shape["init_std"]
    shape["tied"], shape["qk_norm"] = shape["tie_embeddings"] == "on", shape["qk_norm"] == "on"
    return shape


def learning_rate(optim, t, total):
    warmup, final = optim["warmup_steps"], optim["final_ratio"]
    warm = t / warmup if t < warmup else 1
    shape = 1
    if optim["schedule"] == "wsd":
        decay = total - math.floor((1 - optim["decay_share"]) * total + 1e-9)
        x = (total + 1 - t) / decay if decay else 1
        if x < 1:
            shape = final + (1 - final) * (x if optim["decay_shape"] == "linear" else 1 - math.sqrt(1 - x))
    elif optim["schedule"] == "cosine" and t > warmup:
        shape = final + (1 - final) * (1 + math.cos(math.pi * (t - warmup) / (total + 1 - warmup))) / 2
    return optim["learning_rate"] * min(warm, shape)


class AdamW:
    def __init__(self, weights, optim):
        self.weights, self.optim, self.t = weights, optim, 0
        self.first = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        self.second = {name: torch.zeros_like(weight) for name, weight in weights.items()}

    @torch.no_grad()
    def step(self, rate):
        """One update; returns the norm of the gradients before clipping."""
        optim, self.t = self.optim, self.t + 1
        norm = math.sqrt(sum(weight.grad.double().square().sum().item() for weight in self.weights.values()))
        scale = min(1.0, optim["clip_norm"] / (norm + 1e-6)) if optim["clip_norm"] else 1.0
        beta1, beta2 = optim["beta1"], optim["beta2"]
        for name, weight in self.weights.items():
            gradient = weight.grad * scale
            self.first[name].mul_(beta1).add_(gradient, alpha=1 - beta1)
            self.second[name].mul_(beta2).add_(gradient.square(), alpha=1 - beta2)
            if weight.dim() > 1:
                weight.mul_(1 - rate * optim["weight_decay"])
            root = self.second[name].sqrt() / math.sqrt(1 - beta2**self.t) + optim["eps"]
            weight.sub_(rate / (1 - beta1**self.t) * self.first[name] / root)
            weight.grad = None
        return norm


class Run:
    """What a resolved recipe makes of a prepared folder, step by step."""

    def __init__(self, recipe, folder):
        self.recipe, self.folder, self.finished = recipe, folder, 0
        self.sidecar = json.loads((folder / "corpus.json").read_text())
        self.phases = phases_of(recipe)
        self.order = Order(Corpus(folder, "train"), recipe, self.phases)
        self.model = Model(shape_of(recipe, self.sidecar), recipe["train"]["seed"])
        self.adamw = AdamW(self.model.weights, recipe["optim"])

    def step(self):
        train, optim = self.recipe["train"], self.recipe["optim"]
        phase = next(phase for phase in self.phases if self.finished < phase["end"])
        self.hand_over(next((ended["handover"] for ended in self.phases if ended["end"] == self.finished), "all"))
        batch = self.order.batch(phase)
        loss = self.model.loss(*batch, phase["weights"], optim.get("z_loss", 0.0))
        loss.backward()
        self.finished += 1
        rate = learning_rate(optim, self.finished, train["steps"])
        norm = self.adamw.step(rate)
        return {"step": self.finished, "loss": loss.item(), "learning_rate": rate, "gradient_norm": norm}

    def hand_over(self, handover):
        if handover == "weights":
            self.adamw = AdamW(self.model.weights, self.recipe["optim"])
        elif handover == "layers":
            self.model.draw_embedding_and_head(self.recipe["train"]["seed"], self.finished)

    @torch.no_grad()
    def validation_loss(self):
        corpus, length = Corpus(self.folder, "validation"), self.recipe["train"]["sequence_length"]
        total, count = 0.0, 0
        for half in "AB":
            tokens, begin = [], 0
            for letter, end in zip(self.sidecar["validation_halves"], corpus.ends):
                tokens += corpus.tokens[begin:end] if letter == half else []
                begin = end
            fit = max(0, (len(tokens) - 1) // length)
            taken = min(fit, self.recipe["evaluation"]["windows"] // 2)
            for i in range(taken):
                start = i * fit // taken * length
                window = torch.tensor(tokens[start : start + length + 1])
                loss = self.model.loss(window[None, :-1, None], window[None, 1:, None], [1.0])
                total, count = total + loss.item() * length, count + length
        return total / count


def write_weights(path, weights):
    """As safetensors."""
    header, data = {}, b""
    for name, weight in weights.items():
        raw = struct.pack(f"<{weight.numel()}f", *weight.detach().flatten().tolist())
        header[name] = {"dtype": "F32", "shape": list(weight.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", required=True, type=pathlib.Path)
    parser.add_argument("--corpus", required=True, type=pathlib.Path)
    parser.add_argument("--steps", type=int, help="only so many; the schedule stays the recipe's")
    parser.add_argument("--initial", type=pathlib.Path)
    parser.add_argument("--final", type=pathlib.Path)
    parser.add_argument("--validate", action="store_true")
    options = parser.parse_args()

    run = Run(tomllib.loads(options.recipe.read_text()), options.corpus)
    if options.initial:
        write_weights(options.initial, run.model.weights)
    for _ in range(run.recipe["train"]["steps"] if options.steps is None else options.steps):
        print(json.dumps(run.step()), flush=True)
    if options.validate:
        print(json.dumps({"validation_loss": run.validation_loss()}))
    if options.final:
        write_weights(options.final, run.model.weights)


if __name__ == "__main__":
    main()
