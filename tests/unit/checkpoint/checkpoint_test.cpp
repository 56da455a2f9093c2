#include "checkpoint/checkpoint.h"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "contents.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/error.h"
#include "util/files.h"
#include "write_file.h"

namespace superpose::checkpoint {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string error_of(const fs::path& folder, Check check = Check::kHashes) {
  return test::error_of([&] { open(folder, check); });
}

void change_byte(const fs::path& file, std::size_t at) {
  std::string content = util::read_file(file);
  content[at] = static_cast<char>(content[at] ^ 1);
  write_file(file, content);
}

class CheckpointTest : public testing::Test {
 protected:
  const fs::path& dir() const { return dir_.path(); }
  fs::path save_step(std::int64_t step) const { return save(dir(), step, small_contents(step)); }
  std::vector<std::string> names() const { return names_in(dir()); }

  // The newest good one's name, and "name: why" of those passed over.
  std::string latest(Check check = Check::kHashes) {
    refused_.clear();
    const auto path = latest_valid(
        dir(),
        [&](const fs::path& folder, const std::string& why) {
          refused_.push_back(folder.filename().string() + ": " + why);
        },
        check);
    return path.has_value() ? path->filename().string() : "none";
  }

  std::vector<std::string> refused_;

 private:
  const test::TempDir dir_;
};

TEST_F(CheckpointTest, IsAFolderOfKnownFiles) {
  const fs::path folder = save_step(1234);
  EXPECT_EQ(folder, dir() / "step-00001234");
  EXPECT_THAT(names(), ElementsAre("step-00001234"));
  EXPECT_THAT(names_in(folder),
              ElementsAre("config.json", "generation_config.json", "model.safetensors",
                          "tokenizer.json", "tokenizer_config.json", "trainer"));
  EXPECT_THAT(names_in(folder / "trainer"),
              ElementsAre("manifest.json", "optimizer.safetensors", "state.json"));
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  EXPECT_GE(estimate_bytes(small_contents(1234)), bytes);
}

TEST_F(CheckpointTest, ComesBackAsItWas) {
  const Contents contents = small_contents(7);
  const Loaded loaded = open(save_step(7));
  EXPECT_EQ(loaded.step, 7);
  EXPECT_EQ(loaded.state, contents.state);
  EXPECT_EQ(loaded.config, contents.config);
  EXPECT_TRUE(loaded.model.tensor("model.embed_tokens.weight").equal(contents.model[0].tensor));
  const at::Tensor average = at::zeros({128});
  loaded.optimizer.copy_to("exp_avg", "model.embed_tokens.weight", 0, average);
  EXPECT_TRUE(average.equal(contents.optimizer[0].values));
  EXPECT_EQ(util::read_file(loaded.path / "tokenizer.json"), contents.tokenizer_json);
}

TEST_F(CheckpointTest, MayBeSharded) {
  Contents contents = small_contents(7);
  contents.model.push_back({"lm_head.weight", at::zeros({16, 8})});
  contents.max_shard_bytes = 600;
  const Loaded loaded = open(save(dir(), 7, contents));
  EXPECT_TRUE(fs::exists(loaded.path / "model-00002-of-00002.safetensors"));
  EXPECT_TRUE(loaded.model.tensor("lm_head.weight").equal(at::zeros({16, 8})));
  // A stray single file would be what transformers reads.
  write_file(loaded.path / "model.safetensors", "x");
  EXPECT_THAT(error_of(loaded.path), test::names("model.safetensors", "not in"));
}

TEST_F(CheckpointTest, EveryAlteredFileIsRefusedByName) {
  const fs::path folder = save_step(5);
  for (const char* name :
       {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
        "tokenizer_config.json", "trainer/optimizer.safetensors", "trainer/state.json"}) {
    const std::string good = util::read_file(folder / name);
    change_byte(folder / name, good.size() - 1);
    EXPECT_THAT(error_of(folder), test::names(folder.string(), name, "altered", "xxh3"));
    write_file(folder / name, good.substr(0, good.size() - 1));
    for (const Check check : {Check::kSizes, Check::kHashes}) {
      EXPECT_THAT(error_of(folder, check), HasSubstr(std::string(name) + ": expected"));
    }
    write_file(folder / name, good);
    EXPECT_EQ(error_of(folder), "");
    fs::remove(folder / name);
    EXPECT_THAT(error_of(folder, Check::kSizes), test::names(name, "No such file or directory"));
    write_file(folder / name, good);
  }
  EXPECT_EQ(error_of(folder), "");
}

TEST_F(CheckpointTest, TheCheapCheckSeesSizesAlone) {
  const fs::path folder = save_step(5);
  change_byte(folder / "model.safetensors", fs::file_size(folder / "model.safetensors") - 1);
  EXPECT_NO_THROW(verify(folder, Check::kSizes));
  EXPECT_THROW(verify(folder, Check::kHashes), util::Error);
}

TEST_F(CheckpointTest, NoChangeOfTheManifestGoesUnseen) {
  const fs::path folder = save_step(5);
  const fs::path manifest = folder / "trainer/manifest.json";
  const std::string good = util::read_file(manifest);
  for (std::size_t length = 0; length + 1 < good.size(); ++length) {
    write_file(manifest, good.substr(0, length));
    EXPECT_THAT(error_of(folder, Check::kSizes), HasSubstr("manifest.json: not")) << length;
  }
  for (std::size_t i = 0; i + 1 < good.size(); ++i) {
    if (good[i] == ' ' || good[i] == '\n') continue;  // between tokens: still the same manifest
    std::string damaged = good;
    damaged[i] = damaged[i] == '7' ? '8' : '7';
    write_file(manifest, damaged);
    EXPECT_NE(error_of(folder, Check::kSizes), "") << i;
  }
  fs::remove(manifest);
  EXPECT_THAT(error_of(folder), test::names("trainer/manifest.json", "missing"));
}

TEST_F(CheckpointTest, RefusesSchemasOfOtherTimes) {
  const fs::path folder = save_step(5);
  std::string text = util::read_file(folder / "trainer/manifest.json");
  text.replace(text.find("\"schema\": 1"), 11, "\"schema\": 2");
  write_file(folder / "trainer/manifest.json", text);
  EXPECT_THAT(error_of(folder), test::names("version 2", "1"));
}

TEST_F(CheckpointTest, TheLatestGoodOneIsFound) {
  EXPECT_EQ(latest(), "none");
  for (const std::int64_t step : {5, 90, 123456789, 10}) save_step(step);
  EXPECT_EQ(latest(), "step-123456789");
  EXPECT_THAT(refused_, IsEmpty());
  change_byte(dir() / "step-123456789/model.safetensors", 200);
  fs::remove(dir() / "step-00000090/trainer/manifest.json");
  EXPECT_EQ(latest(), "step-00000010");
  ASSERT_EQ(refused_.size(), 2U);
  EXPECT_THAT(refused_[0], testing::StartsWith("step-123456789: "));
  EXPECT_THAT(refused_[0], test::names("model.safetensors", "altered"));
  EXPECT_THAT(refused_[1], HasSubstr("step-00000090: trainer/manifest.json: missing"));
}

TEST_F(CheckpointTest, TheCheapSearchTakesWhatHasItsSizes) {
  save_step(5);
  save_step(6);
  change_byte(dir() / "step-00000006/model.safetensors", 200);
  EXPECT_EQ(latest(Check::kSizes), "step-00000006");
  EXPECT_EQ(latest(Check::kHashes), "step-00000005");
}

TEST_F(CheckpointTest, OtherNamesAreNoCheckpoints) {
  save_step(5);
  for (const char* name : {"step-6", "step-0000000x", "step-00000007.tmp-1", "step--0000008",
                           "other", "step-00000009 "}) {
    fs::create_directory(dir() / name);
  }
  write_file(dir() / "step-00000010", "a file");
  EXPECT_THAT(list(dir()), ElementsAre(dir() / "step-00000005"));
  EXPECT_THAT(list(dir() / "none"), IsEmpty());
}

TEST_F(CheckpointTest, AStepSavedAgainReplacesTheOldOne) {
  save_step(5);
  set_pinned(dir() / "step-00000005", true);
  Contents contents = small_contents(5);
  contents.state["note"] = "the second";
  const Loaded loaded = open(save(dir(), 5, contents));
  EXPECT_EQ(loaded.state["note"], "the second");
  EXPECT_TRUE(is_pinned(loaded.path));
  EXPECT_THAT(names(), ElementsAre("step-00000005"));
}

TEST_F(CheckpointTest, PruneKeepsTheNewest) {
  for (std::int64_t step = 1; step <= 5; ++step) save_step(step);
  EXPECT_THAT(prune(dir(), 2), ElementsAre(dir() / "step-00000003", dir() / "step-00000002",
                                           dir() / "step-00000001"));
  EXPECT_THAT(names(), ElementsAre("step-00000004", "step-00000005"));
  EXPECT_THAT(prune(dir(), 2), IsEmpty());
  EXPECT_THROW(prune(dir(), 0), util::Error);
}

TEST_F(CheckpointTest, PruneSparesThePinned) {
  for (std::int64_t step = 1; step <= 5; ++step) save_step(step);
  set_pinned(dir() / "step-00000002", true);
  set_pinned(dir() / "step-00000005", true);
  EXPECT_EQ(error_of(dir() / "step-00000002"), "");
  prune(dir(), 1);
  EXPECT_THAT(names(), ElementsAre("step-00000002", "step-00000004", "step-00000005"));
  set_pinned(dir() / "step-00000002", false);
  EXPECT_FALSE(is_pinned(dir() / "step-00000002"));
  set_pinned(dir() / "step-00000002", false);
  prune(dir(), 1);
  EXPECT_THAT(names(), ElementsAre("step-00000004", "step-00000005"));
}

TEST_F(CheckpointTest, PruneSparesWhatHoldsFilesOfOthers) {
  for (std::int64_t step = 1; step <= 3; ++step) save_step(step);
  write_file(dir() / "step-00000001" / "notes.txt", "mine");
  prune(dir(), 1);
  EXPECT_THAT(names(), ElementsAre("step-00000001", "step-00000003"));
  EXPECT_EQ(util::read_file(dir() / "step-00000001/notes.txt"), "mine");
}

// Were broken ones counted, the last good one could be pruned away.
TEST_F(CheckpointTest, PruneCountsWholeOnesOnly) {
  for (std::int64_t step = 1; step <= 4; ++step) save_step(step);
  fs::remove(dir() / "step-00000004/config.json");
  fs::remove(dir() / "step-00000001/config.json");
  prune(dir(), 1);
  EXPECT_THAT(names(), ElementsAre("step-00000003", "step-00000004"));
}

TEST_F(CheckpointTest, WhatOnlyHasTheNameOfACheckpointIsLeftAlone) {
  save_step(2);
  for (const char* name : {"step-00000001", "step-00000003"}) {
    fs::create_directory(dir() / name);
    write_file(dir() / name / "model.safetensors", "mine");
  }
  write_file(dir() / "step-00000004", "mine");
  EXPECT_THAT(find_foreign(dir()), ElementsAre("step-00000001", "step-00000003", "step-00000004"));
  for (const std::int64_t step : {3, 4}) {
    EXPECT_THAT(test::error_of([&] { save_step(step); }), HasSubstr("exists already"));
  }
  save_step(5);
  prune(dir(), 1);
  EXPECT_THAT(names(),
              ElementsAre("step-00000001", "step-00000003", "step-00000004", "step-00000005"));
  EXPECT_EQ(util::read_file(dir() / "step-00000003/model.safetensors"), "mine");
}

// A number that no process has: that of a child that was waited for.
pid_t dead_process() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  return pid;
}

TEST_F(CheckpointTest, WhatAKilledProcessLeftIsRemoved) {
  save_step(1);
  const std::string dead = std::to_string(dead_process());
  const std::string alive = std::to_string(::getppid());
  const std::string own = std::to_string(::getpid());
  fs::create_directories(dir() / ("step-00000002.tmp-" + dead) / "trainer");
  fs::create_directory(dir() / ("step-00000003.tmp-" + alive));
  fs::create_directory(dir() / ("step-00000004.tmp-" + own));
  fs::create_directory(dir() / ("other.tmp-" + dead));
  EXPECT_EQ(latest(), "step-00000001");
  save_step(5);
  EXPECT_THAT(names(), ElementsAre("other.tmp-" + dead, "step-00000001",
                                   "step-00000003.tmp-" + alive, "step-00000005"));
}

TEST_F(CheckpointTest, AReplacementKilledHalfwayLeavesTheOldOne) {
  save_step(1);
  fs::rename(dir() / "step-00000001",
             dir() / ("step-00000001.old-" + std::to_string(dead_process())));
  EXPECT_EQ(latest(), "none");
  EXPECT_THAT(remove_stale(dir()), IsEmpty());
  EXPECT_EQ(latest(), "step-00000001");
}

// Killed at any moment, a save leaves the earlier checkpoint good and itself whole or not there.
TEST_F(CheckpointTest, AKillDuringASaveHarmsNothing) {
  save_step(1);
  for (int delay_us = 0; delay_us < 4000; delay_us += 400) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      save_step(2);
      ::_exit(0);
    }
    ::usleep(static_cast<useconds_t>(delay_us));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    const std::string found = latest();
    EXPECT_TRUE(found == "step-00000001" || found == "step-00000002") << found;
    EXPECT_THAT(refused_, IsEmpty());
    fs::remove_all(dir() / "step-00000002");
  }
  remove_stale(dir());
  EXPECT_THAT(names(), ElementsAre("step-00000001"));
}

}  // namespace
}  // namespace superpose::checkpoint
