#include "inference/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "support/error_of.h"
#include "support/names.h"
#include "support/small_model_folder.h"
#include "support/temp_dir.h"

namespace superpose::inference {
namespace {

using test::names;
using ::testing::HasSubstr;

constexpr const char* kEmbedding = "model.embed_tokens.weight";

TEST(LoadModel, GivesTheLogitsOfEveryArchitectureWithoutGradients) {
  for (const auto& [name, shape] : test::architectures()) {
    const test::SmallDecoder model(shape);
    const test::TempDir folder;
    test::SmallModelFolder(model).write(folder.path());
    const LoadedModel loaded = load_model(folder.path());
    EXPECT_FALSE(loaded.parameters.gradient_with_mailbox().defined()) << name;
    EXPECT_TRUE(loaded.tokenizer.empty());
    const at::Tensor ids = test::random_ids(64, {2, 5, 1});
    EXPECT_TRUE(loaded.decoder.logits(ids).equal(model.decoder.logits(ids))) << name;
  }
}

TEST(LoadModel, ReadsShardsAndOtherTypes) {
  const test::SmallDecoder model;
  test::SmallModelFolder files(model);
  for (checkpoint::NamedTensor& item : files.weights) item.tensor = item.tensor.to(at::kBFloat16);
  const test::TempDir folder;
  files.write(folder.path(), /*max_shard_bytes=*/4000);
  util::write_file_atomic(folder / "tokenizer.json", "{}");
  ASSERT_TRUE(std::filesystem::exists(folder / checkpoint::kModelIndexFile));
  const LoadedModel loaded = load_model(folder.path());
  EXPECT_EQ(loaded.tokenizer, folder / "tokenizer.json");
  for (const checkpoint::NamedTensor& item : files.weights) {
    EXPECT_TRUE(loaded.parameters.view(item.name).equal(item.tensor.to(at::kFloat))) << item.name;
  }
  const LoadedModel rounded = load_model(folder.path(), at::kBFloat16);
  EXPECT_TRUE(
      rounded.parameters.compute_view(kEmbedding).equal(files.weight(kEmbedding)));  // refreshed
}

TEST(LoadModel, NamesTheTensorThatIsWrong) {
  const test::SmallDecoder model;
  const test::TempDir folder;
  const auto error_of = [&](const auto& change) {
    test::SmallModelFolder files(model);
    change(files);
    std::filesystem::remove(folder / checkpoint::kModelFile);
    files.write(folder.path());
    return test::error_of([&] { load_model(folder.path()); });
  };
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    EXPECT_THAT(error_of([&](auto& files) { files.weight(kEmbedding).view(-1)[77].fill_(bad); }),
                names("model.embed_tokens.weight", "finite"));
  }
  EXPECT_THAT(error_of([](auto& files) { files.weights.pop_back(); }), HasSubstr(": missing"));
  EXPECT_THAT(error_of([](auto& files) { files.weights[0].name += "x"; }), HasSubstr("tensor "));
  EXPECT_EQ(error_of([](auto&) {}), "");
}

TEST(EndTokens, AreThoseOfTheGenerationConfigurationWhereThereIsOne) {
  const test::TempDir folder;
  checkpoint::HuggingFaceModel description;
  description.eos_token_ids = {7};
  const auto ends = [&] { return end_tokens(folder.path(), description); };
  EXPECT_EQ(ends(), std::vector<std::int64_t>({7}));
  const auto write = [&](const char* text) {
    util::write_file_atomic(folder / "generation_config.json", text);
  };
  write("{}");
  EXPECT_EQ(ends(), std::vector<std::int64_t>());
  write(R"({"eos_token_id": 3})");
  EXPECT_EQ(ends(), std::vector<std::int64_t>({3}));
  write(R"({"eos_token_id": [3, 5], "do_sample": true})");
  EXPECT_EQ(ends(), std::vector<std::int64_t>({3, 5}));
  write(R"({"eos_token_id": "end"})");
  EXPECT_THAT(test::error_of(ends), HasSubstr("eos_token_id"));
}

TEST(FindModel, RefusesWhatHoldsNone) {
  const test::TempDir folder;
  EXPECT_THAT(test::error_of([&] { find_model(folder.path()); }),
              names(folder.path().string(), "checkpoint"));
  EXPECT_THAT(test::error_of([&] { find_model(folder / "none"); }), names("none", "folder"));
  util::write_file_atomic(folder / "config.json", "{}");
  EXPECT_EQ(find_model(folder.path()), folder.path());
  EXPECT_THAT(test::error_of([&] { load_model(folder.path()); }), HasSubstr("config.json"));
}

TEST(FindModel, OfARunIsItsNewestCheckpointWhateverElseLiesThere) {
  const test::TempDir run;
  util::write_file_atomic(run / "config.json", "{}");
  const std::filesystem::path checkpoint = run / "checkpoints" / "step-00000010";
  std::filesystem::create_directories(checkpoint / "trainer");
  util::write_file_atomic(checkpoint / "trainer" / "manifest.json", "{}");
  EXPECT_EQ(find_model(run.path()), checkpoint);
}

}  // namespace
}  // namespace superpose::inference
