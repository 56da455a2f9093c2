// A model folder as a decoder to compute with: no gradients, no optimizer, no trainer's files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "checkpoint/hugging_face.h"
#include "model/decoder.h"
#include "model/flat_parameters.h"

namespace superpose::inference {

// The folder of the model that `path` names: the newest checkpoint of a run's folder, else itself
// where it holds a config.json (a Hugging Face folder, an exported model, a checkpoint). Throws
// util::Error that says what the path is where it is none of these.
std::filesystem::path find_model(const std::filesystem::path& path);

// config.json of a folder. Throws util::Error as from_config_json, or where there is no such file.
checkpoint::HuggingFaceModel read_description(const std::filesystem::path& folder);

// The tokens that end a text: those of the folder's generation_config.json where there is one, else
// of `description`, as transformers has it. Throws util::Error where that file cannot be read.
std::vector<std::int64_t> end_tokens(const std::filesystem::path& folder,
                                     const checkpoint::HuggingFaceModel& description);

// Fills `parameters`, which hold exactly the weights of a model that is tied or not, from a folder
// of one safetensors file or several; converted from whatever type they are stored in. Takes the
// memory of one tensor beyond `parameters`. Throws util::Error that names the folder and the
// tensor: one that is missing, has another shape, is not the model's, or holds a value that is not
// finite.
void read_weights(const std::filesystem::path& folder, bool is_tied,
                  model::FlatParameters& parameters);

struct LoadedModel {
  std::filesystem::path folder;  // by find_model()
  checkpoint::HuggingFaceModel description;
  std::filesystem::path tokenizer;   // its tokenizer.json; empty: it has none
  model::FlatParameters parameters;  // without gradients
  model::Decoder decoder;            // over these parameters
};

// `compute_type`: f32, or bf16, which takes 6 bytes per weight in place of 4 (FlatParameters keeps
// both). Of a checkpoint the sizes of its files are checked against its manifest. Throws
// util::Error as the functions above.
LoadedModel load_model(const std::filesystem::path& path, at::ScalarType compute_type = at::kFloat);

}  // namespace superpose::inference
