// What a run is made of before its first step: corpus, model shape, phases, where to start.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/corpus_record.h"
#include "data/batch_source.h"
#include "data/mixture.h"
#include "data/token_stream.h"
#include "distributed/collective.h"
#include "eval/final_score.h"
#include "eval/validation.h"
#include "model/model_config.h"
#include "superposition/phases.h"
#include "tokenizer/model_folder.h"
#include "train/environment.h"
#include "train/evaluation_tasks.h"
#include "train/initial_weights.h"
#include "train/run.h"
#include "train/samples.h"
#include "train/start.h"

namespace superpose::train {

struct Setup {
  std::vector<data::PreparedSource> sources;  // one, or those of the mixture
  corpus::PreparedCorpus corpus;              // all of them as one
  corpus::CorpusRecord corpus_record;         // what checkpoints say of the files
  tokenizer::ModelFolder tokenizer;           // what they hold of the tokenizer
  model::ModelConfig model;                   // resolved
  std::vector<superposition::Phase> phases;
  at::Device device = at::kCPU;
  Precision precision = Precision::kF32;  // f32 or bf16
  Environment environment;
  std::optional<InitialWeights> initial;  // what model.init_from names
  Start start;                            // the state's layouts are set where a corpus begins, too
  std::unique_ptr<const data::BatchSource> source;  // from start.state.step on, this rank's rows
  std::vector<eval::ValidationSet> validation;      // the first is primary
  std::vector<eval::FinalWindows> final_windows;    // of each set; empty: no final scores wanted
  at::Tensor copying_sequences;  // from the primary set; undefined where rows are too short
  std::vector<EvaluationTask> tasks;
  Prompts prompts;
  std::int64_t last_step = 0;  // where this call ends: all steps, or the spec's or the data's end
  bool data_end_it = false;    // last_step is where the data is used up
};

// How a run ends that reaches setup.last_step.
RunStatus end_status(const RunSpec& spec, const Setup& setup);

// Prepares the corpus (rank 0 first; the others open what it wrote), finds where to start from and
// checks that it fits the recipe. Every rank calls it. Throws util::Error.
Setup set_up(const RunSpec& spec, distributed::Collective& collective);

// Throws util::Error where CUDA is wanted and not there.
at::Device choose_device(DeviceChoice choice);

// `wanted`, or for kAuto bf16 where the device multiplies it natively: CUDA, or a CPU of which
// Machine::bf16 says so. Elsewhere f32, which then is the faster.
Precision choose_precision(Precision wanted, at::Device device, const Machine& machine);

// CPU threads of each rank: train.threads, or a rank's part of the cores that `processes` of this
// machine share.
std::int64_t thread_count(const TrainConfig& config, std::int64_t processes);

// Rows of a micro-batch: train.micro_batch, or the most whose activations stay under a fixed limit.
// The limit knows nothing of the machine or of recomputing, so that equal recipes give equal bits.
std::int64_t choose_micro_batch(const RunConfig& config, const model::ModelConfig& model,
                                Precision precision,
                                const std::vector<superposition::Phase>& phases,
                                std::int64_t world_size);

// Hash of the settings whose change at a resume is an error, without the seed.
std::string recipe_fingerprint(const std::vector<util::Setting>& settings);

}  // namespace superpose::train
