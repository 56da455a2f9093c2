#include "selftest/resume_check.h"

#include <signal.h>

#include <array>
#include <chrono>
#include <exception>
#include <filesystem>
#include <string_view>
#include <thread>

#include "checkpoint/checkpoint.h"
#include "util/error.h"
#include "util/file_names.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/process.h"
#include "util/random.h"

namespace superpose::selftest {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSteps = 240, kCheckpointEvery = 20;
// The switch is at step 72: one kill before it, one after.
constexpr std::array<std::int64_t, 2> kKilledAfter = {40, 120};

std::string made_up_text(std::uint64_t document) {
  constexpr std::array<std::string_view, 12> kWords = {
      "bag", "of", "tokens", "and", "the", "next", "one", "is", "read", "by", "a", "model"};
  const std::uint64_t key = util::stream_key(document, "selftest corpus");
  std::string text;
  for (std::uint64_t index = 0; index < 400; ++index) {
    text += kWords[util::random_bits(key, index) % kWords.size()];
    text += ' ';
  }
  return text;
}

void write_corpus_and_recipe(const fs::path& folder) {
  const auto write = [&](const char* name, std::uint64_t first, std::uint64_t count) {
    fs::create_directories(folder / name);
    for (std::uint64_t i = first; i < first + count; ++i) {
      util::write_file_atomic(folder / name / (std::to_string(i) + ".txt"), made_up_text(i));
    }
  };
  write("corpus", 0, 100);
  write("held-out", 100, 8);
  const auto quoted = [&](const char* name) { return '"' + (folder / name).string() + '"'; };
  util::write_file_atomic(
      folder / "recipe.toml",
      "[model]\nhidden_size = 64\nnum_layers = 2\nnum_heads = 2\nffn_size = 176\n"
      "[data]\nsources = [" +
          quoted("corpus") + "]\nvalidation = [" + quoted("held-out") +
          "]\ncache_dir = " + quoted("cache") +
          "\nlanes = 64\n"
          "[train]\nsteps = " +
          std::to_string(kSteps) +
          "\nbatch_positions = 1024\nsequence_length = 64\n"
          "[optim]\nwarmup_steps = 10\n"
          "[[phases]]\nbag_size = 4\nshare = 0.3\n"
          "[evaluation]\nevery = 100\nwindows = 16\n"
          "[checkpoint]\nkeep = 0\nevery = " +
          std::to_string(kCheckpointEvery) + "\n");
}

struct TrainRun {
  std::string program;
  std::string device;
  std::string isa;
  fs::path folder;
  std::string name;

  util::Process start() const {
    return util::Process({program, "train", folder / "recipe.toml", "--run.dir", folder / name,
                          "--train.device", device, "--isa", isa},
                         log());
  }
  // Throws with the last line that it wrote unless the process ends well.
  void expect_success(util::Process& process) const {
    if (process.wait() == 0) return;
    std::string text = util::read_file(log());
    while (text.ends_with('\n')) text.pop_back();
    util::fail("train failed: ", text.substr(text.find_last_of('\n') + 1));
  }
  fs::path checkpoint(std::int64_t step) const {
    return folder / name / util::kCheckpointsFolder / checkpoint::folder_name(step);
  }

 private:
  fs::path log() const { return folder / (name + ".log"); }
};

void run_to_the_end(const TrainRun& run) {
  util::Process process = run.start();
  run.expect_success(process);
}

void kill_at(const TrainRun& run, std::int64_t step) {
  constexpr std::chrono::minutes kPatience{3};
  const auto begin = std::chrono::steady_clock::now();
  util::Process process = run.start();
  while (!fs::exists(run.checkpoint(step))) {
    if (std::chrono::steady_clock::now() - begin > kPatience) {
      process.send(SIGKILL);
      process.wait();
      util::fail("no checkpoint of step ", step, " within ", kPatience.count(), " minutes");
    }
    if (process.has_ended()) {
      run.expect_success(process);
      util::fail("the run ended before it could be killed");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  process.send(SIGKILL);
  process.wait();
  util::require(!fs::exists(run.checkpoint(kSteps)), "the run ended before it could be killed");
}

double files_that_differ(const fs::path& a, const fs::path& b) {
  double differ = 0;
  for (const char* name : {"model.safetensors", "trainer/optimizer.safetensors"}) {
    if (util::hash_file(a / name) != util::hash_file(b / name)) ++differ;
  }
  return differ;
}

double run_both(const std::string& program, const std::string& device, const std::string& isa) {
  const util::TemporaryFolder folder("superpose-selftest");
  write_corpus_and_recipe(folder.path());
  const TrainRun undisturbed{program, device, isa, folder.path(), "undisturbed"};
  const TrainRun killed{program, device, isa, folder.path(), "killed"};
  run_to_the_end(undisturbed);
  for (const std::int64_t step : kKilledAfter) kill_at(killed, step);
  run_to_the_end(killed);
  return files_that_differ(undisturbed.checkpoint(kSteps), killed.checkpoint(kSteps));
}

}  // namespace

Check check_resume(const std::string& program, const std::string& device, const std::string& isa) {
  Check check{.name = "killed twice and resumed", .unit = "files that differ"};
  try {
    check.measured = run_both(program, device, isa);
  } catch (const std::exception& error) {
    check.failure = error.what();
  }
  return check;
}

}  // namespace superpose::selftest
