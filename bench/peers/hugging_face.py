#!/usr/bin/env python3
"""The exported model in transformers (LlamaForCausalLM, Qwen3ForCausalLM or Qwen3MoeForCausalLM), eager or under torch.compile."""

import torch
import worker
from transformers import AutoModelForCausalLM


def main():
    options = worker.arguments(__doc__)
    more = {} if options.experts is None else {"experts_implementation": options.experts}
    # Reads experts by expert, as the folder has them, and stacks them.
    first = AutoModelForCausalLM.from_pretrained(
        options.folder, attn_implementation="sdpa", dtype=torch.float32, use_cache=False, **more
    ).train()
    weights = {name: tensor.clone() for name, tensor in first.state_dict().items()}

    def logits_of(model, ids):
        if ids.shape[2] == 1:
            return model(input_ids=ids[:, :, 0]).logits
        return model(inputs_embeds=worker.bag_latents(model.get_input_embeddings(), ids)).logits

    worker.serve(worker.Peer(options, lambda: first, lambda model: model.load_state_dict(weights), logits_of))


if __name__ == "__main__":
    main()
