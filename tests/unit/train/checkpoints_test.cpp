#include "train/checkpoints.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/model_shape.h"
#include "model/initialize.h"
#include "support/temp_dir.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::train {
namespace {

model::ModelConfig tiny_model(std::int64_t ffn_size, bool is_qwen) {
  model::ModelConfig config;
  config.hidden_size = 16;
  config.num_layers = 1;
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.ffn_size = ffn_size;
  config.qk_norm = is_qwen ? model::Toggle::kOn : model::Toggle::kOff;
  return model::resolve(config, 320);
}

void fill(Learner& learner, std::uint64_t seed) {
  model::initialize(learner.parameters, learner.decoder.config(), seed);
  for (const optim::Optimizer::WeightState& state : learner.optimizer.states()) {
    const at::Tensor value = learner.parameters.view(state.weight).flatten();
    state.values.copy_(value.mul(state.state == "exp_avg" ? 2 : 3));
  }
}

tokenizer::ModelFolder tokenizer_files() {
  return {.json = "{}",
          .config_json = "{}",
          .end_of_document = 256,
          .longest_text = 64,
          .begin_of_text = 257,
          .padding = 258};
}

TEST(Checkpoints, RoundTripIsExact) {
  for (const bool is_qwen : {false, true}) {
    const test::TempDir folder;
    distributed::LocalCollective collective;
    Learner saved(tiny_model(32, is_qwen), {}, Precision::kBf16, at::kCPU);
    fill(saved, 1);
    RunState state;
    state.step = 7;
    state.optimizer_updates = 7;
    const std::filesystem::path path =
        save_checkpoint(folder.path(), saved, state, {tokenizer_files(), {}});
    EXPECT_EQ(path.filename(), "step-00000007");

    Learner loaded(tiny_model(32, is_qwen), {}, Precision::kBf16, at::kCPU);
    load_checkpoint(path, loaded, state, collective);
    EXPECT_TRUE(at::equal(loaded.parameters.master(), saved.parameters.master()));
    for (std::size_t i = 0; i < saved.optimizer.buffers().size(); ++i) {
      EXPECT_GT(saved.optimizer.buffers()[i].abs().max().item<double>(), 0);
      EXPECT_TRUE(at::equal(loaded.optimizer.buffers()[i], saved.optimizer.buffers()[i]));
    }
    EXPECT_TRUE(at::equal(loaded.parameters.compute_view("model.embed_tokens.weight"),
                          saved.parameters.compute_view("model.embed_tokens.weight")));
    EXPECT_EQ(loaded.optimizer.step_count(), 7);
  }
}

// The next step counts by what experts got in this one.
TEST(Checkpoints, KeepTheSumsOfRouters) {
  const test::TempDir folder;
  distributed::LocalCollective collective;
  model::ModelConfig config = tiny_model(32, true);
  config.moe = {.num_experts = 4, .experts_per_token = 2, .ffn_size = 8, .dense_layers = {}};
  Learner saved(config, {}, Precision::kF32, at::kCPU);
  saved.parameters.sums("router/0").copy_(at::arange(7));
  saved.parameters.keep_sums();
  const std::filesystem::path path =
      save_checkpoint(folder.path(), saved, RunState{}, {tokenizer_files(), {}});
  Learner loaded(config, {}, Precision::kF32, at::kCPU);
  load_checkpoint(path, loaded, RunState{}, collective);
  EXPECT_TRUE(at::equal(loaded.parameters.last_sums("router/0"), at::arange(7).to(at::kFloat)));
}

TEST(Checkpoints, SayInWhatTheirModelDiffers) {
  const checkpoint::HuggingFaceModel saved = checkpoint::to_hugging_face(tiny_model(32, false));
  EXPECT_THAT(model_changes(saved, tiny_model(32, false)), ::testing::IsEmpty());
  EXPECT_THAT(model_changes(saved, tiny_model(64, true)),
              ::testing::ElementsAre("model.ffn_size (checkpoint 32, recipe 64)",
                                     "model.qk_norm (checkpoint \"off\", recipe \"on\")"));
}

// What programs that use the model go by: what it was trained on, not what its shape would allow.
TEST(Checkpoints, ConfigurationSaysWhatWasTrained) {
  const test::TempDir folder;
  Learner saved(tiny_model(32, false), {}, Precision::kF32, at::kCPU);
  const std::filesystem::path path =
      save_checkpoint(folder.path(), saved, RunState{}, {tokenizer_files(), {}});
  for (const char* name : {"config.json", "generation_config.json"}) {
    const util::Json config = util::parse_json(util::read_file(path / name), name);
    EXPECT_EQ(config["bos_token_id"], 257) << name;
    EXPECT_EQ(config["eos_token_id"], 256) << name;
    EXPECT_EQ(config["pad_token_id"], 258) << name;
  }
  const util::Json config = util::parse_json(util::read_file(path / "config.json"), "config.json");
  EXPECT_EQ(config["max_position_embeddings"], 64);
}

}  // namespace
}  // namespace superpose::train
