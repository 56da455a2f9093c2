#!/usr/bin/env python3
"""The exported model in transformers (LlamaForCausalLM or Qwen3ForCausalLM), eager or under torch.compile."""

import torch
import worker
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM


def main():
    options = worker.arguments(__doc__)

    def make_model():
        config = AutoConfig.from_pretrained(options.folder)
        config.use_cache = False
        return AutoModelForCausalLM.from_config(config, attn_implementation="sdpa", dtype=torch.float32)

    def load(model):
        missing, unexpected = model.load_state_dict(load_file(options.folder / "model.safetensors"), strict=False)
        # A tied head is the embedding, and stored once.
        if unexpected or set(missing) - {"lm_head.weight"}:
            raise SystemExit(f"hugging_face.py: weights do not fit, missing {missing}, unexpected {unexpected}")

    def logits_of(model, ids):
        if ids.shape[2] == 1:
            return model(input_ids=ids[:, :, 0]).logits
        return model(inputs_embeds=worker.bag_latents(model.get_input_embeddings(), ids)).logits

    worker.serve(worker.Peer(options, make_model, load, logits_of))


if __name__ == "__main__":
    main()
