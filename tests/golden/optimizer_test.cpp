// Twelve AdamW steps with clipping and a warm-up, stable, decay schedule: superposed, then plain.
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <sstream>

#include "hugging_face_decoder.h"
#include "optim/adamw.h"
#include "optim/gradient_norm.h"
#include "optim/schedule.h"
#include "support/shared.h"

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

void expect_parameters(const model::FlatParameters& parameters, std::int64_t step,
                       const util::Json& rounding) {
  std::ostringstream name;
  name << "golden/optimizer/parameters-after-" << (step < 10 ? "0" : "") << step << ".safetensors";
  const checkpoint::SafetensorsFile reference(test::shared_path(name.str()));
  for (const model::Parameter& parameter : parameters.list()) {
    const at::Tensor difference =
        (parameters.view(parameter.name) - reference.tensor(parameter.name)).abs();
    EXPECT_LE(difference.max().item<double>(), kTimesReference * rounding["max_abs"].get<double>())
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
  optim::AdamW adamw(
      config, parameters.master(), parameters.gradient(),
      {{0, parameters.num_decayed(), true}, {parameters.num_decayed(), parameters.size(), false}});
  const auto total = settings["steps"].get<std::int64_t>();

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
    adamw.step(rate, optim::clip_scale(norm, config.clip_norm));

    const std::string key = "after step " + std::to_string(step + 1);
    const util::Json& rounding = settings["parameters_against_f64"];
    if (rounding.contains(key)) expect_parameters(parameters, step + 1, rounding[key]);
  }
  EXPECT_EQ(step, total);
}

}  // namespace
}  // namespace superpose
