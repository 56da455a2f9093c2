// Writes and reads checkpoint files for the Python tests.
//
//   write FILE                 a safetensors file of every dtype that NumPy or PyTorch can check
//   write-f32 FILE             one of f32 alone, whose bytes the reference writer would write too
//   read FILE                  prints "name dtype [shape] hash-of-bytes" of each tensor
//   resave FOLDER DIR [LIMIT]  reads a Hugging Face folder, saves it as checkpoint 1 under DIR
//   random KIND DIR            saves a random llama3-rope, llama-plain or qwen3 model under DIR
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>

#include <cstdio>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/random.h"

namespace {

using namespace superpose::checkpoint;  // NOLINT: a main file of a test
namespace util = superpose::util;

void write(const std::string& path) {
  std::vector<NamedTensor> tensors;
  for (const auto dtype : {at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong,
                           at::kHalf, at::kBFloat16, at::kFloat, at::kDouble}) {
    const std::string name = c10::toString(dtype);
    const at::Tensor ramp = at::arange(-3, 9, at::kFloat).div_(4);
    const at::Tensor values = dtype == at::kByte ? ramp.abs() : ramp;
    tensors.push_back({name + ".matrix", values.to(dtype).view({3, 4})});
    tensors.push_back({name + ".turned", values.to(dtype).view({3, 4}).t()});
    tensors.push_back({name + ".scalar", values[7].to(dtype)});
    tensors.push_back({name + ".empty", at::empty({2, 0, 3}, dtype)});
  }
  write_safetensors(path, tensors, {{"format", "pt"}});
}

void write_f32(const std::string& path) {
  std::vector<NamedTensor> tensors;
  for (const char* name : {"b", "model.layers.10.x", "model.layers.2.x", "a"}) {
    tensors.push_back({name, at::arange(5, at::kFloat)});
  }
  write_safetensors(path, tensors, {{"format", "pt"}});
}

void read(const std::string& path) {
  const SafetensorsFile file(path);
  for (const auto& [name, entry] : file.entries()) {
    const at::Tensor tensor = file.tensor(name);
    const std::string_view bytes(static_cast<const char*>(tensor.const_data_ptr()),
                                 tensor.nbytes());
    std::string shape;
    for (const std::int64_t size : entry.shape)
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
    // Enough for the small values of the test: their sum and the sum of their squares.
    const at::Tensor values = tensor.to(at::kDouble);
    std::printf("%s %s [%s] %zu %.17g %.17g\n", name.c_str(), entry.dtype.c_str(), shape.c_str(),
                bytes.size(), values.sum().item<double>(), values.square().sum().item<double>());
  }
}

void resave(const std::string& folder, const std::string& dir, std::uint64_t limit) {
  const std::string config = folder + "/config.json";
  Contents contents;
  contents.config = from_config_json(util::read_file(config), config);
  const ModelFiles model(folder);
  for (const std::string& name : model.names())
    contents.model.push_back({name, model.tensor(name)});
  contents.state["step"] = 1;
  contents.max_shard_bytes = limit;
  save(dir, 1, contents);
}

HuggingFaceModel config_of(const std::string& kind) {
  HuggingFaceModel config;
  config.architecture = kind == "qwen3" ? Architecture::kQwen3 : Architecture::kLlama;
  config.vocab_size = 320;
  config.hidden_size = 64;
  config.intermediate_size = 96;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = kind == "qwen3" ? 32 : 16;
  config.max_position_embeddings = 128;
  config.rope_theta = kind == "llama-plain" ? 10'000 : 500'000;
  if (kind == "llama3-rope") {
    config.rope_scaling = Llama3RopeScaling{.factor = 8,
                                            .low_freq_factor = 1,
                                            .high_freq_factor = 4,
                                            .original_max_position_embeddings = 64};
  }
  config.tie_word_embeddings = kind == "llama3-rope";
  config.eos_token_ids = {256};
  return config;
}

at::Tensor noise(const std::string& name, std::vector<std::int64_t> shape, float mean) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  const std::span<float> values(tensor.mutable_data_ptr<float>(),
                                static_cast<std::size_t>(tensor.numel()));
  util::fill_normal(values, util::stream_key(1, "test", name), 0, mean, 0.2);
  return tensor;
}

void random(const std::string& kind, const std::string& dir) {
  Contents contents;
  contents.config = config_of(kind);
  const HuggingFaceModel& c = contents.config;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape, float mean = 0) {
    contents.model.push_back({name, noise(name, std::move(shape), mean)});
  };
  add("model.embed_tokens.weight", {c.vocab_size, c.hidden_size});
  for (std::int64_t i = 0; i < c.num_hidden_layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    const std::int64_t query = c.num_attention_heads * c.head_dim;
    const std::int64_t key = c.num_key_value_heads * c.head_dim;
    add(layer + "input_layernorm.weight", {c.hidden_size}, 1);
    add(layer + "self_attn.q_proj.weight", {query, c.hidden_size});
    add(layer + "self_attn.k_proj.weight", {key, c.hidden_size});
    add(layer + "self_attn.v_proj.weight", {key, c.hidden_size});
    add(layer + "self_attn.o_proj.weight", {c.hidden_size, query});
    if (c.architecture == Architecture::kQwen3) {
      add(layer + "self_attn.q_norm.weight", {c.head_dim}, 1);
      add(layer + "self_attn.k_norm.weight", {c.head_dim}, 1);
    }
    add(layer + "post_attention_layernorm.weight", {c.hidden_size}, 1);
    add(layer + "mlp.gate_proj.weight", {c.intermediate_size, c.hidden_size});
    add(layer + "mlp.up_proj.weight", {c.intermediate_size, c.hidden_size});
    add(layer + "mlp.down_proj.weight", {c.hidden_size, c.intermediate_size});
  }
  add("model.norm.weight", {c.hidden_size}, 1);
  if (!c.tie_word_embeddings) add("lm_head.weight", {c.vocab_size, c.hidden_size});
  contents.state["step"] = 1;
  save(dir, 1, contents);
}

void run(const std::vector<std::string>& arguments) {
  const std::string& mode = arguments.at(0);
  if (mode == "write") return write(arguments.at(1));
  if (mode == "write-f32") return write_f32(arguments.at(1));
  if (mode == "read") return read(arguments.at(1));
  if (mode == "resave") {
    const bool limited = arguments.size() > 3;
    return resave(arguments.at(1), arguments.at(2),
                  limited ? std::stoull(arguments[3]) : kMaxShardBytes);
  }
  if (mode == "random") return random(arguments.at(1), arguments.at(2));
  util::fail("unknown mode ", mode);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
