// No position sees what lies behind its bag: with other tokens from the middle of the row on, the
// states before it stay, and those from there on change.
#include <ATen/TensorOperators.h>
#include <ATen/ops/where.h>

#include <cmath>

#include "doctor/checks.h"
#include "doctor/subject.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

struct Change {
  double before = 0, behind = 0;  // the largest of states before the middle, and from there on
  double largest = 0;             // value of a state
};

Change probe(const model::Decoder& decoder, const model::DecoderInput& input) {
  const std::int64_t length = input.ids.size(1);
  const std::int64_t middle = length / 2;
  const at::Tensor ids = input.ids.narrow(0, 0, 1);
  const at::Tensor starts =
      input.document_starts.defined() ? input.document_starts.narrow(0, 0, 1) : at::Tensor();
  at::Tensor other = ids.clone();
  const at::Tensor behind = other.narrow(1, middle, length - middle);
  // Another token for each, padding as it is.
  behind.copy_(at::where(behind >= 0, (behind + 1) % decoder.config().vocab_size, behind));
  const at::Tensor as_is = decoder.hidden({ids, starts}, model::Gradients::kNone).to(at::kFloat);
  const at::Tensor changed =
      (decoder.hidden({other, starts}, model::Gradients::kNone).to(at::kFloat) - as_is).abs();
  Change change;
  change.largest = as_is.abs().max().item<double>();
  change.behind = changed.narrow(0, middle, length - middle).max().item<double>();
  if (middle > 0) change.before = changed.narrow(0, 0, middle).max().item<double>();
  return change;
}

}  // namespace

Outcome check_causality(Subject& subject) {
  Outcome outcome;
  for (const superposition::Phase& phase : subject.setup->phases) {
    const BatchTensors batch =
        tensors_of(first_batch(subject, phase), phase, subject.setup->device);
    const Change change = probe(subject.learner->decoder, batch.input);
    // Experts take other rows with them, so that sums may be made in another order.
    const double allowed = 64 * rounding_of(subject) * change.largest;
    outcome.found += (outcome.found.empty() ? "" : "; ") + describe(phase) +
                     ": states before move by " + brief(change.before) + ", those behind by " +
                     util::fixed(change.behind, 3);
    if (change.before <= allowed && change.behind > allowed) continue;
    outcome.status = Status::kFailed;
    outcome.next_step = "run `superpose selftest`, and report this with the recipe";
  }
  return outcome;
}

}  // namespace superpose::doctor
