// The references that make_references.py computes in f64 and that lie next to this file.
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "hugging_face_decoder.h"
#include "optim/gradient_norm.h"
#include "optim/optimizer.h"

namespace superpose {
namespace {

using test::HuggingFaceDecoder;

class OwnReferences : public ::testing::TestWithParam<const char*> {
 protected:
  std::filesystem::path folder() const {
    return std::filesystem::path(SUPERPOSE_SOURCE_DIR) / "tests/golden/references" / GetParam();
  }
};

// Sums of a few hundred products of numbers about 1, through two layers, in f32; the references are
// exact to f32.
constexpr double kRelative = 400 * test::kEpsilonF32;

at::Tensor loss_of(HuggingFaceDecoder& model, const checkpoint::SafetensorsFile& reference,
                   const std::string& suffix) {
  const at::Tensor targets = reference.tensor("targets" + suffix);
  return model.decoder.loss(
      reference.tensor("ids" + suffix), targets,
      at::full({targets.size(2)}, 1.0 / static_cast<double>(targets.numel()), at::kFloat),
      model::Gradients::kAccumulate);
}

TEST_P(OwnReferences, LogitsLossAndGradients) {
  HuggingFaceDecoder model(folder());
  const checkpoint::SafetensorsFile reference(folder() / "reference.safetensors");
  for (const std::string suffix : {".s1", ".s3"}) {
    const at::Tensor expected = reference.tensor("logits" + suffix);
    test::expect_values(model.decoder.logits(reference.tensor("ids" + suffix)), expected,
                        kRelative * test::largest(expected), "logits" + suffix);
    model.parameters.zero_gradient();
    const at::Tensor loss = loss_of(model, reference, suffix);
    loss.backward();
    test::expect_loss(loss.item<double>(), reference.tensor("loss" + suffix).item<double>(), 0);
    test::expect_gradients(model.parameters, reference, "grad" + suffix + ".", kRelative);
  }
}

TEST_P(OwnReferences, FourStepsOfAdamW) {
  HuggingFaceDecoder model(folder());
  const checkpoint::SafetensorsFile reference(folder() / "reference.safetensors");
  const model::FlatParameters& parameters = model.parameters;
  optim::Optimizer optimizer({}, parameters);
  for (int step = 0; step < 4; ++step) {
    model.parameters.zero_gradient();
    loss_of(model, reference, ".s3").backward();
    optimizer.step(0.01, optim::clip_scale(optim::gradient_norm(parameters.gradient()), 1.0));
  }
  for (const model::Parameter& parameter : parameters.list()) {
    const at::Tensor expected = reference.tensor("adamw." + parameter.name);
    const at::Tensor difference = (parameters.view(parameter.name) - expected).abs();
    // A gradient near 0 moves its element by the rate times a ratio that depends on rounding: few
    // elements, so the mean is held to the gradients' precision and the largest to a hundredth of
    // the way that four steps go.
    EXPECT_LE(difference.mean().item<double>(), 4 * 0.01 * kRelative) << parameter.name;
    EXPECT_LE(difference.max().item<double>(), 4 * 0.01 * 0.01) << parameter.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, OwnReferences, ::testing::Values("llama", "qwen3"));

}  // namespace
}  // namespace superpose
