#include "selftest/resume_check.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <filesystem>
#include <string_view>
#include <thread>

#include "checkpoint/checkpoint.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/random.h"

namespace superpose::selftest {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSteps = 240, kCheckpointEvery = 20;
// The switch is at step 72: one kill before it, one after.
constexpr std::array<std::int64_t, 2> kKilledAfter = {40, 120};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "superpose-selftest-XXXXXX").string();
    util::require(::mkdtemp(name.data()) != nullptr, name, ": cannot make a temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

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

// The program in a process of its own.
class Run {
 public:
  Run(const std::string& program, const fs::path& folder, const std::string& name,
      const std::string& device)
      : log_(folder / (name + ".log")) {
    std::vector<std::string> words = {program,     "train",       folder / "recipe.toml",
                                      "--run.dir", folder / name, "--train.device",
                                      device};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log_.c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    const int error = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    util::require(error == 0, program, ": cannot be started");
  }
  ~Run() {
    if (pid_ > 0) kill();
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  bool has_ended() {
    if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
    return pid_ <= 0;
  }
  void kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
    pid_ = -1;
  }
  // Throws with the last line that it wrote unless it ended well.
  void expect_success() {
    if (pid_ > 0) ::waitpid(pid_, &status_, 0);
    pid_ = -1;
    if (WIFEXITED(status_) && WEXITSTATUS(status_) == 0) return;
    std::string text = util::read_file(log_);
    while (text.ends_with('\n')) text.pop_back();
    util::fail("train ended badly: ", text.substr(text.find_last_of('\n') + 1));
  }

 private:
  fs::path log_;
  pid_t pid_ = -1;
  int status_ = 0;
};

fs::path checkpoint_of(const fs::path& run, std::int64_t step) {
  return run / "checkpoints" / checkpoint::folder_name(step);
}

void kill_after(Run& run, const fs::path& checkpoint) {
  while (!fs::exists(checkpoint)) {
    if (run.has_ended()) {
      run.expect_success();
      util::fail("the run ended before it could be killed");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  run.kill();
  util::require(!fs::exists(checkpoint_of(checkpoint.parent_path().parent_path(), kSteps)),
                "the run ended before it could be killed");
}

double files_that_differ(const fs::path& a, const fs::path& b) {
  double differ = 0;
  for (const char* name : {"model.safetensors", "trainer/optimizer.safetensors"}) {
    if (util::hash_file(a / name) != util::hash_file(b / name)) ++differ;
  }
  return differ;
}

double run_both(const std::string& program, const std::string& device) {
  const TemporaryFolder folder;
  write_corpus_and_recipe(folder.path());
  Run(program, folder.path(), "undisturbed", device).expect_success();
  for (const std::int64_t step : kKilledAfter) {
    Run run(program, folder.path(), "killed", device);
    kill_after(run, checkpoint_of(folder.path() / "killed", step));
  }
  Run(program, folder.path(), "killed", device).expect_success();
  return files_that_differ(checkpoint_of(folder.path() / "undisturbed", kSteps),
                           checkpoint_of(folder.path() / "killed", kSteps));
}

}  // namespace

Check check_resume(const std::string& program, const std::string& device) {
  Check check{.name = "killed twice and resumed", .unit = "files that differ"};
  try {
    check.measured = run_both(program, device);
  } catch (const std::exception& error) {
    check.failure = error.what();
  }
  return check;
}

}  // namespace superpose::selftest
