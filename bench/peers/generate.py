#!/usr/bin/env python3
"""Prompt and generation tokens per second of superpose and of transformers' generate() on one model folder.

The sides alternate in one run; each gets the same prompt of random ids and generates the same number of tokens,
greedily, past any token that ends texts. transformers runs with a static cache, compiled where that works
(--no-compile leaves it eager). Medians of the rounds are printed, and their ratio.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

import torch
import transformers


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="a Hugging Face folder, or an export of a run")
    parser.add_argument("--program", type=pathlib.Path, default="build/release/bin/superpose")
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of transformers")
    parser.add_argument("--no-compile", action="store_true")
    return parser.parse_args()


class Superpose:
    def __init__(self, options, prompts):
        self.prompts = tempfile.NamedTemporaryFile("w", suffix=".jsonl")
        self.prompts.writelines(json.dumps({"ids": ids}) + "\n" for ids in prompts)
        self.prompts.flush()
        self.command = [options.program, "generate", options.folder, "--prompts", self.prompts.name, "--stats", "--ignore-end",
                        *("--max-tokens", options.tokens), *("--batch", options.batch), *("--threads", options.threads)]  # fmt: skip

    def round(self):
        """(prompt, generation) tokens per second; the model is read before the clock starts."""
        result = subprocess.run(list(map(str, self.command)), check=True, capture_output=True, text=True)
        return tuple(float(rate) for rate in re.findall(r"([\d.]+) tokens/s", result.stderr))


class Transformers:
    def __init__(self, options, prompts):
        torch.set_num_threads(options.threads)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(options.folder, dtype=getattr(torch, options.dtype)).eval()
        self.ids, self.tokens = torch.tensor(prompts), options.tokens
        self.words = {} if options.no_compile else {"compile_config": transformers.CompileConfig(fullgraph=False)}
        self.generate(2)

    def generate(self, tokens):
        begin = time.perf_counter()
        self.model.generate(
            self.ids, attention_mask=torch.ones_like(self.ids), do_sample=False, min_new_tokens=tokens, max_new_tokens=tokens,
            cache_implementation="static", **self.words,
        )  # fmt: skip
        return time.perf_counter() - begin

    def round(self):
        """The time of a prompt is that of generating one token; the others follow from what more of them take."""
        first, all_tokens = self.generate(1), self.generate(self.tokens)
        rows = len(self.ids)
        return rows * self.ids.shape[1] / first, rows * (self.tokens - 1) / (all_tokens - first)


def main():
    options = arguments()
    config = transformers.AutoConfig.from_pretrained(options.folder)
    source = torch.Generator().manual_seed(1)
    prompts = torch.randint(config.vocab_size, (options.batch, options.prompt_tokens), generator=source).tolist()
    sides = {"superpose": Superpose(options, prompts), "transformers": Transformers(options, prompts)}
    rates = {name: [] for name in sides}
    for _ in range(options.rounds):
        for name, side in sides.items():
            rates[name].append(side.round())
    medians = {name: [statistics.median(column) for column in zip(*rounds)] for name, rounds in rates.items()}
    for index, what in enumerate(("prompt", "generation")):
        ours, theirs = (medians[name][index] for name in ("superpose", "transformers"))
        print(f"{what}: superpose {ours:.1f} tokens/s, transformers {theirs:.1f} tokens/s, ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
