#include "inference/load.h"

#include <ATen/ops/aminmax.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/model_files.h"
#include "checkpoint/model_shape.h"
#include "util/error.h"
#include "util/file_names.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::inference {
namespace {

namespace fs = std::filesystem;

// Without a temporary of the tensor's size: one that is not a number is the least and the largest.
bool is_finite(const at::Tensor& values) {
  const auto [least, largest] = at::aminmax(values);
  return std::isfinite(least.item<float>()) && std::isfinite(largest.item<float>());
}

}  // namespace

fs::path find_model(const fs::path& path) {
  const bool is_run = !checkpoint::list(path / util::kCheckpointsFolder).empty();
  return !is_run && fs::exists(path / "config.json")
             ? path
             : checkpoint::locate(path, checkpoint::Wanted::kModel);
}

checkpoint::HuggingFaceModel read_description(const fs::path& folder) {
  const fs::path config = folder / "config.json";
  return checkpoint::from_config_json(util::read_file(config), config.string());
}

std::vector<std::int64_t> end_tokens(const fs::path& folder,
                                     const checkpoint::HuggingFaceModel& description) {
  const fs::path file = folder / "generation_config.json";
  if (!fs::exists(file)) return description.eos_token_ids;
  const util::Json config = util::parse_json(util::read_file(file), file.string());
  util::require(config.is_object(), file.string(), ": expected an object");
  const util::Json ends = config.value("eos_token_id", util::Json());
  if (ends.is_null()) return {};
  std::vector<std::int64_t> ids;
  for (const util::Json& id : ends.is_array() ? ends : util::Json::array({ends})) {
    util::require(id.is_number_integer(), file.string(),
                  ": eos_token_id: expected an id or a list of ids, got ", util::shown(ends));
    ids.push_back(id.get<std::int64_t>());
  }
  return ids;
}

void read_weights(const fs::path& folder, bool is_tied, model::FlatParameters& parameters) {
  const checkpoint::ModelFiles files(folder);
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const model::Parameter& parameter : parameters.list()) {
    shapes.emplace(parameter.name, parameter.shape);
  }
  files.require_exactly(shapes, is_tied);
  for (const model::Parameter& parameter : parameters.list()) {
    const at::Tensor values = parameters.view(parameter.name);
    files.copy_to(parameter.name, values);
    util::require(is_finite(values), folder.string(), ": tensor ", parameter.name,
                  ": holds values that are not finite");
  }
  parameters.refresh_compute();
}

LoadedModel load_model(const fs::path& path, at::ScalarType compute_type) {
  const fs::path folder = find_model(path);
  if (fs::exists(folder / "trainer")) checkpoint::verify(folder, checkpoint::Check::kSizes);
  checkpoint::HuggingFaceModel description = read_description(folder);
  const model::ModelConfig shape = checkpoint::from_hugging_face(description);
  model::FlatParameters parameters(model::decoder_units(shape), at::kCPU, compute_type,
                                   model::GradientBuffer::kNone);
  read_weights(folder, shape.tied(), parameters);
  const fs::path tokenizer = folder / "tokenizer.json";
  model::Decoder decoder(shape, parameters);
  return {folder, std::move(description), fs::exists(tokenizer) ? tokenizer : fs::path(),
          std::move(parameters), std::move(decoder)};
}

}  // namespace superpose::inference
