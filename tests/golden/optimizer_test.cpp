// Twelve AdamW steps with clipping and a warm-up, stable, decay schedule: superposed, then plain.
#include "optim/optimizer.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <sstream>

#include "hugging_face_decoder.h"
#include "optim/gradient_norm.h"
#include "optim/schedule.h"
#include "support/shared.h"
#include "support/tolerances.h"

namespace superpose {
namespace {

using test::HuggingFaceDecoder;
using test::kTimesReference;

at::Tensor ids_of(const util::Json& row) {
  const auto rows = row["ids"].get<std::vector<std::vector<std::int64_t>>>();
  const auto width = static_cast<std::int64_t>(rows.front().size());
  const at::Tensor ids = at::full({static_cast<std::int64_t>(rows.size()), width}, 0, at::kLong);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ids[static_cast<std::int64_t>(i)].copy_(at::tensor(rows[i]));
  }
  return ids;
}

optim::OptimConfig config_of(const util::Json& settings) {
  const double steps = settings["steps"].get<double>();
  optim::OptimConfig config;
  config.learning_rate = settings["peak_lr"].get<double>();
  config.beta1 = settings["adamw"]["betas"][0].get<double>();
  config.beta2 = settings["adamw"]["betas"][1].get<double>();
  config.eps = settings["adamw"]["eps"].get<double>();
  config.weight_decay = settings["adamw"]["weight_decay_matrices"].get<double>();
  config.clip_norm = settings["clip_norm"].get<double>();
  config.warmup_steps = settings["warmup"].get<std::int64_t>();
  config.decay_share = settings["decay"].get<double>() / steps;
  return config;
}

// What rounding of gradients may do to each weight. The largest element does not measure that: it
// is one whose gradient lies below eps, where AdamW turns rounding into a step of any length up to
// the rate, and how close to that the reference came is its luck.
//
// With root = sqrt(v / (1 - beta2^t)) + eps, an update is rate m' / root, m' = m / (1 - beta1^t).
// Gradients that are off by d at most move m' and sqrt(v'), which are weighted means of them
// (arithmetic; root of squares), by d at most, so the update by
//
//   rate (d / root + |m'| d / root^2) <= rate (1 + c) d / root <= rate (1 + c) d / eps,
//
// where |m'| <= c sqrt(v') by Cauchy-Schwarz: c^2 = sum of a_i^2 / b_i over the steps' shares a_i
// in m' and b_i in v', 1.032 for 12 steps of beta 0.9 and 0.95. An update is never longer than
// c rate.
class WeightError {
 public:
  // `gradient_error`: d as a share of a tensor's largest gradient.
  WeightError(const model::FlatParameters& parameters, const optim::OptimConfig& config,
              double gradient_error)
      : parameters_(parameters), config_(config), gradient_error_(gradient_error) {}

  // After an update with clipped gradients scale * parameters.gradient().
  void add_update(optim::Optimizer& optimizer, double rate, double scale) {
    constexpr double kMeanOverRoot = 1.016;  // c
    const auto t = static_cast<double>(optimizer.step_count());
    for (const optim::Optimizer::WeightState& state : optimizer.states()) {
      if (state.state != "exp_avg_sq") continue;
      const at::Tensor root =
          state.values.div(1 - std::pow(config_.beta2, t)).sqrt().add(config_.eps);
      const double largest = parameters_.gradient_view(state.weight).abs().max().item<double>();
      const double error = gradient_error_ * scale * largest;
      const at::Tensor moved = root.reciprocal().mul(error * (1 + kMeanOverRoot));
      const at::Tensor bound =
          bounds_.try_emplace(std::string(state.weight), at::zeros_like(root)).first->second;
      bound.add_(moved.clamp_max(2 * kMeanOverRoot).mul_(rate));
      // Decay and update are rounded once each.
      bound.add_(parameters_.view(state.weight).flatten().abs(), test::kEpsilonF32);
    }
  }

  at::Tensor of(const std::string& weight) const { return bounds_.at(weight); }

 private:
  const model::FlatParameters& parameters_;
  const optim::OptimConfig& config_;
  double gradient_error_;
  std::map<std::string, at::Tensor> bounds_;  // [numel]
};

void expect_parameters(const model::FlatParameters& parameters, std::int64_t step,
                       const WeightError& error, const util::Json& rounding) {
  std::ostringstream name;
  name << "golden/optimizer/parameters-after-" << (step < 10 ? "0" : "") << step << ".safetensors";
  const checkpoint::SafetensorsFile reference(test::shared_path(name.str()));
  for (const model::Parameter& parameter : parameters.list()) {
    const at::Tensor difference =
        (parameters.view(parameter.name) - reference.tensor(parameter.name)).abs();
    EXPECT_LE((difference.flatten() / error.of(parameter.name)).max().item<double>(), 1)
        << parameter.name << " after step " << step;
    EXPECT_LE(difference.mean().item<double>(),
              kTimesReference * rounding["largest_mean_abs_of_a_tensor"].get<double>())
        << parameter.name << " after step " << step;
  }
}

TEST(Optimizer, TwelveStepsThroughTheSwitch) {
  if (!test::has_shared("golden/optimizer")) {
    GTEST_SKIP() << test::missing_shared("golden/optimizer");
  }
  const util::Json settings = test::read_json(test::shared_path("golden/optimizer/settings.json"));
  const std::string name = settings["checkpoint"].get<std::string>();
  HuggingFaceDecoder model(test::shared_path("golden/checkpoints/" + name));
  const optim::OptimConfig config = config_of(settings);
  const model::FlatParameters& parameters = model.parameters;
  optim::Optimizer optimizer(config, parameters);
  const auto total = settings["steps"].get<std::int64_t>();
  const util::Json reference =
      test::read_json(test::shared_path("golden/checkpoints/" + name + "/reference.json"));
  WeightError error(
      parameters, config,
      kTimesReference *
          reference["against_f64"]["gradients"]["max_rel_to_tensor_max"].get<double>());

  std::istringstream lines(util::read_file(test::shared_path("golden/optimizer/steps.jsonl")));
  std::int64_t step = 0;
  for (std::string line; std::getline(lines, line); ++step) {
    SCOPED_TRACE(step + 1);
    const util::Json row = util::parse_json(line, "steps.jsonl");
    const double rate = optim::learning_rate_at(config, step, total);
    EXPECT_NEAR(rate, row["lr"].get<double>(), 1e-15);

    const auto bag = row["s"].get<std::int64_t>();
    const at::Tensor bags = ids_of(row).unflatten(1, {-1, bag});
    const std::int64_t length = bags.size(1) - 1;
    const at::Tensor targets = bags.narrow(1, 1, length);
    model.parameters.zero_gradient();
    const at::Tensor loss =
        model.decoder.loss(bags.narrow(1, 0, length), targets,
                           at::full({bag}, 1.0 / static_cast<double>(targets.numel()), at::kFloat),
                           model::Gradients::kAccumulate);
    loss.backward();
    EXPECT_NEAR(loss.item<double>(), row["loss"].get<double>(), 4e-6);
    const double norm = optim::gradient_norm(parameters.gradient());
    EXPECT_NEAR(norm / row["gradient_norm_before_clipping"].get<double>(), 1.0, 1e-5);
    const double scale = optim::clip_scale(norm, config.clip_norm);
    optimizer.step(rate, scale);
    error.add_update(optimizer, rate, scale);

    const std::string key = "after step " + std::to_string(step + 1);
    const util::Json& rounding = settings["parameters_against_f64"];
    if (rounding.contains(key)) expect_parameters(parameters, step + 1, error, rounding[key]);
  }
  EXPECT_EQ(step, total);
}

}  // namespace
}  // namespace superpose
