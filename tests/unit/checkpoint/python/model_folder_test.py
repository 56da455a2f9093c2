"""Folders that we save, opened by AutoModelForCausalLM of one generation of transformers.

The random models are compared with the same weights under a configuration made in that generation's own
words; the golden ones with the logits that their makers recorded.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--golden", required=True, type=pathlib.Path)
    parser.add_argument("--major", required=True, type=int)
    parser.add_argument("--packages", type=pathlib.Path, help="folder of packages that go before the installed ones")
    return parser.parse_args()


ARGUMENTS = arguments()
if ARGUMENTS.packages:
    if not ARGUMENTS.packages.is_dir():
        skip(f"no packages in {ARGUMENTS.packages} (requirements-transformers4.txt)")
    sys.path.insert(0, str(ARGUMENTS.packages))
os.environ["HF_HUB_OFFLINE"] = "1"
try:
    import safetensors.torch
    import torch
    import transformers
except ImportError as error:
    skip(error)
if int(transformers.__version__.split(".")[0]) != ARGUMENTS.major:
    skip(f"transformers {transformers.__version__} is installed, {ARGUMENTS.major} is wanted")


def program(*words):
    subprocess.run([ARGUMENTS.program, *map(str, words)], check=True)


def logits_of(model, ids):
    model = model.float().eval()
    model.set_attn_implementation("eager")
    with torch.no_grad():
        return model(torch.as_tensor(ids)).logits


def open_folder(folder):
    model, info = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info.get(kind), (kind, info[kind])
    return model


def native_config(kind):
    """The configuration of `checkpoint_files random KIND`, in this generation's own words."""
    theta = 10000.0 if kind == "llama-plain" else 500000.0
    scaling = None
    if kind == "llama3-rope":
        scaling = {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        }
    if ARGUMENTS.major == 4:
        rope = {"rope_theta": theta, "rope_scaling": scaling}
    else:
        rope = {"rope_parameters": {"rope_theta": theta, **(scaling or {"rope_type": "default"})}}
    make = transformers.Qwen3Config if kind == "qwen3" else transformers.LlamaConfig
    return make(
        vocab_size=320,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32 if kind == "qwen3" else 16,
        max_position_embeddings=128,
        rms_norm_eps=1e-6,
        tie_word_embeddings=kind == "llama3-rope",
        eos_token_id=256,
        bos_token_id=None,
        **rope,
    )


def check_random(kind, folder):
    program("random", kind, folder)
    step = folder / "step-00000001"
    model = open_folder(step)
    assert model.config.eos_token_id == 256 and model.config.bos_token_id is None
    assert model.generation_config.eos_token_id == 256
    reference = transformers.AutoModelForCausalLM.from_config(native_config(kind))
    weights = safetensors.torch.load_file(step / "model.safetensors")
    missing, unexpected = reference.load_state_dict(weights, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    reference.tie_weights()
    ids = torch.arange(2 * 100).view(2, 100) % 320
    ours, theirs = logits_of(model, ids), logits_of(reference, ids)
    # One program on equal weights: whatever differs comes from the configuration.
    assert torch.equal(ours, theirs), (kind, (ours - theirs).abs().max())
    assert theirs.abs().max() > 1


def check_golden(name, folder, limit=None):
    golden = ARGUMENTS.golden / name
    program("resave", golden, folder, *([limit] if limit else []))
    step = folder / "step-00000001"
    assert (step / "model.safetensors.index.json").exists() == (limit is not None)
    reference = safetensors.torch.load_file(golden / "reference.safetensors")
    difference = (logits_of(open_folder(step), reference["input_ids"]) - reference["logits"]).abs().max().item()
    # f32 sums in another order; a wrong rotation is off by whole units.
    assert difference <= 1e-4, (name, difference)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for kind in ("llama-plain", "llama3-rope", "qwen3"):
            check_random(kind, folder / kind)
        checked = ["random llama and qwen3"]
        if ARGUMENTS.golden.is_dir():
            for golden in ("llama", "llama-bf16", "llama-gqa-tied-rope3", "qwen3"):
                check_golden(golden, folder / golden)
                checked.append(golden)
            check_golden("llama-sharded", folder / "sharded", limit=50000)
            checked.append("llama-sharded")
        else:
            print(f"no golden checkpoints in {ARGUMENTS.golden}: those are not compared")
    print(f"transformers {transformers.__version__} opens: {', '.join(checked)}")


if __name__ == "__main__":
    main()
