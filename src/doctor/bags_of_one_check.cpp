// s = 1: superposition with bags of one is next-token prediction. The text of the superposed rows,
// cut into bags of one, must give the mean of -log p that the decoder gives without bags.
#include <ATen/ops/from_blob.h>

#include <cmath>
#include <set>

#include "doctor/checks.h"
#include "doctor/subject.h"
#include "superposition/windows.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

// A row of single tokens: the first of the batch, without padding, and cut again.
struct Row {
  std::vector<std::int32_t> raw;              // [L + 1]
  std::vector<std::int64_t> inputs, targets;  // [L] each
};

Row cut_row(const data::Batch& batch) {
  Row row;
  const std::int64_t length = batch.shape.sequence_length;
  const auto all = static_cast<std::size_t>(length * batch.shape.bags.bag_size);
  for (std::size_t i = 0; i < all && std::ssize(row.raw) <= length; ++i) {
    if (batch.inputs[i] >= 0) row.raw.push_back(static_cast<std::int32_t>(batch.inputs[i]));
  }
  const std::int64_t positions = std::ssize(row.raw) - 1;
  row.inputs.resize(static_cast<std::size_t>(positions));
  row.targets.resize(static_cast<std::size_t>(positions));
  superposition::cut_window({positions, {1, 1}}, row.raw, {}, row.inputs, row.targets);
  return row;
}

// Mean of -log p of each token of the row behind the first, without bags or an objective.
double plain_loss(const model::Decoder& decoder, Row& row) {
  const std::int64_t positions = std::ssize(row.inputs);
  std::vector<std::int64_t> ids(row.raw.begin(), row.raw.end());
  const at::Tensor all =
      at::from_blob(ids.data(), {1, positions + 1}, at::kLong).to(decoder.device());
  const at::Tensor losses = decoder.token_losses(all.narrow(1, 0, positions).unsqueeze(2),
                                                 all.narrow(1, 1, positions).contiguous());
  return losses.mean(at::kDouble).item<double>();
}

double superposed_loss(const model::Decoder& decoder, Row& row,
                       const superposition::ObjectiveTraits& objective) {
  const std::int64_t positions = std::ssize(row.inputs);
  const std::vector<double> weights = {1.0};
  const std::vector<std::int64_t> counts = {positions};
  std::vector<float> factors = superposition::loss_coefficients(objective.terms, weights, counts);
  const auto on_device = [&](std::vector<std::int64_t>& values) {
    return at::from_blob(values.data(), {1, positions, 1}, at::kLong).to(decoder.device());
  };
  return decoder
      .loss(on_device(row.inputs), on_device(row.targets),
            at::from_blob(factors.data(), {std::ssize(factors)}, at::kFloat).to(decoder.device()),
            model::Gradients::kNone, model::find_objective(objective.name))
      .item<double>();
}

}  // namespace

Outcome check_bags_of_one(Subject& subject) {
  const model::Decoder& decoder = subject.learner->decoder;
  Row row = cut_row(first_batch(subject, longest_bags(subject)));
  const double plain = plain_loss(decoder, row);
  // Both sum some thousand terms of the size of the loss; roundings add up like a random walk.
  const double allowed =
      8 * rounding_of(subject) * std::sqrt(static_cast<double>(row.raw.size())) * std::abs(plain);
  double worst = 0;
  std::set<superposition::Objective> objectives = {superposition::Objective::kMultiHot};
  for (const superposition::Phase& phase : subject.setup->phases) {
    objectives.insert(phase.objective);
  }
  for (const superposition::Objective objective : objectives) {
    const double loss = superposed_loss(decoder, row, superposition::traits_of(objective));
    worst = std::max(worst, std::abs(loss - plain));
  }
  const bool is_right = worst <= allowed;  // not so for a NaN
  return {is_right ? Status::kPassed : Status::kFailed,
          "next-token loss " + util::fixed(plain, 4) + ", with bags of one " + brief(worst) +
              " from it (allowed " + brief(allowed) + ")",
          is_right ? "" : "run `superpose selftest`, and report this with the recipe"};
}

}  // namespace superpose::doctor
