#include "train/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/decoder_layout.h"
#include "model/model_config.h"
#include "optim/optimizer.h"
#include "support/names.h"

namespace superpose::train {
namespace {

using test::names;

struct MeasuredRun {
  const char* name;
  std::int64_t rows, steps, bag_size;
  bool bf16;
  std::int64_t windows;
  double megabytes;  // VmHWM, 2 threads
};

model::ModelConfig resolved(const std::string& name) {
  model::ModelConfig config;
  if (name == "recipes/tiny.toml") {
    config.hidden_size = 32;
    config.num_layers = 2;
    config.num_heads = 2;
    config.ffn_size = 64;
    config.tie_embeddings = model::Toggle::kOn;
  } else {
    config.preset = name;
  }
  return model::resolve(config, 320);
}

MemoryPlan plan_of(const MeasuredRun& run) {
  const bool is_tiny = std::string(run.name) == "recipes/tiny.toml";
  MemoryInputs inputs;
  // What train.micro_batch = "auto" takes.
  inputs.request = {.rows = run.rows,
                    .sequence_length = is_tiny ? 64 : 256,
                    .bag_size = run.bag_size,
                    .target_size = run.bag_size,
                    .bf16 = run.bf16};
  inputs.model = model::estimate_memory(resolved(run.name), inputs.request);
  inputs.optimizer = optim::state_bytes({}, model::decoder_units(resolved(run.name)));
  inputs.rows_per_step = run.rows;
  inputs.steps = run.steps;
  inputs.prefetch = 4;
  inputs.raw_tokens = run.steps * run.rows * inputs.request.sequence_length * run.bag_size;
  inputs.lanes = 1024;
  inputs.train_tokens = is_tiny ? 1'000'000 : 82'100'000;
  inputs.validation_tokens = is_tiny ? 30'000 : 1'800'000;
  inputs.validation_windows = run.windows;
  return plan_memory(inputs);
}

TEST(Memory, IsNearWhatRunsWereMeasuredToHold) {
  for (const MeasuredRun& run : {
           MeasuredRun{"recipes/tiny.toml", 8, 60, 1, false, 16, 136},
           MeasuredRun{"recipes/tiny.toml", 8, 60, 4, false, 16, 136},
           MeasuredRun{"recipes/tiny.toml", 8, 60, 1, true, 16, 144},
           MeasuredRun{"demo", 8, 60, 1, false, 256, 259},
           MeasuredRun{"demo", 8, 60, 4, false, 256, 259},
           MeasuredRun{"recipes/tiny.toml", 8, 60, 4, true, 16, 145},
           MeasuredRun{"demo", 8, 60, 1, true, 256, 224},
           MeasuredRun{"demo", 8, 60, 4, true, 256, 228},
           MeasuredRun{"small", 16, 4, 1, false, 256, 2285},
           MeasuredRun{"small", 16, 4, 4, false, 256, 2282},
           MeasuredRun{"small", 16, 4, 1, true, 256, 1753},
           MeasuredRun{"small", 16, 4, 4, true, 256, 1761},
       }) {
    const double estimate = static_cast<double>(plan_of(run).total()) / 1e6;
    EXPECT_NEAR(estimate, run.megabytes, 0.1 * run.megabytes)
        << run.name << ", s = " << run.bag_size << (run.bf16 ? ", bf16" : ", f32");
  }
}

TEST(Memory, MapsAtMostTheCorpus) {
  MemoryInputs inputs;
  inputs.steps = 100;
  inputs.rows_per_step = 8;
  inputs.raw_tokens = 1000;
  inputs.lanes = 1024;
  inputs.train_tokens = 1 << 30;
  EXPECT_EQ(plan_memory(inputs).corpus, 2000 + 800 * 65536);
  inputs.lanes = 3;
  EXPECT_EQ(plan_memory(inputs).corpus, 2000 + 3 * 65536);
  inputs.train_tokens = 500;
  EXPECT_EQ(plan_memory(inputs).corpus, 1000);
}

TEST(Memory, NamesItsParts) {
  MemoryPlan memory;
  memory.program = 100 << 20;
  memory.corpus = 1 << 20;
  EXPECT_THAT(describe(memory), names("101 MiB", "100 MiB"));
  EXPECT_THAT(describe(memory), testing::EndsWith(", 1.00 MiB corpus"));
}

}  // namespace
}  // namespace superpose::train
