#include "train/model_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "checkpoint/model_files.h"
#include "checkpoint/model_shape.h"
#include "model/decoder_layout.h"
#include "model/initialize.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::train {
namespace {

using test::names;
using ::testing::HasSubstr;

// A folder of another program, with `value` as the first element of the embedding.
void write_model(const std::filesystem::path& folder, float value) {
  model::ModelConfig shape;
  shape.vocab_size = 40;
  shape.hidden_size = 16;
  shape.num_layers = 1;
  shape.num_heads = 2;
  shape.ffn_size = 24;
  shape = model::resolve(shape, 0);
  model::FlatParameters parameters(model::decoder_units(shape), at::kCPU, at::kFloat);
  model::initialize(parameters, shape, 3);
  parameters.view("model.embed_tokens.weight").view(-1)[0].fill_(value);
  std::vector<checkpoint::NamedTensor> tensors;
  for (const model::Parameter& parameter : parameters.list()) {
    tensors.push_back({parameter.name, parameters.view(parameter.name)});
  }
  std::filesystem::create_directories(folder);
  checkpoint::write_model(folder, tensors);
  util::write_file_atomic(folder / "config.json",
                          checkpoint::to_config_json(checkpoint::to_hugging_face(shape)));
}

class ModelExport : public ::testing::Test {
 protected:
  std::string error_of(float value, ExportType type) {
    std::filesystem::remove_all(folder_ / "model");
    write_model(folder_ / "model", value);
    return test::error_of(
        [&] { export_model({.from = folder_ / "model", .to = folder_ / "out", .type = type}); });
  }

  test::TempDir folder_;
};

TEST_F(ModelExport, RefusesWhatTheTypeCannotHold) {
  EXPECT_THAT(error_of(1e6F, ExportType::kF16), names("model.embed_tokens.weight", "float16"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
  EXPECT_EQ(error_of(1e6F, ExportType::kBf16), "");
  EXPECT_TRUE(std::filesystem::exists(folder_ / "out" / "config.json"));
}

TEST_F(ModelExport, RefusesWhatIsNotFinite) {
  EXPECT_THAT(error_of(std::numeric_limits<float>::infinity(), ExportType::kStored),
              names("model.embed_tokens.weight", "finite"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST_F(ModelExport, ReplacesNoFileOfTheUsers) {
  std::filesystem::create_directories(folder_ / "out");
  util::write_file_atomic(folder_ / "out" / "README.md", "mine");
  EXPECT_THAT(error_of(1, ExportType::kStored), HasSubstr("README.md"));
  EXPECT_EQ(util::read_file(folder_ / "out" / "README.md"), "mine");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out" / "config.json"));
}

TEST_F(ModelExport, KeepsOutOfRuns) {
  write_model(folder_ / "model", 1);
  const std::filesystem::path run = folder_ / "run";
  std::filesystem::create_directories(run / "checkpoints");
  util::write_file_atomic(run / "metrics.jsonl", "");
  for (const auto& to : {run, run / "", run / "checkpoints", run / "checkpoints" / "mine"}) {
    EXPECT_THAT(test::error_of([&] { export_model({.from = folder_ / "model", .to = to}); }),
                HasSubstr(to.string()));
    EXPECT_FALSE(std::filesystem::exists(to / "config.json"));
  }
  // A folder of that name that is not a run's is like any other.
  std::filesystem::create_directories(folder_ / "mine" / "checkpoints");
  for (const auto& to : {run / "model", folder_ / "mine", folder_ / "mine" / "checkpoints" / "a"}) {
    export_model({.from = folder_ / "model", .to = to});
    EXPECT_TRUE(std::filesystem::exists(to / "config.json"));
  }
}

}  // namespace
}  // namespace superpose::train
