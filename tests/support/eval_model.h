// A corpus with held-out documents of known lengths, and a decoder with losses that differ.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/ops/log_softmax.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "model/decoder.h"
#include "model/initialize.h"
#include "tokenizer/bytes.h"

namespace superpose::test {

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

// `documents` held-out documents of different lengths, and enough training text.
inline corpus::PreparedCorpus make_corpus(const std::filesystem::path& folder, int documents) {
  for (int index = 0; index < documents; ++index) {
    const std::string name = std::to_string(index) + ".txt";
    write_text(folder / "held-out" / name, std::string(static_cast<std::size_t>(40 + 7 * index),
                                                       static_cast<char>('a' + index)));
  }
  for (int index = 0; index < 10; ++index) {
    write_text(folder / "corpus" / (std::to_string(index) + ".txt"),
               "text " + std::to_string(index) + std::string(2000, 'x'));
  }
  corpus::DataConfig config;
  config.sources = {(folder / "corpus").string()};
  config.validation = {(folder / "held-out").string()};
  config.cache_dir = (folder / "cache").string();
  return corpus::prepare_corpus(config);
}

struct TinyDecoder {
  TinyDecoder() : parameters(model::decoder_units(config), at::kCPU, at::kFloat) {
    at::set_num_threads(1);  // too small to share, and the machine may be busy
    model::initialize(parameters, config, 5);
  }
  static model::ModelConfig make_config() {
    model::ModelConfig config;
    config.hidden_size = 16;
    config.num_layers = 1;
    config.num_heads = 2;
    config.ffn_size = 32;
    config.init_std = 0.3;  // losses that differ from token to token
    return model::resolve(config, tokenizer::kPaddedByteVocabulary);
  }
  model::ModelConfig config = make_config();
  model::FlatParameters parameters;
  model::Decoder decoder{config, parameters};

  // Of ids [1, L + 1] or longer: the loss of each token after the first, from logits in f64.
  std::vector<double> losses_by_logits(const at::Tensor& ids) const {
    const std::int64_t length = ids.size(1) - 1;
    const at::Tensor logits =
        decoder.logits(ids.narrow(1, 0, length).unsqueeze(2).contiguous()).to(at::kDouble);
    const at::Tensor losses =
        -at::log_softmax(logits, 2).gather(2, ids.narrow(1, 1, length).unsqueeze(2)).flatten();
    const auto* first = losses.const_data_ptr<double>();
    return {first, first + length};
  }
};

}  // namespace superpose::test
