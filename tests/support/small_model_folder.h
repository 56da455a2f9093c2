// A Hugging Face folder of a small model with random weights.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/model_files.h"
#include "checkpoint/model_shape.h"
#include "unit/model/small_decoder.h"
#include "util/files.h"

namespace superpose::test {

// What is written of a model, for a test to change before it is.
struct SmallModelFolder {
  explicit SmallModelFolder(const SmallDecoder& model)
      : description(checkpoint::to_hugging_face(model.config)) {
    for (const model::Parameter& parameter : model.parameters.list()) {
      weights.push_back({parameter.name, model.parameters.view(parameter.name).clone()});
    }
  }

  at::Tensor& weight(const std::string& name) {
    return std::find_if(weights.begin(), weights.end(),
                        [&](const checkpoint::NamedTensor& item) { return item.name == name; })
        ->tensor;
  }

  void write(const std::filesystem::path& folder,
             std::uint64_t max_shard_bytes = checkpoint::kMaxShardBytes) const {
    std::filesystem::create_directories(folder);
    checkpoint::write_model(folder, weights, max_shard_bytes);
    util::write_file_atomic(folder / "config.json", checkpoint::to_config_json(description));
  }

  checkpoint::HuggingFaceModel description;
  std::vector<checkpoint::NamedTensor> weights;
};

}  // namespace superpose::test
