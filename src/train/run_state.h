// trainer/state.json of a checkpoint: where a run stands, apart from its tensors
// (docs/formats/checkpoint.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/token_stream.h"
#include "metrics/records.h"
#include "train/environment.h"
#include "util/json.h"
#include "util/setting.h"

namespace superpose::train {

inline constexpr std::int64_t kStateSchema = 1;

// What counts on over resumes and branches. All of it since step 0, all ranks; the hash alone is of
// what was read of the run's own corpus, so a stage begins with none.
struct Clocks {
  std::int64_t positions = 0;
  std::int64_t raw_tokens = 0;
  std::uint64_t ids_hash = 0;  // sum of data::Batch::ids_hash: what was consumed, in one number
  double seconds = 0;          // of the steps alone
  double wait_seconds = 0;
  double evaluation_seconds = 0;
  double checkpoint_seconds = 0;

  double elapsed_seconds() const { return seconds + evaluation_seconds + checkpoint_seconds; }

  // Without the hash, which the state keeps among what it says of the data.
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("positions", self.positions);
    v.required("raw_tokens", self.raw_tokens);
    v.required("seconds", self.seconds);
    v.required("wait_seconds", self.wait_seconds);
    v.required("evaluation_seconds", self.evaluation_seconds);
    v.required("checkpoint_seconds", self.checkpoint_seconds);
  }
};

// One source of a mixture.
struct SourceState {
  std::string name;
  std::string fingerprint;
  data::StreamLayout layout;

  bool operator==(const SourceState&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("name", self.name);
    v.required("fingerprint", self.fingerprint);
    v.required("lanes", self.layout.lanes);
    v.required("block_tokens", self.layout.block_tokens);
  }
};

struct RunState {
  std::int64_t step = 0;   // finished steps
  std::int64_t phase = 0;  // index of the phase that step `step` lies in, or the last one
  std::int64_t optimizer_updates = 0;
  std::vector<data::Consumption> consumed;
  data::StreamLayout layout;         // of the one corpus; {0, 0} for a mixture
  std::vector<SourceState> sources;  // of a mixture, in the recipe's order; else empty
  std::string corpus_fingerprint;    // of all sources together
  Clocks clocks;
  Environment environment;
  std::vector<metrics::ParentInfo> parents;  // oldest first; empty where the run began with nothing
  std::vector<util::Setting> settings;

  // All but the settings, which are two objects by key.
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("step", self.step);
    v.required("phase", self.phase);
    v.required("optimizer_updates", self.optimizer_updates);
    v.group("data", [&](auto& data) {
      data.required("fingerprint", self.corpus_fingerprint);
      data.required("lanes", self.layout.lanes);
      data.required("block_tokens", self.layout.block_tokens);
      data.unless_empty("sources", self.sources);
      data.required("consumed", self.consumed);
      data.required("ids_hash", self.clocks.ids_hash);
    });
    v.required("clocks", self.clocks);
    v.required("environment", self.environment);
    v.unless_empty("parents", self.parents);
  }
};

// How each source is cut: those of `sources`, or `layout` alone.
std::vector<data::StreamLayout> layouts_of(const RunState& state);

util::Json to_json(const RunState& state);

// Throws util::Error that begins with `who` for another schema, a missing key or a wrong type.
RunState run_state_from_json(const util::Json& json, const std::string& who);

// Value of a key, or "" where there is none.
std::string setting_value(const std::vector<util::Setting>& settings, std::string_view key);

}  // namespace superpose::train
