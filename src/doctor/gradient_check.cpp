// Finite differences of slices of the gradient: the loss moves along the largest elements of a
// weight's gradient as fast as these say.
//
//   u    direction: the slice of the gradient, scaled to norm 1
//   d(h) [loss(w + h u) - loss(w - h u)] / 2 h
//   slope = [4 d(h / 2) - d(h)] / 3, which leaves out the error of third order, against |slice|
//
// In f32 also where the run computes in bf16: differences of two bf16 losses are noise.
#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "doctor/checks.h"
#include "doctor/subject.h"
#include "model/decoder_layout.h"
#include "util/resources.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

constexpr std::int64_t kSliceElements = 64;
constexpr double kChange = 0.02;   // nats that the loss is to move by
constexpr double kLongest = 0.02;  // the most that an element moves by: the initial std
constexpr double kAllowed = 0.03;  // of the slope; roundings of f32 give about 1e-3

// The model without what is in the gradient and not in the loss (router losses).
class PlainModel {
 public:
  explicit PlainModel(const Subject& subject) : own_(make_own(subject)) {
    model::FlatParameters& all = own_ ? *own_ : subject.learner->parameters;
    if (own_) {
      own_->master().copy_(subject.learner->parameters.master());
      own_->refresh_compute();
    }
    parameters_ = &all;
    const train::RunConfig& config = subject.spec.config;
    model::DecoderOptions options = train::decoder_options(config);
    options.balance = {};
    options.z_loss = 0;
    decoder_ = std::make_unique<model::Decoder>(subject.setup->model, all, options);
  }

  model::FlatParameters& parameters() { return *parameters_; }
  at::Tensor loss(const BatchTensors& batch, const superposition::Phase& phase,
                  model::Gradients gradients) const {
    return decoder_->loss(batch.input, batch.targets, batch.coefficients, gradients,
                          model::find_objective(superposition::traits_of(phase.objective).name));
  }

 private:
  static std::unique_ptr<model::FlatParameters> make_own(const Subject& subject) {
    if (subject.setup->precision != train::Precision::kBf16) return nullptr;
    return std::make_unique<model::FlatParameters>(model::decoder_units(subject.setup->model),
                                                   subject.setup->device, at::kFloat);
  }

  std::unique_ptr<model::FlatParameters> own_;  // an f32 copy, where the run is in bf16
  model::FlatParameters* parameters_ = nullptr;
  std::unique_ptr<model::Decoder> decoder_;
};

struct Slope {
  std::string weight;
  double gradient = 0, measured = 0;
  double error() const { return std::abs(measured - gradient) / gradient; }
};

// The weight of each role with the largest gradient.
std::map<model::Role, std::string> choose_weights(const model::FlatParameters& parameters) {
  std::map<model::Role, std::string> chosen;
  std::map<model::Role, double> largest;
  for (const model::Parameter& parameter : parameters.list()) {
    const double norm = parameters.gradient_view(parameter.name).norm().item<double>();
    if (norm <= largest[parameter.role]) continue;
    largest[parameter.role] = norm;
    chosen[parameter.role] = parameter.name;
  }
  return chosen;
}

class Differences {
 public:
  Differences(PlainModel& model, const BatchTensors& batch, const superposition::Phase& phase)
      : model_(model), batch_(batch), phase_(phase) {}

  Slope along(const std::string& name) const {
    const at::Tensor gradient = model_.parameters().gradient_view(name).reshape({-1});
    const std::int64_t count = std::min(kSliceElements, gradient.numel());
    const at::Tensor index = std::get<1>(gradient.abs().topk(count));
    const at::Tensor slice = gradient.index_select(0, index);
    Slope slope{.weight = name, .gradient = slice.norm().item<double>()};
    const at::Tensor direction =
        at::zeros_like(gradient).index_copy_(0, index, slice / slope.gradient);
    const double step =
        std::min(kChange / slope.gradient / 2, kLongest / direction.abs().max().item<double>());
    const at::Tensor weight = model_.parameters().view(name).view({-1});
    const at::Tensor before = weight.clone();
    const auto difference = [&](double h) {
      const double above = loss_at(weight, before, direction, h);
      return (above - loss_at(weight, before, direction, -h)) / (2 * h);
    };
    slope.measured = (4 * difference(step / 2) - difference(step)) / 3;
    weight.copy_(before);
    model_.parameters().refresh_compute();
    return slope;
  }

 private:
  double loss_at(const at::Tensor& weight, const at::Tensor& before, const at::Tensor& direction,
                 double h) const {
    weight.copy_(before + h * direction);
    model_.parameters().refresh_compute();
    return model_.loss(batch_, phase_, model::Gradients::kNone).item<double>();
  }

  PlainModel& model_;
  const BatchTensors& batch_;
  const superposition::Phase& phase_;
};

}  // namespace

Outcome check_gradient(Subject& subject) {
  PlainModel model(subject);
  const superposition::Phase& phase = longest_bags(subject);
  const BatchTensors batch = tensors_of(first_batch(subject, phase), phase, subject.setup->device);
  model.parameters().zero_gradient();
  model.loss(batch, phase, model::Gradients::kAccumulate).backward();
  const auto chosen = choose_weights(model.parameters());
  if (chosen.empty()) {
    return {Status::kFailed, "every gradient is 0", "report this with the recipe"};
  }
  const Differences differences(model, batch, phase);
  Slope worst;
  double worst_error = -1;
  for (const auto& [role, name] : chosen) {
    const Slope slope = differences.along(name);
    if (slope.error() <= worst_error) continue;
    worst_error = slope.error();
    worst = slope;
  }
  const bool is_right = worst_error <= kAllowed;
  return {is_right ? Status::kPassed : Status::kFailed,
          describe(phase) + ": differences of the loss are within " +
              util::fixed(100 * worst_error, 2) + " % of the gradient in " +
              util::counted(std::ssize(chosen), "slice") + ", the worst in " + worst.weight +
              " (allowed " + util::fixed(100 * kAllowed, 0) + " %)",
          is_right ? "" : "run `superpose selftest`, and report this with the recipe"};
}

}  // namespace superpose::doctor
