"""Golden values: logits and gradients of Hugging Face models, computed by another program."""

import json
import os
import pathlib

import pytest
import torch

from superpose.functional import bag_embedding, fold, multi_hot_linear_cross_entropy
from superpose.phases import make_slot_weights

SHARED = pathlib.Path(os.environ.get("SUPERPOSE_SHARED", pathlib.Path(__file__).parents[3] / "shared"))
FOLDER = SHARED / "golden" / "superposition"
safetensors = pytest.importorskip("safetensors.torch")
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is not there (golden values)")

CHECKPOINTS = ["llama-gqa-tied-rope3", "qwen3"]


def read(checkpoint, bag_size):
    folder = FOLDER / checkpoint
    numbers = json.loads((folder / f"s{bag_size}.json").read_text())
    full = safetensors.load_file(folder / f"s{bag_size}.safetensors")
    return numbers, full, safetensors.load_file(folder / f"s{bag_size}-tail.safetensors")


def embedding_weight(checkpoint):
    files = (SHARED / "golden" / "checkpoints" / checkpoint).glob("*.safetensors")
    return next(tensors[name] for file in files for tensors in [safetensors.load_file(file)] for name in tensors
                if name.endswith("embed_tokens.weight"))  # fmt: skip


@pytest.mark.parametrize("bag_size", [1, 2, 3, 6, 16])
@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_inputs_targets_and_losses(checkpoint, bag_size):
    numbers, full, tail = read(checkpoint, bag_size)
    inputs, targets = fold(full["ids"], bag_size)
    assert torch.equal(targets, full["targets"])
    embedded = bag_embedding(embedding_weight(checkpoint), inputs)
    assert torch.allclose(embedded, full["inputs_embeds"], rtol=0, atol=1e-6 * embedded.abs().max().item())

    # The hidden state is the logits, and the head the identity: what is left is the loss.
    logits = full["logits"].flatten(0, 1)
    head = torch.eye(logits.shape[1])
    for name, targets in (("full", full["targets"]), ("tail", tail["targets"])):
        expected = numbers[name]
        for key, weighting in (("loss_uniform", "uniform"), ("loss_1_over_i", "inverse")):
            slots = make_slot_weights(weighting, bag_size)
            loss, counts = multi_hot_linear_cross_entropy(logits, head, targets.flatten(0, 1), slots)
            # Logits are golden, so what is left is rounding of f32 in lse and in sums.
            assert abs(loss.item() - expected[key]) < 2e-6 * expected[key], key
        assert counts.sum().item() == expected["valid_targets"]
        if name == "tail" and bag_size > 1:
            assert abs(loss.item() - expected["loss_pooled_NOT_the_paper"]) > 1e-5


@pytest.mark.parametrize("bag_size", [1, 2, 3, 6, 16])
@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_gradients_through_the_hugging_face_model(checkpoint, bag_size):
    transformers = pytest.importorskip("transformers")
    numbers, full, _ = read(checkpoint, bag_size)
    folder = SHARED / "golden" / "checkpoints" / checkpoint
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    inputs, targets = fold(full["ids"], bag_size)
    embedded = bag_embedding(model.get_input_embeddings().weight, inputs)
    hidden = model.model(inputs_embeds=embedded).last_hidden_state
    head = model.get_output_embeddings().weight
    loss, _ = multi_hot_linear_cross_entropy(hidden.flatten(0, 1), head, targets.flatten(0, 1))
    loss.backward()
    assert abs(loss.item() - numbers["full"]["loss_uniform"]) < 2e-6 * loss.item()
    largest_difference = numbers["full"]["against_f64"]["gradients"]["max_rel_to_tensor_max"]
    checked = 0
    for name, parameter in model.named_parameters():
        golden = full.get(f"grad.{name}")
        if golden is not None:
            # Both are this far from f64, or less; other orders of summation are a few times that.
            error = (parameter.grad - golden).abs().max() / golden.abs().max()
            assert error < max(8 * largest_difference, 1e-6), name
            checked += 1
    assert checked > 10
