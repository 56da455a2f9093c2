#!/usr/bin/env python3
"""Seconds and peak memory of reading a sharded model folder into f32 weights: superpose against safetensors in Python.

Makes the folder with transformers: random weights, 163M parameters by default, in shards. Ours is the time of `superpose
generate` for one token of one prompt token, less the same for a model of 0.1M parameters; it checks each tensor for values that
are not finite. Theirs is `safetensors.torch.load_file` of each shard and the copy into f32 tensors that are there, written once
before. The sides alternate, the files are in the page cache. Medians of the rounds are printed, and their ratio.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PEER = """
import json, pathlib, resource, sys, time
import torch
from safetensors.torch import load_file
folder = pathlib.Path(sys.argv[1])
weights = {}
for shard in sorted(folder.glob("*.safetensors")):
    for name, value in load_file(shard).items():
        weights[name] = torch.zeros(value.shape)
begin = time.perf_counter()
for shard in sorted(folder.glob("*.safetensors")):
    for name, value in load_file(shard).items():
        weights[name].copy_(value)
print(json.dumps({"seconds": time.perf_counter() - begin, "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default="build/release/bin/superpose")
    parser.add_argument("--dtypes", default="float32,bfloat16", help="of the files (default %(default)s)")
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--shard-size", default="200MB")
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


def save(folder, dtype, layers, width, shard_size):
    """In a process of its own: what this one has used would count as the peak of those that it starts."""
    words = [folder, dtype, layers, width, shard_size]
    result = subprocess.run([sys.executable, __file__, "--save", *map(str, words)], check=True, capture_output=True, text=True)
    return int(result.stdout)


def save_here(folder, dtype, layers, width, shard_size):
    import torch
    import transformers

    layers, width = int(layers), int(width)
    config = transformers.LlamaConfig(
        vocab_size=49152 if width > 64 else 512, hidden_size=width, intermediate_size=width * 8 // 3, num_hidden_layers=layers,
        num_attention_heads=width // 64, num_key_value_heads=width // 64, max_position_embeddings=64, tie_word_embeddings=True,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).to(getattr(torch, dtype))
    model.save_pretrained(folder, max_shard_size=shard_size)
    print(sum(weight.numel() for weight in model.parameters()))


def run_ours(program, folder, prompts):
    words = [program, "generate", folder, "--prompts", prompts, "--max-tokens", 1, "--ignore-end"]
    begin = time.perf_counter()
    process = subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("load.py: superpose failed")
    return time.perf_counter() - begin, usage.ru_maxrss * 1024


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        prompts = folder / "prompts.jsonl"
        prompts.write_text(json.dumps({"ids": [1]}) + "\n")
        save(folder / "least", "float32", 1, 64, options.shard_size)
        for dtype in options.dtypes.split(","):
            parameters = save(folder / dtype, dtype, options.layers, 576, options.shard_size)
            shards = len(list((folder / dtype).glob("*.safetensors")))
            ours, theirs, our_bytes, their_bytes = [], [], [], []
            for _ in range(options.rounds):
                start, least = run_ours(options.program, folder / "least", prompts)
                whole, peak = run_ours(options.program, folder / dtype, prompts)
                ours.append(whole - start)
                our_bytes.append(peak - least)
                result = subprocess.run(
                    [sys.executable, "-c", PEER, folder / dtype], check=True, capture_output=True, text=True
                )
                peer = json.loads(result.stdout)
                theirs.append(peer["seconds"])
                their_bytes.append(peer["bytes"])
            ratios = statistics.median(b / a for a, b in zip(ours, theirs))
            print(f"{dtype}, {parameters / 1e6:.0f}M parameters in {shards} shards: superpose {statistics.median(ours):.2f} s "
                  f"({min(ours):.2f} .. {max(ours):.2f}), safetensors and copy {statistics.median(theirs):.2f} s, ratio {ratios:.2f}; "
                  f"weights {4 * parameters / 2**20:.0f} MiB, superpose over its start {statistics.median(our_bytes) / 2**20:.0f} MiB")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--save"]:
        save_here(*sys.argv[2:])
    else:
        main()
