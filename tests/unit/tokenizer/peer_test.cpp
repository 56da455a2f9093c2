// Text by text against Hugging Face tokenizers and tiktoken, run by Python; without them skipped.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "support/shared.h"

namespace superpose::tokenizer {
namespace {

constexpr int kSkipped = 77;

// Exit code of a script of this folder.
int run_python(const std::string& script, const std::string& arguments,
               const std::string& program = TOKENIZER_ENCODE_MAIN) {
  const std::string configured = SUPERPOSE_PYTHON;  // empty in builds without libtorch
  const std::string python =
      configured.empty() ? SUPERPOSE_SOURCE_DIR "/.venv/bin/python" : configured;
  const std::string command = python + " -B " SUPERPOSE_SOURCE_DIR "/tests/unit/tokenizer/" +
                              script + " " + program + " " + arguments;
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Peer, EveryComponentOfTheFormat) {
  const int code = run_python("variants_with_tokenizers.py", "");
  if (code == kSkipped) GTEST_SKIP() << "skipped: tokenizers is absent";
  EXPECT_EQ(code, 0);
}

// Generated split expressions, against Oniguruma itself.
TEST(Peer, EveryConstructOfExpressions) {
  const int code = run_python("expressions_with_tokenizers.py", "", TOKENIZER_SPLIT_MAIN);
  if (code == kSkipped) GTEST_SKIP() << "skipped: tokenizers is absent";
  EXPECT_EQ(code, 0);
}

// The first 2 MB of each corpus, and hostile text; by hand with 10 (50 s of CPU time).
TEST(Peer, EveryDocumentOfBothCorpora) {
  if (!test::has_shared("data/tokenizers")) GTEST_SKIP() << test::missing_shared("data/tokenizers");
  std::string arguments = test::shared_path("").string() + " 10";  // MB of each corpus
  for (const char* name :
       {"gpt2-tokenizer.json", "olmo-dolma1_5-neox-tokenizer.json", "qwen3-tokenizer.json.zst"}) {
    arguments += " " + test::shared_path("data/tokenizers").append(name).string();
  }
  const int code = run_python("compare_with_tokenizers.py", arguments);
  if (code == kSkipped) GTEST_SKIP() << "skipped: tokenizers is absent";
  EXPECT_EQ(code, 0);
}

// Also documents that are not UTF-8, and the special tokens and expressions of rank files.
TEST(Peer, Tiktoken) {
  const bool has_files = test::has_shared("data/tokenizers");
  const int code = run_python("compare_with_tiktoken.py",
                              has_files ? test::shared_path("").string() : std::string());
  if (code == kSkipped) GTEST_SKIP() << "skipped: tiktoken or tokenizers is absent";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace superpose::tokenizer
