// A checkpoint is written next to the run, read back bit for bit, and opened as a model. It is
// removed again.
#include <ATen/ops/empty_like.h>
#include <ATen/ops/equal.h>

#include <filesystem>

#include "checkpoint/checkpoint.h"
#include "doctor/checks.h"
#include "doctor/subject.h"
#include "inference/load.h"
#include "train/checkpoints.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/files.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

namespace fs = std::filesystem;

train::RunState state_of(const Subject& subject) {
  train::RunState state = subject.setup->start.state;
  state.optimizer_updates = subject.learner->optimizer.step_count();
  state.corpus_fingerprint = subject.setup->corpus.fingerprint;
  state.environment = subject.setup->environment;
  state.settings = subject.spec.settings;
  return state;
}

void require_same(Subject& subject, const checkpoint::Loaded& loaded) {
  const auto compare = [](const std::string& name, const at::Tensor& held, const auto& read) {
    const at::Tensor again = at::empty_like(held);
    read(again);
    util::require(at::equal(held, again), "checkpoint: ", name,
                  " must come back as it was written");
  };
  train::Learner& learner = *subject.learner;
  for (const model::Parameter& parameter : learner.parameters.list()) {
    compare(parameter.name, learner.parameters.view(parameter.name),
            [&](const at::Tensor& out) { loaded.model.copy_to(parameter.name, out); });
  }
  for (const optim::Optimizer::WeightState& part : learner.optimizer.states()) {
    compare(std::string(part.state) + " of " + std::string(part.weight), part.values,
            [&](const at::Tensor& out) {
              loaded.optimizer.copy_to(std::string(part.state), std::string(part.weight), 0, out);
            });
  }
}

// The folder's own decoder gives the same states for a few tokens. Both in f32.
void require_opens(Subject& subject, const fs::path& folder) {
  const inference::LoadedModel opened = inference::load_model(folder);
  const superposition::Phase& phase = subject.setup->phases.back();
  const BatchTensors batch = tensors_of(first_batch(subject, phase), phase, at::kCPU);
  const std::int64_t length =
      std::min<std::int64_t>(batch.input.ids.size(1), opened.description.max_position_embeddings);
  const at::Tensor ids = batch.input.ids.narrow(0, 0, 1).narrow(1, 0, length);
  const at::Tensor states = opened.decoder.hidden(ids, model::Gradients::kNone);
  util::require(states.isfinite().all().item<bool>(),
                "checkpoint: the model that was opened from it must give finite numbers");
}

std::int64_t bytes_below(const fs::path& folder) {
  std::int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += static_cast<std::int64_t>(entry.file_size());
  }
  return bytes;
}

fs::path existing_above(fs::path place) {
  place = fs::absolute(place).lexically_normal();
  while (!fs::is_directory(place) && place.has_relative_path()) place = place.parent_path();
  return place;
}

}  // namespace

Outcome check_checkpoint(Subject& subject) {
  const fs::path place = existing_above(subject.spec.config.run.dir);
  const util::AtomicDirectory trial(place / "superpose-doctor");  // never committed: removed
  const double begin = util::steady_seconds();
  const fs::path folder =
      train::save_checkpoint(trial.path(), *subject.learner, state_of(subject),
                             {subject.setup->tokenizer, subject.setup->corpus_record});
  const double written = util::steady_seconds();
  const checkpoint::Loaded loaded = checkpoint::open(folder, checkpoint::Check::kHashes);
  require_same(subject, loaded);
  train::run_state_from_json(loaded.state, folder.string());
  require_opens(subject, folder);
  return {.found = util::format_bytes(static_cast<std::uint64_t>(bytes_below(folder))) +
                   " written in " + util::format_duration(written - begin) +
                   ", read back bit for bit and opened in " +
                   util::format_duration(util::steady_seconds() - written) + "; removed"};
}

}  // namespace superpose::doctor
