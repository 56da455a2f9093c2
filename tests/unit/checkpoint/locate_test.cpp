// Which checkpoint a path names, and the link to the newest one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "contents.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"

namespace superpose::checkpoint {
namespace {

namespace fs = std::filesystem;
using test::names;
using testing::AllOf;
using testing::HasSubstr;

void touch(const fs::path& file) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << "x";
}

std::string refusal(const fs::path& path) {
  return test::error_of([&] { locate(path); });
}

TEST(Locate, CheckpointItselfOrTheNewestOfARun) {
  const test::TempDir dir;
  const fs::path run = dir / "run";
  const fs::path checkpoints = run / "checkpoints";
  save(checkpoints, 9, small_contents(9));
  save(checkpoints, 10, small_contents(10));
  EXPECT_EQ(locate(run), checkpoints / "step-00000010");
  EXPECT_EQ(locate(checkpoints), checkpoints / "step-00000010");
  EXPECT_EQ(locate(checkpoints / "step-00000009"), checkpoints / "step-00000009");
}

TEST(Locate, LinkIsFollowedToTheFoldersName) {
  const test::TempDir dir;
  save(dir.path(), 9, small_contents(9));
  ASSERT_EQ(link_latest(dir.path()), std::nullopt);
  EXPECT_EQ(locate(dir / "latest"), dir / "step-00000009");
  fs::create_directory_symlink(dir.path(), dir / "elsewhere");
  EXPECT_EQ(locate(dir / "elsewhere").filename(), "step-00000009");
}

TEST(Locate, UnfinishedSaveIsNotAForeignFolder) {
  const test::TempDir dir;
  const fs::path folder = save(dir.path(), 3, small_contents(3));
  fs::remove(folder / "trainer" / "manifest.json");
  EXPECT_EQ(locate(folder), folder);
  EXPECT_THAT(test::error_of([&] { open(locate(folder)); }),
              HasSubstr("trainer/manifest.json: missing"));
}

// Which one is the newest is not known: `train` does not start next to it either.
TEST(Locate, AnEntryOfOthersIsNotTheNewest) {
  const test::TempDir dir;
  const fs::path folder = save(dir / "checkpoints", 3, small_contents(3));
  fs::create_directories(dir / "checkpoints/step-00009999");
  for (const Wanted wanted : {Wanted::kCheckpoint, Wanted::kModel}) {
    EXPECT_THAT(test::error_of([&] { locate(dir.path(), wanted); }), HasSubstr("step-00009999"));
    EXPECT_EQ(locate(folder, wanted), folder);
  }
}

TEST(Locate, AsksForWhatTheCallerTakes) {
  const test::TempDir dir;
  touch(dir / "weights/model.safetensors");
  const auto error = [&](const char* name) {
    return test::error_of([&] { locate(dir / name, Wanted::kModel); });
  };
  EXPECT_THAT(error("nowhere"), AllOf(HasSubstr("nowhere"), HasSubstr("Hugging Face")));
  EXPECT_THAT(error("weights"), AllOf(HasSubstr("config.json"), testing::Not(HasSubstr("state"))));
}

TEST(Locate, CallsAForeignPathWhatItIs) {
  const test::TempDir dir;
  touch(dir / "file");
  touch(dir / "hf/config.json");
  touch(dir / "hf/model-00001-of-00002.safetensors");
  touch(dir / "hf/tokenizer.json");
  touch(dir / "old-hf/config.json");
  touch(dir / "old-hf/pytorch_model.bin");
  touch(dir / "config/config.json");
  touch(dir / "tokenizer/tokenizer.json");
  touch(dir / "comparison/experiment.json");
  touch(dir / "comparison/tst-seed-1/metrics.jsonl");
  touch(dir / "run/metrics.jsonl");
  fs::create_directories(dir / "run/checkpoints/step-00000005.tmp-7");
  touch(dir / "corpus/corpus.json");
  touch(dir / "corpus/tokenizer.json");
  fs::create_directories(dir / "empty");
  fs::create_symlink("gone", dir / "dangling");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"nowhere", "no such folder"},
      {"dangling", "link"},
      {"file", "a file"},
      {"hf", "Hugging Face"},
      {"old-hf", "weights"},
      {"config", "without weights"},
      {"tokenizer", "tokenizer's folder"},
      {"comparison", "comparison"},
      {"run", "run folder"},
      {"run/checkpoints", "without a checkpoint"},
      {"corpus", "prepared corpus"},
      {"empty", "without a checkpoint"}};
  for (const auto& [name, is] : cases) {
    EXPECT_THAT(refusal(dir / name), names((dir / name).string(), is));
  }
}

TEST(LatestLink, PointsToTheNewestWholeOneAndIsNoCheckpoint) {
  const test::TempDir dir;
  const auto target = [&] { return fs::read_symlink(dir / "latest").string(); };
  save(dir.path(), 5, small_contents(5));
  EXPECT_EQ(link_latest(dir.path()), std::nullopt);
  EXPECT_EQ(target(), "step-00000005") << "relative: the folder may be moved";
  save(dir.path(), 10, small_contents(10));
  EXPECT_EQ(link_latest(dir.path()), std::nullopt);
  EXPECT_EQ(target(), "step-00000010");
  EXPECT_NO_THROW(verify(dir / "latest"));
  EXPECT_THAT(list(dir.path()), testing::SizeIs(2));
  EXPECT_FALSE(fs::exists(fs::symlink_status(dir / "latest.tmp")));

  fs::resize_file(dir / "step-00000010/model.safetensors", 3);
  EXPECT_EQ(link_latest(dir.path()), std::nullopt);
  EXPECT_EQ(target(), "step-00000005") << "the newest is damaged";
  fs::remove_all(dir / "step-00000005");
  fs::remove_all(dir / "step-00000010");
  EXPECT_EQ(link_latest(dir.path()), std::nullopt);
  EXPECT_FALSE(fs::is_symlink(dir / "latest")) << "nothing left to point to";
}

TEST(LatestLink, KilledWriterLeavesNothingInTheWay) {
  const test::TempDir dir;
  save(dir.path(), 5, small_contents(5));
  fs::create_symlink("step-00000004", dir / "latest.tmp");
  EXPECT_EQ(link_latest(dir.path()), std::nullopt);
  EXPECT_EQ(fs::read_symlink(dir / "latest"), "step-00000005");
}

TEST(LatestLink, SomethingElseOfThatNameIsLeftAlone) {
  const test::TempDir dir;
  save(dir.path(), 5, small_contents(5));
  touch(dir / "latest");
  EXPECT_THAT(link_latest(dir.path()).value_or(""), names("latest", "link"));
  EXPECT_TRUE(fs::is_regular_file(dir / "latest"));
}

TEST(Weights, HashIsTheFilesOwnOrThatOfAllShards) {
  const test::TempDir dir;
  const auto hash_of = [&](std::int64_t step, std::int64_t value, std::uint64_t max_shard_bytes) {
    Contents contents = small_contents(value);
    contents.model.push_back({"lm_head.weight", at::arange(200, at::kFloat)});
    contents.max_shard_bytes = max_shard_bytes;
    return open(save(dir.path(), step, contents)).weights_hash;
  };
  EXPECT_EQ(hash_of(1, 7, kMaxShardBytes), hash_of(2, 7, kMaxShardBytes));
  EXPECT_NE(hash_of(3, 8, kMaxShardBytes), hash_of(1, 7, kMaxShardBytes));
  ASSERT_TRUE(fs::exists(save(dir.path(), 4, small_contents(1)) / "model.safetensors"));
  EXPECT_EQ(hash_of(5, 7, 600), hash_of(6, 7, 600));
  EXPECT_NE(hash_of(5, 7, 600), hash_of(6, 8, 600));
  EXPECT_TRUE(fs::exists(dir / "step-00000006/model.safetensors.index.json"));
}

}  // namespace
}  // namespace superpose::checkpoint
