// Logits, loss and every gradient of Hugging Face checkpoints.
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <gtest/gtest.h>

#include "hugging_face_decoder.h"
#include "inference/load.h"
#include "model/key_value_cache.h"
#include "support/shared.h"

namespace superpose {
namespace {

using test::HuggingFaceDecoder;
using test::kTimesReference;

class Checkpoints : public ::testing::TestWithParam<const char*> {};

// Targets of next-token prediction within the rows, the last one of a row ignored.
at::Tensor shifted(const at::Tensor& ids) {
  const at::Tensor targets = at::full_like(ids, -100);
  targets.narrow(1, 0, ids.size(1) - 1).copy_(ids.narrow(1, 1, ids.size(1) - 1));
  return targets.unsqueeze(-1);
}

TEST_P(Checkpoints, LogitsLossAndGradientsAreThoseOfTransformers) {
  const std::string folder = std::string("golden/checkpoints/") + GetParam();
  if (!test::has_shared(folder)) GTEST_SKIP() << test::missing_shared(folder);
  HuggingFaceDecoder model(test::shared_path(folder));
  const checkpoint::SafetensorsFile reference(test::shared_path(folder + "/reference.safetensors"));
  const util::Json json = test::read_json(test::shared_path(folder + "/reference.json"));
  const util::Json& rounding = json["against_f64"];

  const at::Tensor ids = reference.tensor("input_ids");  // [2, 24]
  test::expect_values(model.decoder.logits(ids.unsqueeze(-1)), reference.tensor("logits"),
                      kTimesReference * rounding["logits"].get<double>(), "logits");
  const double pairs = static_cast<double>(ids.size(0) * (ids.size(1) - 1));
  const at::Tensor loss =
      model.decoder.loss(ids.unsqueeze(-1), shifted(ids), at::full({1}, 1 / pairs, at::kFloat),
                         model::Gradients::kAccumulate);
  loss.backward();
  test::expect_loss(loss.item<double>(), rounding["loss_f64"].get<double>(),
                    rounding["loss"].get<double>());
  if (json["gradients"].get<int>() == 0) return;
  test::expect_gradients(
      model.parameters, reference, "grad.",
      kTimesReference * rounding["gradients"]["max_rel_to_tensor_max"].get<double>());
}

// A key-value cache, filled row by row in calls of one token and of several: the logits of whole
// rows, and of transformers.
TEST_P(Checkpoints, LogitsWithACacheAreThoseOfTransformers) {
  const std::string folder = std::string("golden/checkpoints/") + GetParam();
  if (!test::has_shared(folder)) GTEST_SKIP() << test::missing_shared(folder);
  const inference::LoadedModel model = inference::load_model(test::shared_path(folder));
  const checkpoint::SafetensorsFile reference(test::shared_path(folder + "/reference.safetensors"));
  const util::Json json = test::read_json(test::shared_path(folder + "/reference.json"));
  const double tolerance = kTimesReference * json["against_f64"]["logits"].get<double>();
  const at::Tensor ids = reference.tensor("input_ids");  // [2, 24]
  for (const std::int64_t step : {1, 7, 24}) {
    model::KeyValueCache cache = model.decoder.make_cache(ids.size(0), ids.size(1));
    std::vector<at::Tensor> logits;
    for (std::int64_t begin = 0; begin < ids.size(1); begin += step) {
      const std::int64_t count = std::min(step, ids.size(1) - begin);
      const at::Tensor states = model.decoder.extend(ids.narrow(1, begin, count), {0, 1}, cache);
      logits.push_back(model.decoder.logits_of(states.flatten(0, 1)).view({2, count, -1}));
    }
    test::expect_values(at::cat(logits, 1), reference.tensor("logits"), tolerance,
                        "logits in calls of " + std::to_string(step));
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Checkpoints,
                         ::testing::Values("llama", "llama-gqa-tied-rope3", "qwen3",
                                           "llama-sharded", "llama-bf16", "smollm3",
                                           "qwen3-moe-norm", "qwen3-moe-nonorm"),
                         [](const auto& test_info) {
                           std::string name = test_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(CheckpointInBf16, IsAsFarFromF32AsTransformersOwnBf16) {
  const std::string folder = "golden/checkpoints/llama-bf16";
  if (!test::has_shared(folder)) GTEST_SKIP() << test::missing_shared(folder);
  const HuggingFaceDecoder model(test::shared_path(folder), at::kBFloat16);
  const checkpoint::SafetensorsFile reference(test::shared_path(folder + "/reference.safetensors"));
  const util::Json json = test::read_json(test::shared_path(folder + "/reference.json"));
  const at::Tensor logits = model.decoder.logits(reference.tensor("input_ids").unsqueeze(-1));
  const at::Tensor difference = (logits - reference.tensor("logits")).abs();
  const util::Json& theirs = json["bf16_run_against_f32_run"];
  EXPECT_LE(difference.max().item<double>(), 1.5 * theirs["max_abs"].get<double>());
  EXPECT_LE(difference.mean().item<double>(), 1.5 * theirs["mean_abs"].get<double>());
}

}  // namespace
}  // namespace superpose
