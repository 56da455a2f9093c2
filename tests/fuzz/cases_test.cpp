#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "fuzz/targets.h"
#include "util/files.h"

namespace superpose::fuzz {
namespace {

// Every case in corpus/<name>: seeds, and what the fuzzer found once.
void replay(const std::string& name, void (*target)(std::string_view)) {
  int num_cases = 0;
  const std::filesystem::path folder = SUPERPOSE_SOURCE_DIR "/tests/fuzz/corpus/" + name;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().string());
    target(util::read_file(entry.path()));
    ++num_cases;
  }
  EXPECT_GT(num_cases, 0);
}

TEST(FuzzCases, Jsonl) { replay("jsonl", jsonl); }
TEST(FuzzCases, MegatronIdx) { replay("megatron_idx", megatron_idx); }
TEST(FuzzCases, Safetensors) { replay("safetensors", safetensors); }
TEST(FuzzCases, ScoreRequests) { replay("score_requests", score_requests); }
TEST(FuzzCases, TaskToml) { replay("task_toml", task_toml); }
TEST(FuzzCases, Text) { replay("text", text); }
TEST(FuzzCases, Tiktoken) { replay("tiktoken", tiktoken); }
TEST(FuzzCases, TokenFile) { replay("token_file", token_file); }
TEST(FuzzCases, TokenizerJson) { replay("tokenizer_json", tokenizer_json); }

}  // namespace
}  // namespace superpose::fuzz
