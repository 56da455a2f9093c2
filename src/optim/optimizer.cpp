#include "optim/optimizer.h"

#include <ATen/ops/zeros.h>

#include <utility>

#include "optim/adamw.h"
#include "optim/muon.h"

namespace superpose::optim {
namespace {

constexpr std::int64_t kBytesPerState = 4;  // f32
constexpr std::int64_t kBytesOfCopy = 2;    // bf16

std::vector<std::unique_ptr<Rule>> make_rules(const OptimConfig& config) {
  std::vector<std::unique_ptr<Rule>> rules;
  rules.push_back(std::make_unique<AdamW>(config));
  rules.push_back(std::make_unique<Muon>(config));
  return rules;
}

// Which of make_rules() updates weights of a role.
std::size_t rule_index(const OptimConfig& config, model::Role role) {
  constexpr std::size_t kAdamW = 0;
  constexpr std::size_t kMuon = 1;
  return role == model::Role::kMatrix && config.matrices == MatrixRule::kMuon ? kMuon : kAdamW;
}

// Sum over all weights of what `per_weight` says of the rule of each.
template <class PerWeight>
std::int64_t sum_over_weights(const OptimConfig& config, const std::vector<model::UnitSpec>& units,
                              const PerWeight& per_weight) {
  const std::vector<std::unique_ptr<Rule>> rules = make_rules(config);
  std::int64_t sum = 0;
  for (const model::UnitSpec& unit : units) {
    for (const model::ParameterSpec& weight : unit.weights) {
      sum += weight.numel() * per_weight(*rules[rule_index(config, weight.role)]);
    }
  }
  return sum;
}

at::Tensor elements(const at::Tensor& flat, std::int64_t begin, std::int64_t end) {
  return flat.narrow(0, begin, end - begin);
}

}  // namespace

std::int64_t state_bytes(const OptimConfig& config, const std::vector<model::UnitSpec>& units) {
  return sum_over_weights(
      config, units, [](const Rule& rule) { return std::ssize(rule.states()) * kBytesPerState; });
}

double update_bytes(const OptimConfig& config, const std::vector<model::UnitSpec>& units,
                    bool copies) {
  return static_cast<double>(sum_over_weights(config, units, [copies](const Rule& rule) {
    return rule.bytes_per_weight() + (copies ? kBytesOfCopy : 0);
  }));
}

Optimizer::Optimizer(const OptimConfig& config, const model::FlatParameters& parameters)
    : config_(config), rules_(make_rules(config)) {
  for (const model::Parameter& weight : parameters.list()) add(weight);
  allocate(parameters);
}

// Weights that follow one another under one element-wise rule share a part, gaps included.
void Optimizer::add(const model::Parameter& weight) {
  const Rule& rule = *rules_[rule_index(config_, weight.role)];
  const bool decays = !weight.is_vector();
  const std::int64_t end = weight.offset + weight.numel();
  const bool joins = !parts_.empty() && !rule.takes_whole_matrices() &&
                     parts_.back().rule == &rule && parts_.back().decays == decays;
  if (!joins) {
    parts_.push_back({.rule = &rule, .decays = decays, .begin = weight.offset});
    if (rule.takes_whole_matrices()) parts_.back().range.shape = weight.shape;
  }
  parts_.back().weights.push_back(&weight);
  parts_.back().end = end;
}

void Optimizer::allocate(const model::FlatParameters& parameters) {
  const at::Tensor copy = parameters.compute_copy();
  for (Part& part : parts_) {
    part.range.master = elements(parameters.master(), part.begin, part.end);
    part.range.gradient = elements(parameters.gradient(), part.begin, part.end);
    if (copy.defined()) part.range.copy = elements(copy, part.begin, part.end);
    for (std::size_t i = 0; i < part.rule->states().size(); ++i) {
      buffers_.push_back(at::zeros({part.end - part.begin}, parameters.master().options()));
      part.range.states.push_back(buffers_.back());
    }
  }
}

void Optimizer::step(double learning_rate, double grad_scale) {
  ++step_count_;
  for (const Part& part : parts_) {
    part.rule->update(part.range, {.learning_rate = learning_rate,
                                   .weight_decay = part.decays ? config_.weight_decay : 0.0,
                                   .grad_scale = grad_scale,
                                   .number = step_count_});
  }
}

void Optimizer::reset() {
  step_count_ = 0;
  for (at::Tensor& buffer : buffers_) buffer.zero_();
}

std::vector<Optimizer::WeightState> Optimizer::states() const {
  std::vector<WeightState> states;
  for (const Part& part : parts_) {
    for (const model::Parameter* weight : part.weights) {
      for (std::size_t i = 0; i < part.range.states.size(); ++i) {
        states.push_back(
            {part.rule->states()[i], weight->name,
             part.range.states[i].narrow(0, weight->offset - part.begin, weight->numel())});
      }
    }
  }
  return states;
}

}  // namespace superpose::optim
