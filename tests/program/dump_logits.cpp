// Our logits of a model folder, for tests that compare them with others':
//
//   dump_logits FOLDER IDS OUT
//
//   IDS  safetensors file with "ids", [B, L] int64
//   OUT  safetensors file to write: "logits", [B, L, V] f32
#include <ATen/core/Tensor.h>

#include <cstdio>
#include <exception>
#include <filesystem>

#include "checkpoint/hugging_face.h"
#include "checkpoint/model_files.h"
#include "checkpoint/safetensors.h"
#include "model/decoder.h"
#include "train/checkpoints.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::test {
namespace {

void dump(const std::filesystem::path& folder, const std::filesystem::path& ids_file,
          const std::filesystem::path& out) {
  const std::filesystem::path config_file = folder / "config.json";
  const model::ModelConfig config = train::from_hugging_face(
      checkpoint::from_config_json(util::read_file(config_file), config_file.string()));
  model::FlatParameters parameters(model::decoder_units(config), at::kCPU, at::kFloat);
  const checkpoint::ModelFiles files(folder);
  util::require(files.names().size() == parameters.list().size(),
                "dump_logits: the folder must hold as many tensors as the model has weights, got ",
                files.names().size(), " and ", parameters.list().size());
  for (const model::Parameter& parameter : parameters.list()) {
    files.copy_to(parameter.name, parameters.view(parameter.name));
  }
  parameters.refresh_compute();
  const model::Decoder decoder(config, parameters);
  const at::Tensor ids = checkpoint::SafetensorsFile(ids_file).tensor("ids");
  checkpoint::write_safetensors(out, {{"logits", decoder.logits(ids.unsqueeze(2))}},
                                {{"format", "pt"}});
}

}  // namespace
}  // namespace superpose::test

int main(int argc, char** argv) {
  try {
    superpose::util::require(argc == 4, "usage: dump_logits FOLDER IDS OUT");
    superpose::test::dump(argv[1], argv[2], argv[3]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
