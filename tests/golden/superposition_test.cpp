// Bags of s tokens in, s targets per position, through Hugging Face models.
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <tuple>

#include "hugging_face_decoder.h"
#include "ops/bag_embedding.h"
#include "support/shared.h"

namespace superpose {
namespace {

using test::HuggingFaceDecoder;
using test::kTimesReference;

constexpr std::int64_t kBags = 12;

class Superposition : public ::testing::TestWithParam<std::tuple<const char*, int>> {
 protected:
  std::string checkpoint() const { return std::get<0>(GetParam()); }
  std::int64_t bag_size() const { return std::get<1>(GetParam()); }
  std::filesystem::path file(const std::string& ending) const {
    return test::shared_path("golden/superposition/" + checkpoint() + "/s" +
                             std::to_string(bag_size()) + ending);
  }
  bool present() const { return std::filesystem::exists(file(".json")); }
};

// Bags 0 .. kBags - 1 of raw rows; what follows them is targets alone.
at::Tensor bags_of(const at::Tensor& raw, std::int64_t bag_size) {
  return raw.narrow(1, 0, kBags * bag_size).reshape({raw.size(0), kBags, bag_size});
}

// w_i / n_i with weights proportional to `weight_of(i)` and n_i the valid targets of the slot.
template <class WeightOf>
at::Tensor coefficients(const at::Tensor& targets, const WeightOf& weight_of) {
  const std::int64_t slots = targets.size(2);
  at::Tensor weights = at::full({slots}, 0.0, at::kDouble);
  for (std::int64_t i = 0; i < slots; ++i) weights[i] = weight_of(i);
  const at::Tensor counts = targets.ne(-100).sum(at::IntArrayRef{0, 1});
  return (weights / weights.sum() / counts).to(at::kFloat);
}

TEST_P(Superposition, InputsLogitsLossesAndGradients) {
  if (!present()) GTEST_SKIP() << test::missing_shared("golden/superposition");
  HuggingFaceDecoder model(test::shared_path("golden/checkpoints/" + checkpoint()));
  const util::Json json = test::read_json(file(".json"));
  const checkpoint::SafetensorsFile full(file(".safetensors"));
  const at::Tensor ids = bags_of(full.tensor("ids"), bag_size());

  // A sum of s rounded numbers and a division.
  const at::Tensor embedded =
      ops::bag_embedding(model.parameters.view("model.embed_tokens.weight"), ids);
  test::expect_values(
      embedded, full.tensor("inputs_embeds"),
      test::sum_tolerance(test::kEpsilonF32, bag_size() + 1, test::largest(embedded)),
      "inputs_embeds");
  test::expect_values(model.decoder.logits(ids), full.tensor("logits"),
                      kTimesReference * json["full"]["against_f64"]["logits"].get<double>(),
                      "logits");

  for (const std::string part : {"full", "tail"}) {
    SCOPED_TRACE(part);
    const util::Json& numbers = json[part];
    const util::Json& rounding = numbers["against_f64"];
    const checkpoint::SafetensorsFile stored(
        file(part == "full" ? ".safetensors" : "-tail.safetensors"));
    const at::Tensor targets = stored.tensor("targets");
    const auto loss_with = [&](const at::Tensor& factors, model::Gradients gradients) {
      return model.decoder.loss(ids, targets, factors, gradients);
    };
    const auto inverse = [](std::int64_t i) { return 1.0 / static_cast<double>(i + 1); };
    const auto uniform = [](std::int64_t) { return 1.0; };
    test::expect_loss(
        loss_with(coefficients(targets, inverse), model::Gradients::kNone).item<double>(),
        numbers["loss_1_over_i"].get<double>(), rounding["loss_1_over_i"].get<double>());

    model.parameters.zero_gradient();
    const at::Tensor loss =
        loss_with(coefficients(targets, uniform), model::Gradients::kAccumulate);
    loss.backward();
    test::expect_loss(loss.item<double>(), numbers["loss_uniform"].get<double>(),
                      rounding["loss_uniform"].get<double>());
    if (!stored.contains("grad.model.norm.weight")) continue;
    test::expect_gradients(
        model.parameters, stored, "grad.",
        kTimesReference * rounding["gradients"]["max_rel_to_tensor_max"].get<double>());
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Superposition,
                         ::testing::Combine(::testing::Values("llama-gqa-tied-rope3", "qwen3"),
                                            ::testing::Values(1, 2, 3, 6, 16)),
                         [](const auto& test_info) {
                           std::string name = std::get<0>(test_info.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + "_s" + std::to_string(std::get<1>(test_info.param));
                         });

}  // namespace
}  // namespace superpose
