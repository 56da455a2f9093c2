// What the tests of checkpoints save.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>

#include "checkpoint/checkpoint.h"

namespace superpose::checkpoint {

// A small checkpoint whose values tell its step.
inline Contents small_contents(std::int64_t step) {
  Contents contents;
  contents.config.vocab_size = 16;
  contents.config.hidden_size = 8;
  contents.config.intermediate_size = 8;
  contents.config.num_hidden_layers = 1;
  contents.config.num_attention_heads = 2;
  contents.config.num_key_value_heads = 1;
  contents.config.head_dim = 4;
  contents.config.max_position_embeddings = 32;
  const at::Tensor weight = at::arange(128, at::kFloat).add_(static_cast<double>(step));
  contents.model = {{"model.embed_tokens.weight", weight.view({16, 8})}};
  contents.tokenizer_json = "{\"version\": \"1.0\"}";
  contents.tokenizer_config_json = "{}";
  contents.optimizer = {{"exp_avg", "model.embed_tokens.weight", 0, weight.mul(2)}};
  contents.state["step"] = step;
  return contents;
}

}  // namespace superpose::checkpoint
