#include "bench/export.h"

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/hugging_face.h"
#include "checkpoint/model_files.h"
#include "checkpoint/safetensors.h"
#include "small_session.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::bench {
namespace {

using test::names;

TEST(Export, HoldsWeightsBatchesAndSettings) {
  const test::TempDir folder;
  const auto session = test::small_session({4});
  export_session(*session, util::OutputFolder(folder / "out"));

  const checkpoint::ModelFiles model(folder.path() / "out");
  for (const model::Parameter& parameter : session->learner().parameters.list()) {
    EXPECT_TRUE(
        at::equal(model.tensor(parameter.name), session->learner().parameters.view(parameter.name)))
        << parameter.name;
  }
  const checkpoint::SafetensorsFile batches(folder.path() / "out" / "batches.safetensors");
  const at::Tensor inputs = batches.tensor("inputs.1");
  EXPECT_EQ(inputs.sizes(), (std::vector<std::int64_t>{4, 8, 4}));
  EXPECT_EQ(inputs.flatten()[17].item<std::int64_t>(), session->batch(1).inputs[17]);
  EXPECT_EQ(batches.tensor("targets.0").flatten()[9].item<std::int64_t>(),
            session->batch(0).targets[9]);
  const auto config = checkpoint::from_config_json(
      util::read_file(folder.path() / "out" / "config.json"), "config.json");
  EXPECT_EQ(config.num_key_value_heads, 2);
  const auto settings =
      util::parse_json(util::read_file(folder.path() / "out" / "bench.json"), "bench.json");
  EXPECT_EQ(settings.at("cases").size(), 2U);
  EXPECT_EQ(settings.at("learning_rate"), 0.001);
}

TEST(Export, ReplacesNothingButItsOwnFiles) {
  const test::TempDir folder;
  const auto session = test::small_session({});
  const util::OutputFolder out(folder.path());
  util::write_file_atomic(folder / "notes", "mine");
  for (int call = 0; call < 2; ++call) export_session(*session, out);
  util::write_file_atomic(folder / "config.json", "mine");
  EXPECT_THAT([&] { export_session(*session, out); },
              testing::ThrowsMessage<util::Error>(names("config.json")));
  EXPECT_EQ(util::read_file(folder / "notes") + util::read_file(folder / "config.json"),
            "minemine");
}

}  // namespace
}  // namespace superpose::bench
