// How a corpus is prepared: threads, interruptions, what is left out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <limits>
#include <map>
#include <sstream>
#include <thread>
#include <utility>

#include "corpus/corpus.h"
#include "corpus/prepare/prepare_console.h"
#include "corpus_support.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::names;
using test::write_text;
using ::testing::HasSubstr;

// A document of about `size` bytes that is unlike the others.
std::string text_of(int i, int size) {
  std::string text;
  for (int word = 0; std::ssize(text) < size; ++word) {
    text += "word" + std::to_string((std::int64_t{i} * 7919 + std::int64_t{word} * 104729) % 9973) +
            ' ';
  }
  return text;
}

// Every file of a folder.
std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    files[entry.path().filename().string()] = util::read_file(entry.path());
  }
  return files;
}

class Preparation : public ::testing::Test {
 protected:
  void SetUp() override {
    // JSON lines of short documents with copies, one text file of many, one huge document.
    std::string lines;
    for (int i = 0; i < 600; ++i) {
      lines += "{\"text\": \"" + text_of(i % 500, 200 + i % 500 % 90) + "\"}\n";
    }
    write_text(dir_ / "in/a.jsonl", lines);
    std::string parts;
    for (int i = 0; i < 300; ++i) parts += text_of(1000 + i, 500) + "\n--\n";
    write_text(dir_ / "in/b.txt", parts);
    write_text(dir_ / "in/c.txt", text_of(3000, 300'000));
    for (int i = 0; i < 40; ++i) {
      write_text(dir_ / ("in/d" + std::to_string(i) + ".txt"), text_of(4000 + i, 900));
    }
    config_.sources = {(dir_ / "in").string()};
    config_.document_separator = "\n--\n";
    config_.validation_share = 0.03;
    config_.deduplicate = true;
    config_.shard_tokens = 50'000;
    config_.threads = 2;
  }

  DataConfig in_cache(const std::string& name) const {
    DataConfig config = config_;
    config.cache_dir = (dir_ / name).string();
    return config;
  }

  // Prepares in a process that ends with SIGKILL at call `at` of the callback; whether it came so
  // far.
  static bool killed_at(const DataConfig& config, int at) {
    const pid_t child = ::fork();
    if (child == 0) {
      int calls = 0;
      const auto callback = [&](const PrepareProgress& progress) {
        if (progress.note.empty() && ++calls == at) ::raise(SIGKILL);
      };
      prepare_corpus(config, callback, {.journal_bytes = kJournalBytes});
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    const bool was_killed = WIFSIGNALED(status);
    EXPECT_TRUE(was_killed || WEXITSTATUS(status) == 0);
    return was_killed;
  }

  static constexpr std::int64_t kJournalBytes = 20'000;
  test::TempDir dir_;
  DataConfig config_;
};

TEST_F(Preparation, AnyNumberOfThreadsGivesTheSameFiles) {
  config_.threads = 1;
  const PreparedCorpus one = prepare_corpus(in_cache("one"));
  const auto expected = files_of(one.folder);
  EXPECT_GT(expected.size(), 20U);  // several shards
  for (const int threads : {2, 3, 7}) {
    config_.threads = threads;
    const PreparedCorpus other = prepare_corpus(in_cache("threads" + std::to_string(threads)));
    EXPECT_EQ(other.folder.filename(), one.folder.filename());
    EXPECT_EQ(files_of(other.folder), expected) << threads;
  }
}

TEST_F(Preparation, KilledAnywhereGivesTheSameFiles) {
  const auto expected = files_of(prepare_corpus(in_cache("whole")).folder);
  for (const int at : {1, 2, 3, 4, 20, 44}) {
    const DataConfig config = in_cache("killed" + std::to_string(at));
    ASSERT_TRUE(killed_at(config, at));
    std::vector<std::string> notes;
    PrepareProgress first;
    const PreparedCorpus corpus = prepare_corpus(config, [&](const PrepareProgress& progress) {
      if (!progress.note.empty()) {
        notes.emplace_back(progress.note);
      } else if (first.num_sources == 0) {
        first = progress;
      }
    });
    EXPECT_EQ(files_of(corpus.folder), expected) << at;
    EXPECT_EQ(std::distance(fs::directory_iterator(config.cache_dir), {}), 1) << at;
    if (at > 2) {
      ASSERT_EQ(notes.size(), 1U);
      EXPECT_THAT(notes[0], names("interrupted"));
      EXPECT_GT(first.documents, 0) << at;
    }
  }
}

// Killed from outside, whatever it is at, again and again until it comes to its end.
TEST_F(Preparation, KilledAgainAndAgainGivesTheSameFiles) {
  const auto expected = files_of(prepare_corpus(in_cache("whole")).folder);
  const DataConfig config = in_cache("killed");
  int kills = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const pid_t child = ::fork();
    if (child == 0) {
      prepare_corpus(config, {}, {.journal_bytes = kJournalBytes});
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(3000 + 1700 * (trial % 23)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status)) {
      ASSERT_EQ(WEXITSTATUS(status), 0);
      break;
    }
    ++kills;
  }
  EXPECT_GT(kills, 0);
  EXPECT_EQ(files_of(prepare_corpus(config).folder), expected);
}

TEST_F(Preparation, AnErrorLaterOnKeepsWhatIsDone) {
  const DataConfig config = in_cache("cache");
  struct Interruption {};
  const auto interrupt = [](const PrepareProgress& progress) {
    if (progress.sources_done == 2) throw Interruption();
  };
  EXPECT_THROW(prepare_corpus(config, interrupt, {.journal_bytes = kJournalBytes}), Interruption);
  const fs::path partial = fs::directory_iterator(config.cache_dir)->path();
  EXPECT_EQ(partial.extension(), ".partial");
  EXPECT_TRUE(fs::exists(partial / "journal.json"));
  EXPECT_FALSE(prepare_corpus(config).was_cached);
  EXPECT_FALSE(fs::exists(partial));
}

// Ctrl-C as soon as anything is shown.
class InterruptingBuffer : public std::stringbuf {
 protected:
  int sync() override {
    if (!std::exchange(has_interrupted_, true)) ::raise(SIGINT);
    return 0;
  }

 private:
  bool has_interrupted_ = false;
};

TEST_F(Preparation, ASignalEndsItAndTheSameCallContinues) {
  const DataConfig config = in_cache("cache");
  InterruptingBuffer buffer;
  std::ostream screen(&buffer);
  const auto stopped = [&] { prepare_shown(config, {}, {.stream = &screen}); };
  EXPECT_THROW(stopped(), PreparationStopped);
  std::vector<std::string> notes;
  const PreparedCorpus corpus = prepare_corpus(config, [&](const PrepareProgress& progress) {
    if (!progress.note.empty()) notes.emplace_back(progress.note);
  });
  EXPECT_THAT(notes, ::testing::ElementsAre(names("interrupted")));
  EXPECT_EQ(files_of(corpus.folder), files_of(prepare_corpus(in_cache("whole")).folder));
}

TEST_F(Preparation, ChangedSourcesStartAnewAndSaySo) {
  const DataConfig config = in_cache("cache");
  ASSERT_TRUE(killed_at(config, 5));
  write_text(dir_ / "in/d3.txt", "another text");
  std::vector<std::string> notes;
  const auto listen = [&](const PrepareProgress& progress) {
    if (!progress.note.empty()) notes.emplace_back(progress.note);
  };
  prepare_corpus(config, listen);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_THAT(notes[0], names("removed", "sources changed"));
  EXPECT_EQ(std::distance(fs::directory_iterator(config.cache_dir), {}), 1);
}

TEST_F(Preparation, ChangedSettingsStartAnewAndSaySo) {
  DataConfig config = in_cache("cache");
  ASSERT_TRUE(killed_at(config, 5));
  config.min_document_bytes = 300;
  std::vector<std::string> notes;
  const auto listen = [&](const PrepareProgress& progress) {
    if (!progress.note.empty()) notes.emplace_back(progress.note);
  };
  prepare_corpus(config, listen);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_THAT(notes[0], names("other settings"));
}

// Both wait for one lock; the second finds the work done.
TEST_F(Preparation, TwoProcessesPrepareOnce) {
  const DataConfig config = in_cache("cache");
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) {
    children.push_back(::fork());
    if (children.back() == 0) {
      const PreparedCorpus corpus = prepare_corpus(config, {}, {.journal_bytes = kJournalBytes});
      ::_exit(corpus.train->num_tokens() > 0 ? 0 : 1);
    }
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(config.cache_dir), {}), 1);
  EXPECT_EQ(files_of(prepare_corpus(config).folder),
            files_of(prepare_corpus(in_cache("other")).folder));
}

TEST_F(Preparation, DamagedJournalIsRefusedByName) {
  const DataConfig config = in_cache("cache");
  ASSERT_TRUE(killed_at(config, 5));
  const fs::path partial = fs::directory_iterator(config.cache_dir)->path().extension() == ".lock"
                               ? std::next(fs::directory_iterator(config.cache_dir))->path()
                               : fs::directory_iterator(config.cache_dir)->path();
  write_text(partial / "journal.json", "{");
  EXPECT_THAT(error_of([&] { prepare_corpus(config); }), HasSubstr("journal.json"));
}

// A number that no process has.
const std::string kDead = std::to_string(std::numeric_limits<pid_t>::max());

TEST_F(Preparation, FilesOfOthersInTheCacheFolderStay) {
  const DataConfig config = in_cache("cache");
  for (const char* name : {"notes.old-", "data.tmp-"}) {
    write_text(fs::path(config.cache_dir) / (name + kDead) / "inside", "mine");
  }
  write_text(fs::path(config.cache_dir) / "corpus-notes.partial" / "inside", "mine");
  prepare_corpus(config);
  for (const std::string& name :
       {"notes.old-" + kDead, "data.tmp-" + kDead, std::string("corpus-notes.partial")}) {
    EXPECT_EQ(util::read_file(fs::path(config.cache_dir) / name / "inside"), "mine") << name;
  }
}

TEST_F(Preparation, WhatIsInTheWayOfACorpusIsRefusedByNameAndStays) {
  const DataConfig config = in_cache("cache");
  const fs::path final_path = prepare_corpus(config).folder;
  fs::remove_all(final_path);
  const std::string base = final_path.string();
  for (const std::string& path : {base, base + "/corpus.json", base + ".lock", base + ".partial",
                                  base + ".partial/inside", base + ".partial/train/inside"}) {
    write_text(path, "mine");
    EXPECT_THAT(error_of([&] { prepare_corpus(config); }), HasSubstr(base)) << path;
    EXPECT_EQ(util::read_file(path), "mine") << path;
    for (const char* ending : {"", ".lock", ".partial"}) fs::remove_all(base + ending);
  }
  prepare_corpus(config);
}

TEST_F(Preparation, SecondCopiesAreLeftOutAndCounted) {
  const PreparedCorpus corpus = prepare_corpus(in_cache("with"));
  const SourceRecord& lines = corpus.sources[0];
  EXPECT_EQ(lines.name, "a.jsonl");
  EXPECT_EQ(lines.counts.documents, 500);
  EXPECT_EQ(lines.counts.duplicates, 100);
  config_.deduplicate = false;
  const PreparedCorpus without = prepare_corpus(in_cache("without"));
  EXPECT_EQ(without.sources[0].counts.documents, 600);
  EXPECT_EQ(without.sources[0].counts.duplicates, 0);
}

TEST_F(Preparation, ShorterAndLongerDocumentsAreLeftOutAndCounted) {
  config_.min_document_bytes = 250;
  config_.max_document_bytes = 10'000;
  config_.deduplicate = false;
  const PreparedCorpus corpus = prepare_corpus(in_cache("cache"));
  std::int64_t shorter = 0;
  for (int i = 0; i < 600; ++i)
    shorter += std::ssize(text_of(i % 500, 200 + i % 500 % 90)) < 250 ? 1 : 0;
  EXPECT_EQ(corpus.sources[0].counts.filtered, shorter);
  EXPECT_EQ(corpus.sources[0].counts.documents, 600 - shorter);
  EXPECT_EQ(corpus.sources[2].counts.filtered, 1);
  EXPECT_EQ(corpus.sources[2].counts.documents, 0);
}

TEST_F(Preparation, BadRecordsAreAnErrorOrCounted) {
  write_text(dir_ / "in/e.jsonl",
             "{\"text\": \"good\"}\n{\"other\": 1}\nnot JSON\n{\"text\": \"\"}\n");
  EXPECT_THAT(error_of([&] { prepare_corpus(in_cache("cache")); }), HasSubstr("e.jsonl:2"));
  config_.on_bad_record = BadRecord::kSkip;
  const PreparedCorpus corpus = prepare_corpus(in_cache("cache"));
  EXPECT_EQ(corpus.sources.back().counts.bad_records, 2);
  EXPECT_EQ(corpus.sources.back().counts.empty, 1);
  EXPECT_EQ(corpus.sources.back().counts.documents, 1);
}

TEST_F(Preparation, InvalidUtf8IsKeptReplacedSkippedOrAnError) {
  write_text(dir_ / "in/e.txt", "good\n--\nbad \xFF here\n--\nalso good");
  const auto bytes_with = [&](InvalidUtf8 choice) {
    config_.on_invalid_utf8 = choice;
    const SourceRecord record = prepare_corpus(in_cache("cache")).sources.back();
    EXPECT_EQ(record.counts.invalid_utf8, 1);
    EXPECT_EQ(record.counts.documents, choice == InvalidUtf8::kSkip ? 2 : 3);
    return record.counts.text_bytes;
  };
  EXPECT_EQ(bytes_with(InvalidUtf8::kKeep), 4 + 10 + 9);
  EXPECT_EQ(bytes_with(InvalidUtf8::kReplace), 4 + 12 + 9);
  EXPECT_EQ(bytes_with(InvalidUtf8::kSkip), 4 + 9);
  config_.on_invalid_utf8 = InvalidUtf8::kError;
  EXPECT_THAT(error_of([&] { prepare_corpus(in_cache("cache")); }),
              names("e.txt", "document 2", "UTF-8", "byte 4", "data.on_invalid_utf8"));
}

TEST_F(Preparation, CountsOfSourcesAddUpAndVerify) {
  const PreparedCorpus corpus = prepare_corpus(in_cache("cache"));
  DocumentCounts all;
  for (const SourceRecord& source : corpus.sources) all += source.counts;
  EXPECT_EQ(all.documents, corpus.train_stats.documents + corpus.validation_stats.documents);
  EXPECT_EQ(all.text_bytes, corpus.train_stats.bytes + corpus.validation_stats.bytes);
  EXPECT_EQ(all.tokens, corpus.train_stats.tokens + corpus.validation_stats.tokens);
  const VerifyReport report = verify_corpus(corpus.folder);
  EXPECT_EQ(report.sources, 43);
  write_text(corpus.folder / "train.contents",
             std::string(static_cast<std::size_t>(corpus.train_stats.documents) * 8, 'x'));
  EXPECT_THAT(error_of([&] { verify_corpus(corpus.folder); }), HasSubstr("train.contents"));
}

}  // namespace
}  // namespace superpose::corpus
