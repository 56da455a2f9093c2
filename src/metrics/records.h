// What a run says about itself while it runs. A run's metrics.jsonl is a sequence of these records
// (docs/formats/metrics.md); every sink and every report is fed from them alone.
//
// Each record lists its fields for metrics.jsonl in its visit (util/json_fields.h).
//
// Two clocks, never mixed: `positions` are what the decoder computed (FLOPs come from these),
// `raw_tokens` are what was read from the corpus (bag_size times the positions while superposed).
// `seconds` is the time of the steps alone: loading included, evaluation and checkpoints apart. All
// three count from step 0 of the run; a branch counts its trunk's part too, and a resumed run
// continues to count.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/task_records.h"
#include "metrics/validation_records.h"
#include "util/json_fields.h"
#include "util/setting.h"

namespace superpose::metrics {

// Schema number of metrics.jsonl. A file with a newer one is refused by name.
inline constexpr std::int64_t kSchema = 1;

// One phase as it was run. Steps are 0-based: the phase covers
// [first_step, first_step + num_steps).
struct PhaseInfo {
  std::int64_t first_step = 0;
  std::int64_t num_steps = 0;
  std::int64_t bag_size = 1;
  std::int64_t target_size = 1;
  std::string objective = "";  // empty: cross-entropy of each target

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("first_step", self.first_step);
    v.required("num_steps", self.num_steps);
    v.required("bag_size", self.bag_size);
    v.required("target_size", self.target_size);
    v.unless_empty("objective", self.objective);
  }
};

// Strings that are equal exactly when the thing is equal; the report refuses to compare runs that
// differ.
struct Fingerprints {
  // The experiment. `compare` puts the hash of its whole recipe (operational keys left out) into
  // every run; `train` the hash of its own settings without operational keys and seed.
  std::string recipe;
  std::string data;        // training corpus, tokenizer and hold-out rule
  std::string validation;  // the held-out tokens that the loss is taken over

  // Of the text alone, both parts.
  std::string corpus() const { return data + "/" + validation; }

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("recipe", self.recipe);
    v.required("data", self.data);
    v.required("validation", self.validation);
  }
};

// A checkpoint that a run began from.
struct ParentInfo {
  // "branch": its corpus and position in it; "stage": another corpus; "weights": those alone
  std::string kind;
  std::string folder;           // of the checkpoint
  std::int64_t step = 0;        // that it holds, by its own run's count
  std::int64_t first_step = 0;  // the same by the count of the run that began there
  std::string weights;          // hash of its weights (checkpoint::Loaded::weights_hash)

  bool operator==(const ParentInfo&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("kind", self.kind);
    v.required("folder", self.folder);
    v.required("step", self.step);
    v.required("first_step", self.first_step);
    v.required("weights", self.weights);
  }
};

// Who ran what, on what. Written at every start of a run, also at a resume; the last one counts.
struct RunHeader {
  std::string run_name;  // shown on the status line, such as "tst seed 1"
  std::string arm;       // "baseline", "tst", ...; empty outside a comparison
  std::int64_t seed = 0;
  double learning_rate = 0;  // peak
  double budget = 1;         // share of the experiment's full number of steps
  std::string model;         // shape in words, such as "d 96, 4 layers, 3 heads"
  std::int64_t parameters = 0;
  double flops_per_position = 0;        // forward + backward
  std::int64_t positions_per_step = 0;  // whole step, all ranks
  std::int64_t sequence_length = 0;     // positions
  std::int64_t total_steps = 0;
  std::int64_t train_tokens = 0;  // raw tokens of one epoch; 0 = unknown
  std::vector<PhaseInfo> phases;
  std::int64_t threads = 0;
  std::int64_t ranks = 1;
  std::string device;     // "cpu", "cuda"
  std::string precision;  // "f32", "bf16"
  std::string cpu;        // model name and features found
  std::string isa;        // instruction set of our kernels, such as "avx2 (forced)"
  // ("superpose", "0.1.0"), ("libtorch", ...)
  std::vector<std::pair<std::string, std::string>> versions;
  std::vector<util::Setting> settings;  // the resolved recipe, flattened
  std::vector<ParentInfo> parents;      // checkpoints that the run began from, oldest first
  Fingerprints fingerprints;
  std::string command;     // repeats the run
  std::string started_at;  // ISO 8601, UTC

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.optional("run_name", self.run_name);
    v.optional("arm", self.arm);
    v.required("seed", self.seed);
    v.optional("learning_rate", self.learning_rate);
    v.optional("budget", self.budget);
    v.optional("model", self.model);
    v.optional("parameters", self.parameters);
    v.required("flops_per_position", self.flops_per_position);
    v.optional("positions_per_step", self.positions_per_step);
    v.optional("sequence_length", self.sequence_length);
    v.optional("total_steps", self.total_steps);
    v.optional("train_tokens", self.train_tokens);
    v.required("phases", self.phases);
    v.optional("threads", self.threads);
    v.optional("ranks", self.ranks);
    v.optional("device", self.device);
    v.optional("precision", self.precision);
    v.optional("cpu", self.cpu);
    v.optional("isa", self.isa);
    v.optional("versions", self.versions);
    v.optional("settings", self.settings);
    v.unless_empty("parents", self.parents);
    v.required("fingerprints", self.fingerprints);
    v.optional("command", self.command);
    v.optional("started_at", self.started_at);
  }
};

// After optimizer step number `step` (1-based: steps finished). Rates and wait_share cover the time
// since the record before (set_rates fills them).
struct StepRecord {
  std::int64_t step = 0;
  std::int64_t phase = 0;  // index into RunHeader::phases
  std::int64_t bag_size = 1;
  std::int64_t target_size = 1;
  double loss = 0;           // of the step, nats per target token
  bool is_bag_loss = false;  // target_size > 1: not comparable with a next-token loss
  double learning_rate = 0;
  double gradient_norm = 0;     // before clipping
  std::int64_t positions = 0;   // cumulative
  std::int64_t raw_tokens = 0;  // cumulative
  double seconds = 0;           // cumulative, steps alone
  double wait_seconds = 0;      // cumulative part of `seconds` spent waiting for data
  double positions_per_second = 0;
  double raw_tokens_per_second = 0;
  double wait_share = 0;                 // 0..1
  double epoch = 0;                      // passes over the training corpus, fractional
  util::NumberPairs source_epochs = {};  // of each source of a mixture; else empty
  double elapsed_seconds = 0;            // cumulative: steps, evaluation and checkpoints
  util::NumberPairs scalars = {};        // further numbers of the step by name
  std::string time = {};                 // of day, as utc_now; empty in records of old

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("step", self.step);
    v.optional("phase", self.phase);
    v.optional("bag_size", self.bag_size);
    v.optional("target_size", self.target_size);
    v.optional("loss", self.loss);
    v.optional("is_bag_loss", self.is_bag_loss);
    v.optional("learning_rate", self.learning_rate);
    v.optional("gradient_norm", self.gradient_norm);
    v.optional("positions", self.positions);
    v.optional("raw_tokens", self.raw_tokens);
    v.optional("seconds", self.seconds);
    v.optional("wait_seconds", self.wait_seconds);
    v.optional("positions_per_second", self.positions_per_second);
    v.optional("raw_tokens_per_second", self.raw_tokens_per_second);
    v.optional("wait_share", self.wait_share);
    v.optional("epoch", self.epoch);
    v.unless_empty("source_epochs", self.source_epochs);
    v.optional("elapsed_seconds", self.elapsed_seconds);
    v.unless_empty("scalars", self.scalars);
    v.unless_empty("time", self.time);
  }
};

enum class EventKind { kResume, kCheckpoint, kSwitch, kWarning, kError };
inline constexpr std::array<std::string_view, 5> kEventNames = {"resume", "checkpoint", "switch",
                                                                "warning", "error"};

// Something that happened after `step` finished steps, in one line of text.
struct EventRecord {
  std::int64_t step = 0;
  EventKind kind = EventKind::kWarning;
  std::string text;
  std::string time = {};  // as utc_now

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("step", self.step);
    v.choice("event", self.kind, kEventNames);
    v.optional("text", self.text);
    v.unless_empty("time", self.time);
  }
};

// Last record of a run that reached its last step. Runs without one count as unfinished.
struct SummaryRecord {
  std::int64_t step = 0;
  std::int64_t positions = 0;
  std::int64_t raw_tokens = 0;
  double seconds = 0;             // steps alone, loading included
  double wait_seconds = 0;        // waiting for data, part of `seconds`
  double evaluation_seconds = 0;  // apart
  double checkpoint_seconds = 0;  // apart
  double epochs = 0;
  util::NumberPairs source_epochs = {};
  std::int64_t peak_memory_bytes = 0;  // 0 = unknown
  std::string finished_at;             // ISO 8601, UTC

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("step", self.step);
    v.optional("positions", self.positions);
    v.optional("raw_tokens", self.raw_tokens);
    v.optional("seconds", self.seconds);
    v.optional("wait_seconds", self.wait_seconds);
    v.optional("evaluation_seconds", self.evaluation_seconds);
    v.optional("checkpoint_seconds", self.checkpoint_seconds);
    v.optional("epochs", self.epochs);
    v.unless_empty("source_epochs", self.source_epochs);
    v.optional("peak_memory_bytes", self.peak_memory_bytes);
    v.optional("finished_at", self.finished_at);
  }
};

using Record = std::variant<RunHeader, StepRecord, ValidationRecord, TaskRecord, FinalRecord,
                            EventRecord, SummaryRecord>;

// Fills positions_per_second, raw_tokens_per_second and wait_share of `now` from the differences to
// `before` (a default StepRecord for the first). Zero elapsed time gives zeros.
void set_rates(StepRecord& now, const StepRecord& before);

// Step that a record belongs to; a header belongs to 0.
std::int64_t step_of(const Record& record);

// Current time as "2026-05-19T08:30:00Z".
std::string utc_now();

}  // namespace superpose::metrics
