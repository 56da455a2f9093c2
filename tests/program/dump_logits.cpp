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

#include "checkpoint/safetensors.h"
#include "inference/load.h"
#include "util/error.h"

namespace superpose::test {
namespace {

void dump(const std::filesystem::path& folder, const std::filesystem::path& ids_file,
          const std::filesystem::path& out) {
  const inference::LoadedModel model = inference::load_model(folder);
  const at::Tensor ids = checkpoint::SafetensorsFile(ids_file).tensor("ids");
  checkpoint::write_safetensors(out, {{"logits", model.decoder.logits(ids.unsqueeze(2))}},
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
