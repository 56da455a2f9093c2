#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "corpus/shards/token_shards.h"
#include "reader_support.h"
#include "support/temp_dir.h"
#include "util/files.h"
#include "util/json.h"

// Runs the examples of docs/formats/corpora.md.
namespace superpose::corpus {
namespace {

struct Blocks {
  std::string python;
  std::vector<std::string> examples;
};

Blocks read_blocks(const std::string& path) {
  Blocks blocks;
  std::istringstream lines(util::read_file(path));
  std::string kind;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      kind = line.substr(3);
    } else if (kind == "python") {
      blocks.python += line + "\n";
    } else if (kind == "examples") {
      blocks.examples.push_back(line);
    }
  }
  return blocks;
}

// "verb file [as tokens] key=value ... -> expected"; values may have \n.
struct Example {
  std::string verb;
  std::string file;
  bool as_tokens = false;
  std::map<std::string, std::string> options;
  std::string expected;
};

Example parse(const std::string& line) {
  Example example;
  const std::size_t arrow = line.find(" -> ");
  example.expected = line.substr(arrow + 4);
  std::istringstream words(line.substr(0, arrow));
  words >> example.verb >> example.file;
  example.as_tokens = example.verb == "tokens";
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == word.npos) {
      example.as_tokens = true;
      continue;
    }
    std::string value = word.substr(equals + 1);
    for (std::size_t at; (at = value.find("\\n")) != value.npos;) value.replace(at, 2, "\n");
    example.options[word.substr(0, equals)] = value;
  }
  return example;
}

std::string quoted_documents(const Example& example, const std::filesystem::path& path) {
  ReadOptions options;
  for (const auto& [key, value] : example.options) {
    if (key == "document_separator") options.document_separator = value;
    if (key == "text_field") options.text_field = value;
    if (key == "on_bad_record" && value == "skip") options.on_bad_record = BadRecord::kSkip;
  }
  std::string out;
  for (const std::string& document : test::read_documents(path, options)) {
    const std::string quoted = util::Json(document).dump(-1, ' ', /*ensure_ascii=*/true);
    out += (out.empty() ? "" : " ") + quoted;
  }
  return out;
}

std::string separated_tokens(const Example& example, const std::filesystem::path& path) {
  TokenFileOptions options;
  for (const auto& [key, value] : example.options) {
    if (key == "end_of_document") options.end_of_document = std::stoi(value);
    if (key != "format") continue;
    const auto* const name = std::find(kTokenFormatNames.begin(), kTokenFormatNames.end(), value);
    EXPECT_NE(name, kTokenFormatNames.end()) << value;
    options.format = static_cast<TokenFormat>(name - kTokenFormatNames.begin());
  }
  std::vector<TokenFile> files;
  files.push_back(open_token_file(path, options));
  const TokenShards shards(std::move(files), 100);
  std::string out;
  std::int64_t begin = 0;
  for (const std::int64_t end : shards.document_ends()) {
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(end - begin));
    shards.read(begin, tokens);
    if (begin > 0) out += " |";
    for (const std::int32_t token : tokens) out += " " + std::to_string(token);
    begin = end;
  }
  return out.substr(1);
}

TEST(CorporaDoc, ExamplesSayWhatHappens) {
  const Blocks blocks = read_blocks(SUPERPOSE_SOURCE_DIR "/docs/formats/corpora.md");
  ASSERT_GE(blocks.examples.size(), 20U);
  const test::TempDir dir;
  test::write_text(dir / "write.py", blocks.python);
  const std::string folder = dir.path().string();
  if (test::run_command(test::python() + " -c 'import numpy, pyarrow'") != 0) {
    GTEST_SKIP() << "skipped: NumPy or pyarrow is not installed";
  }
  ASSERT_EQ(test::run_command("cd " + folder + " && " + test::python() + " write.py"), 0);
  for (const std::string& line : blocks.examples) {
    SCOPED_TRACE(line);
    const Example example = parse(line);
    std::string got;
    const std::string error = test::error_of([&] {
      got = example.as_tokens ? separated_tokens(example, dir / example.file)
                              : quoted_documents(example, dir / example.file);
    });
    if (error.find("reads no Parquet") != error.npos) continue;
    if (example.verb == "fails") {
      EXPECT_THAT(error, ::testing::HasSubstr(example.expected));
    } else {
      EXPECT_EQ(error, "");
      EXPECT_EQ(got, example.expected);
    }
  }
}

}  // namespace
}  // namespace superpose::corpus
