// The whole of a run's recipe: what `superpose train` reads. Each section lives with its owner; the
// sections that are the trainer's own are here. The member initialisers are the only defaults.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/data_config.h"
#include "data/mixture_config.h"
#include "eval/evaluation_config.h"
#include "model/model_config.h"
#include "optim/optim_config.h"
#include "superposition/phases.h"

namespace superpose::train {

// What the matrix products compute in. Weights, gradients and optimizer state are f32 in both.
// kAuto becomes one of the others before anything is computed (choose_precision in setup.h).
enum class Precision { kF32, kBf16, kAuto };
inline constexpr std::array<std::string_view, 3> kPrecisionNames = {"f32", "bf16", "auto"};
inline std::string_view name_of(Precision precision) {
  return kPrecisionNames[static_cast<std::size_t>(precision)];
}

enum class DeviceChoice { kAuto, kCpu, kCuda };
inline constexpr std::array<std::string_view, 3> kDeviceNames = {"auto", "cpu", "cuda"};

struct TrainConfig {
  std::int64_t steps = 8000;
  std::int64_t batch_positions = 4096;
  std::int64_t sequence_length = 256;
  std::optional<std::int64_t> micro_batch;
  std::int64_t recompute_every = 0;
  std::int64_t seed = 1;
  Precision precision = Precision::kF32;
  DeviceChoice device = DeviceChoice::kAuto;
  std::int64_t threads = 0;
  bool continue_schedule = false;

  // Rows of one step, of all ranks together.
  std::int64_t rows_per_step() const { return batch_positions / sequence_length; }
  // Of steps in phases without a size of their own.
  superposition::StepSize step_size() const { return {rows_per_step(), sequence_length}; }

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("steps", self.steps, "optimizer steps of the whole run, all phases together");
    v.field("batch_positions", self.batch_positions,
            "positions per step, all ranks together; a multiple of train.sequence_length");
    v.field("sequence_length", self.sequence_length,
            "positions per row; a superposed row reads bag_size times as many tokens");
    v.operational("micro_batch", self.micro_batch,
                  "rows that go through the model at once; auto = chosen to keep activations "
                  "within about 1 GiB");
    v.operational(
        "recompute_every", self.recompute_every,
        "every k-th layer recomputes its activations in backward; saves memory, results are "
        "bit-identical; 1 = all, 0 = none");
    v.field("seed", self.seed, "seed of initial weights and of the data's order");
    v.choice("precision", self.precision, kPrecisionNames,
             "matrix products in f32 or bf16, auto = bf16 where the device has it; weights and "
             "optimizer state stay f32");
    v.choice("device", self.device, kDeviceNames, "where to compute; auto = cuda where there is");
    v.operational("threads", self.threads, "CPU threads of each rank; 0 = all cores");
    v.added().operational(
        "continue_schedule", self.continue_schedule,
        "for a stage (--from with another corpus): steps, phases and schedule continue from the "
        "checkpoint's step; false = from 0");
  }
  void validate() const;
};

struct CheckpointConfig {
  std::int64_t every = 1000;
  std::int64_t keep = 2;
  bool at_switch = true;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.operational("every", self.every, "steps between checkpoints; 0 = only at the end");
    v.operational("keep", self.keep, "newest checkpoints kept; 0 = all");
    v.operational("at_switch", self.at_switch, "also write one at each change of phase");
  }
  void validate() const;
};

struct LogConfig {
  std::int64_t every = 10;
  bool tensorboard = true;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.operational("every", self.every, "steps between the records of a step");
    v.operational("tensorboard", self.tensorboard, "also write TensorBoard event files");
  }
  void validate() const;
};

struct RunFolderConfig {
  std::string dir = "runs/default";

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.operational("dir", self.dir, "run folder: recipe, metrics, checkpoints, report");
  }
  void validate() const;
};

struct RunConfig {
  RunFolderConfig run;
  model::ModelConfig model;
  corpus::DataConfig data;
  std::vector<data::MixtureConfig> mixture;
  TrainConfig train;
  optim::OptimConfig optim;
  std::vector<superposition::PhaseConfig> phases = default_phases();
  std::vector<eval::ValidationSetConfig> validation = {{}};  // the first is primary
  eval::EvaluationConfig evaluation;
  CheckpointConfig checkpoint;
  LogConfig log;

  // s = 6 for the first 0.3 of the steps; whatever is left of a run is next-token prediction.
  static std::vector<superposition::PhaseConfig> default_phases();

  // Throws util::Error for what sections make impossible together.
  void validate() const;

  // The sections in the order of a recipe. Another recipe type that contains a run calls this from
  // its own visit.
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.section("run", self.run, "where the run lives");
    v.section("model", self.model, "the decoder");
    v.section("data", self.data, "what it reads");
    v.list("mixture", self.mixture, "several corpora mixed by weight, instead of data.sources");
    v.section("train", self.train, "how long, how much at once");
    v.section("optim", self.optim, "the optimizer and its learning-rate schedule");
    v.list("phases", self.phases,
           "superposed phases in order, each with share or steps; bag_size is 1 unless given; the "
           "remaining steps are ordinary next-token training");
    v.list("validation", self.validation, "sets of held-out text; the first is primary");
    v.section("evaluation", self.evaluation, "next-token loss on windows of these sets");
    v.section("checkpoint", self.checkpoint, "when to write, how many to keep");
    v.section("log", self.log, "records of a run");
  }
};

}  // namespace superpose::train
