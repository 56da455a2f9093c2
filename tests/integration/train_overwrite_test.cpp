// A run replaces what it wrote itself, and nothing of the user's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "config/config.h"
#include "metrics/reader.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/tiny_corpus_test.h"
#include "util/files.h"
#include "util/output_folder.h"

namespace superpose::test {
namespace {

namespace fs = std::filesystem;
using test::names;
using ::testing::AllOf;
using ::testing::HasSubstr;

void put(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

// Every file below a folder.
std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[entry.path().string()] = util::read_file(entry.path());
  }
  return files;
}

class TrainOverwrite : public TinyCorpusTest {
 protected:
  static void SetUpTestSuite() {
    TinyCorpusTest::SetUpTestSuite();
    run_alone(config("undisturbed"));
  }
  static std::vector<double> expected_losses() { return losses_of(config("undisturbed").run.dir); }

  static std::string refusal(const train::RunSpec& spec) {
    return test::error_of([&] { run_alone(spec); });
  }

  // Refused with `what` before anything is written or prepared; --overwrite runs it to its end, and
  // from then on it needs no flag.
  static void expect_refused(train::RunSpec spec, const std::string& what) {
    const fs::path run = spec.config.run.dir;
    const std::string cache = spec.config.data.cache_dir;
    spec.config.data.cache_dir =
        (run.parent_path() / (run.filename().string() + "-cache")).string();
    const auto before = files_of(run);
    const std::string error = refusal(spec);
    EXPECT_THAT(error, AllOf(HasSubstr(what), HasSubstr("--overwrite")));
    EXPECT_EQ(error.find('\n'), std::string::npos);
    EXPECT_EQ(files_of(run), before);
    EXPECT_FALSE(fs::exists(spec.config.data.cache_dir));
    spec.config.data.cache_dir = cache;
    spec.overwrite = util::Overwrite::kAny;
    EXPECT_EQ(run_alone(spec).status, train::RunStatus::kFinished);
    spec.overwrite = util::Overwrite::kOwn;
    EXPECT_EQ(run_alone(spec).steps_done_now, 0);
    EXPECT_EQ(losses_of(run), expected_losses());
  }

  static fs::path stopped_at(const train::RunConfig& config, std::int64_t step) {
    train::RunSpec spec = make_spec(config);
    spec.stop_after_step = step;
    run_alone(spec);
    return config.run.dir;
  }

  // As a kill before the first checkpoint leaves it.
  static fs::path without_checkpoints(const train::RunConfig& config) {
    const fs::path run = stopped_at(config, 4);
    fs::remove_all(run / "checkpoints");
    std::istringstream lines(util::read_file(run / "metrics.jsonl"));
    std::string kept;
    for (std::string line; std::getline(lines, line);) {
      if (line.find("\"event\":\"checkpoint\"") == std::string::npos) kept += line + "\n";
    }
    put(run / "metrics.jsonl", kept + "{\"kind\":\"st");
    return run;
  }

  // As the versions before markers left it.
  static fs::path from_before(const train::RunConfig& config) {
    const fs::path run = stopped_at(config, 12);
    fs::remove(run / util::kMarkerName);
    return run;
  }
};

TEST_F(TrainOverwrite, TheUsersFilesAreRefused) {
  for (const char* name : {"recipe.toml", "metrics.jsonl", util::kMarkerName}) {
    const train::RunConfig config = TinyCorpusTest::config(std::string("users-") + name);
    put(fs::path(config.run.dir) / name, "# mine\n[run]\ndir = \".\"\n");
    expect_refused(make_spec(config), name);
  }
}

TEST_F(TrainOverwrite, AnEditedRecipeIsTheUsers) {
  const train::RunConfig config = TinyCorpusTest::config("edited");
  const fs::path run = stopped_at(config, 12);
  put(run / "recipe.toml", util::read_file(run / "recipe.toml") + "# mine\n");
  expect_refused(make_spec(config), "recipe.toml");
}

TEST_F(TrainOverwrite, RecordsWithoutTheirCheckpointsAreRefused) {
  const train::RunConfig config = TinyCorpusTest::config("checkpoints-gone");
  const fs::path run = stopped_at(config, 12);
  fs::remove_all(run / "checkpoints");
  expect_refused(make_spec(config), "run.dir");
}

TEST_F(TrainOverwrite, RecordsOfAnotherRecipeAreRefused) {
  const train::RunConfig config = TinyCorpusTest::config("other-recipe");
  train::RunConfig other = config;
  other.optim.learning_rate *= 2;
  without_checkpoints(other);
  expect_refused(make_spec(config), "another recipe");
}

TEST_F(TrainOverwrite, ARunThatEndedBeforeItsFirstCheckpointBeginsAgain) {
  const train::RunConfig config = TinyCorpusTest::config("no-checkpoint-yet");
  without_checkpoints(config);
  EXPECT_EQ(run_alone(config).steps_done_now, 20);
  EXPECT_EQ(losses_of(config.run.dir), expected_losses());
}

// A kill within the very first write.
TEST_F(TrainOverwrite, AHeaderCutOffAnywhereIsNotTheUsers) {
  const train::RunConfig config = TinyCorpusTest::config("torn");
  const fs::path file = without_checkpoints(config) / "metrics.jsonl";
  const std::string text = util::read_file(file);
  const std::size_t header = text.find('\n');
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{9}, header / 2, header}) {
    put(file, text.substr(0, size));
    train::check_run_folder(make_spec(config));
  }
  for (const char* foreign : {"x", "{\"kind\":\"step\"", "\n", "{\"loss\": 1}\n"}) {
    put(file, foreign);
    EXPECT_THAT(refusal(make_spec(config)), HasSubstr("metrics.jsonl")) << foreign;
  }
}

TEST_F(TrainOverwrite, RunsFromBeforeMarkersResume) {
  const train::RunConfig config = TinyCorpusTest::config("before");
  const fs::path run = from_before(config);
  train::RunConfig changed = config;
  changed.log.every = 2;  // as an operational key may
  EXPECT_EQ(run_alone(changed).steps_done_now, 8);
  EXPECT_EQ(fingerprint_of(checkpoint_of(config, 20)),
            fingerprint_of(checkpoint_of(TinyCorpusTest::config("undisturbed"), 20)));

  const train::RunConfig unrecorded = TinyCorpusTest::config("before-unrecorded");
  fs::remove(from_before(unrecorded) / "metrics.jsonl");
  EXPECT_EQ(run_alone(unrecorded).steps_done_now, 8);
}

TEST_F(TrainOverwrite, TheUsersRecipeInARunFromBeforeMarkersIsRefused) {
  const train::RunConfig config = TinyCorpusTest::config("before-with-recipe");
  const fs::path run = from_before(config);
  for (const std::string& text : {std::string("[run]\ndir = \".\"\n"), config::describe(config)}) {
    put(run / "recipe.toml", text);
    EXPECT_THAT(refusal(make_spec(config)), HasSubstr("recipe.toml"));
    EXPECT_EQ(util::read_file(run / "recipe.toml"), text);
  }
}

TEST_F(TrainOverwrite, FoldersInPlaceOfFilesAndFilesInPlaceOfFoldersStay) {
  for (const char* name : {"recipe.toml", "metrics.jsonl"}) {
    train::RunSpec spec = make_spec(TinyCorpusTest::config(std::string("folder-") + name));
    put(fs::path(spec.config.run.dir) / name / "inside", "mine");
    for (const util::Overwrite overwrite : {util::Overwrite::kOwn, util::Overwrite::kAny}) {
      spec.overwrite = overwrite;
      EXPECT_THAT(refusal(spec), HasSubstr(name));
    }
    EXPECT_EQ(util::read_file(fs::path(spec.config.run.dir) / name / "inside"), "mine");
  }
  train::RunSpec spec = make_spec(TinyCorpusTest::config("file-checkpoints"));
  put(fs::path(spec.config.run.dir) / "checkpoints", "mine");
  EXPECT_THAT(refusal(spec), names("checkpoints", "not", "folder"));
}

TEST_F(TrainOverwrite, ALinkIsReplacedAndNotWhatItLeadsTo) {
  const train::RunConfig config = TinyCorpusTest::config("links");
  const fs::path run = config.run.dir;
  for (const char* name : {"recipe.toml", "metrics.jsonl"}) {
    put(run / "target", "mine");
    for (const char* target : {"target", "nowhere"}) {
      fs::remove_all(run / "checkpoints");
      fs::remove(run / "metrics.jsonl");
      fs::remove(run / name);
      fs::create_symlink(target, run / name);
      expect_refused(make_spec(config), name);
      EXPECT_FALSE(fs::is_symlink(run / name));
      EXPECT_EQ(util::read_file(run / "target"), "mine");
      EXPECT_FALSE(fs::exists(run / "nowhere"));
    }
  }
}

// Whoever moves the records to another disk continues there.
TEST_F(TrainOverwrite, RecordsBehindALinkAreAppendedTo) {
  const train::RunConfig config = TinyCorpusTest::config("moved-records");
  const fs::path run = stopped_at(config, 10);
  fs::rename(run / "metrics.jsonl", run / "moved");
  fs::create_symlink("nowhere", run / "metrics.jsonl");
  EXPECT_THAT(refusal(make_spec(config)), HasSubstr("metrics.jsonl"));
  fs::remove(run / "metrics.jsonl");
  fs::create_symlink("moved", run / "metrics.jsonl");
  run_alone(config);
  EXPECT_EQ(losses_of(run), expected_losses());
}

TEST_F(TrainOverwrite, AFolderThatIsNoCheckpointIsRefused) {
  const train::RunConfig config = TinyCorpusTest::config("foreign-checkpoint");
  const fs::path foreign = stopped_at(config, 10) / "checkpoints" / "step-00000015" / "weights";
  put(foreign, "mine");
  EXPECT_THAT(refusal(make_spec(config)), HasSubstr("step-00000015"));
  EXPECT_EQ(util::read_file(foreign), "mine");
  fs::remove_all(foreign.parent_path());
  EXPECT_EQ(run_alone(config).steps_done_now, 10);
}

}  // namespace
}  // namespace superpose::test
