"""Small random models of each family, made by transformers."""

import torch
import transformers

FAMILIES = ["Llama", "Qwen2", "Qwen3", "SmolLM3", "Qwen3Moe"]


def save_random_model(family, folder, positions, end):
    """A folder as transformers leaves it: random weights, loud enough that every path shows. Returns the model."""
    sizes = dict(vocab_size=320, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
                 num_key_value_heads=2, max_position_embeddings=positions, bos_token_id=None, eos_token_id=end,
                 pad_token_id=None, initializer_range=0.2)  # fmt: skip
    if family == "Qwen3Moe":
        sizes |= dict(num_experts=8, num_experts_per_tok=2, moe_intermediate_size=24, mlp_only_layers=[1], head_dim=16)
    config = getattr(transformers, f"{family}Config")(**sizes)
    torch.manual_seed(3)
    model = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(folder)
    return model


# What takes the shape of a recipe back, so that it is the folder's alone.
def words_of_init_from(folder):
    shape = [word for key in ("hidden_size", "num_layers", "num_heads", "ffn_size") for word in (f"--model.{key}", "0")]
    return [*shape, "--model.tie_embeddings", "preset", "--model.vocab_size", "0", "--model.init_from", folder]
