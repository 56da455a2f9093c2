#include "train/initial_weights.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "checkpoint/model_files.h"
#include "checkpoint/model_shape.h"
#include "model/decoder_layout.h"
#include "model/initialize.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "support/tiny_run.h"
#include "train/checkpoints.h"
#include "util/files.h"

namespace superpose::train {
namespace {

using test::names;
using ::testing::HasSubstr;

model::ModelConfig shape(bool tied = false) {
  model::ModelConfig config;
  config.vocab_size = 330;
  config.hidden_size = 16;
  config.num_layers = 2;
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.ffn_size = 24;
  config.qkv_bias = model::Toggle::kOn;
  config.tie_embeddings = tied ? model::Toggle::kOn : model::Toggle::kOff;
  return model::resolve(config, 0);
}

// A folder as another program would leave it: weights and config.json.
class InitialWeightsTest : public ::testing::Test {
 protected:
  using Tensors = std::vector<checkpoint::NamedTensor>;

  explicit InitialWeightsTest(bool tied = false)
      : config_(shape(tied)), parameters_(model::decoder_units(config_), at::kCPU, at::kFloat) {
    model::initialize(parameters_, config_, 3);
  }

  // Writes the weights as `change` leaves them.
  void write(const std::function<void(Tensors&)>& change = [](Tensors&) {}) {
    std::filesystem::remove(folder_ / checkpoint::kModelFile);
    Tensors tensors;
    for (const model::Parameter& parameter : parameters_.list()) {
      tensors.push_back({parameter.name, parameters_.view(parameter.name).clone()});
    }
    change(tensors);
    checkpoint::write_model(folder_.path(), tensors);
    util::write_file_atomic(folder_ / "config.json",
                            checkpoint::to_config_json(checkpoint::to_hugging_face(config_)));
  }

  InitialWeights found() {
    return find_initial_weights(folder_.path().string(), {}, collective_).value();
  }

  std::string loading_error() {
    return test::error_of([&] {
      model::FlatParameters into(model::decoder_units(config_), at::kCPU, at::kFloat);
      load_initial_weights(found(), config_, into, collective_);
    });
  }

  test::TempDir folder_;
  distributed::LocalCollective collective_;
  model::ModelConfig config_;
  model::FlatParameters parameters_;
};

TEST_F(InitialWeightsTest, AreThoseOfTheFolder) {
  write();
  model::FlatParameters into(model::decoder_units(config_), at::kCPU, at::kFloat);
  load_initial_weights(found(), config_, into, collective_);
  EXPECT_TRUE(at::equal(into.master(), parameters_.master()));
  EXPECT_EQ(hash_of(found(), collective_).size(), 16U);
  EXPECT_FALSE(find_initial_weights("", {}, collective_).has_value());
}

TEST_F(InitialWeightsTest, StoredInHalfAreWidened) {
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    write([&](Tensors& tensors) {
      for (checkpoint::NamedTensor& item : tensors) item.tensor = item.tensor.to(type);
    });
    model::FlatParameters into(model::decoder_units(config_), at::kCPU, at::kFloat);
    load_initial_weights(found(), config_, into, collective_);
    EXPECT_TRUE(at::equal(into.view("lm_head.weight"),
                          parameters_.view("lm_head.weight").to(type).to(at::kFloat)));
  }
}

TEST_F(InitialWeightsTest, RefusesTensorsThatDoNotFitByName) {
  write([](Tensors& tensors) { tensors.pop_back(); });
  EXPECT_THAT(loading_error(), HasSubstr("missing"));
  write([](Tensors& tensors) { tensors.push_back({"model.extra.weight", at::zeros({2})}); });
  EXPECT_THAT(loading_error(), names("model.extra.weight", "no such weight"));
  write([](Tensors& tensors) { tensors.front().tensor = at::zeros({2, 3}); });
  EXPECT_THAT(loading_error(), names("model.embed_tokens.weight", "shape", "[2,3]"));
  write([](Tensors& tensors) {
    tensors.front().tensor.view(-1)[5] = std::numeric_limits<float>::quiet_NaN();
  });
  EXPECT_THAT(loading_error(), names("model.embed_tokens.weight", "finite"));
}

class TiedInitialWeightsTest : public InitialWeightsTest {
 protected:
  TiedInitialWeightsTest() : InitialWeightsTest(true) {}
};

TEST_F(TiedInitialWeightsTest, AStoredHeadIsLeftOut) {
  write([](Tensors& tensors) { tensors.push_back({"lm_head.weight", at::zeros({330, 16})}); });
  EXPECT_EQ(loading_error(), "");
}

TEST_F(InitialWeightsTest, BringTheirShape) {
  write();
  const RunConfig config = with_initial_weights({}, found());
  EXPECT_EQ(config.model.hidden_size, 16);
  EXPECT_TRUE(config.model.has_qkv_bias());
  EXPECT_EQ(config.model.vocab_size, 330);
  EXPECT_EQ(config.data.tokenizer, "bytes");  // the folder has none
}

TEST_F(InitialWeightsTest, RefuseARecipeThatContradictsThem) {
  write();
  RunConfig recipe;
  recipe.model.hidden_size = 32;
  recipe.model.qk_norm = model::Toggle::kOn;
  recipe.model.num_layers = 2;  // as it is
  const std::string error = test::error_of([&] { with_initial_weights(recipe, found()); });
  EXPECT_THAT(error, HasSubstr("model.hidden_size (folder 16, recipe 32)"));
  EXPECT_THAT(error, names("model.qk_norm", "off", "on"));
  EXPECT_THAT(error, Not(HasSubstr("num_layers")));
  recipe = {};
  recipe.model.preset = "tiny";
  EXPECT_THAT(test::error_of([&] { with_initial_weights(recipe, found()); }),
              names("model.preset", "empty"));
}

TEST_F(InitialWeightsTest, SayWhatIsNotAModelFolder) {
  EXPECT_THAT(test::error_of([&] { found(); }), names("config.json"));
}

TEST_F(InitialWeightsTest, RefuseMoreIdsThanRows) {
  write();
  EXPECT_THAT(test::error_of([&] { check_tokenizer(found(), "{}", 340); }),
              names("340", "10", "330"));
  EXPECT_THAT(check_tokenizer(found(), "{}", 330).value(), names("no tokenizer.json"));
}

// A run begins with the weights that another one ended with: its first validation is the other's
// last.
TEST(InitFrom, ARunBeginsWhereTheFolderEnds) {
  const test::TempDir folder;
  test::write_tiny_corpus(folder.path());
  const RunConfig first = test::tiny_config(folder.path(), "first");
  test::run_alone(first);
  const std::filesystem::path model = test::checkpoint_of(first, 20);
  RunConfig second = test::tiny_config(folder.path(), "second");
  second.model = {};
  second.model.init_from = model.string();
  test::run_alone(second);
  const double untrained = test::losses_of(first.run.dir).front();
  EXPECT_GT(test::largest_difference(model, test::checkpoint_of(second, 5)), 0);
  const auto header = util::read_file(std::filesystem::path(second.run.dir) / "metrics.jsonl");
  EXPECT_THAT(header, HasSubstr("\"kind\":\"weights\""));
  // One more time, by the same weights and order of data: the same run.
  RunConfig third = test::tiny_config(folder.path(), "third");
  third.model = {};
  third.model.init_from = model.string();
  train::RunSpec stopped = test::make_spec(third);
  stopped.stop_after_step = 9;
  test::run_alone(stopped);
  std::filesystem::remove_all(first.run.dir);  // a resume needs the folder no more
  test::run_alone(third);
  EXPECT_EQ(test::fingerprint_of(test::checkpoint_of(second, 20)),
            test::fingerprint_of(test::checkpoint_of(third, 20)));
  EXPECT_LT(test::losses_of(second.run.dir).front(), untrained);
}

}  // namespace
}  // namespace superpose::train
