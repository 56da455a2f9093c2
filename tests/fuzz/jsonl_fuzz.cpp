#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "corpus/readers/json_documents.h"
#include "corpus/readers/json_taming.h"
#include "fuzz/memory_stream.h"
#include "fuzz/targets.h"
#include "util/error.h"

namespace superpose::fuzz {
namespace {

std::vector<std::string> read(std::string_view input, const corpus::ReadOptions& options) {
  const auto reader =
      corpus::read_json_documents(std::make_unique<MemoryStream>(input), "input", options);
  std::vector<std::string> documents;
  std::string text;
  try {
    while (reader->next(text)) documents.push_back(text);
    expect(reader->bytes_read() == std::ssize(input));
  } catch (const util::Error&) {
  }
  return documents;
}

}  // namespace

void jsonl(std::string_view input) {
  const char* const field = input.size() % 2 == 0 ? "text" : "meta.text";
  const auto strict = read(input, {.text_field = field});
  const auto skipped =
      read(input, {.text_field = field, .on_bad_record = corpus::BadRecord::kSkip});
  // Both agree up to the first bad record.
  expect(strict.size() <= skipped.size());
  expect(std::equal(strict.begin(), strict.end(), skipped.begin()));
  // What is tamed keeps its length and has nothing more to tame.
  std::string tamed(input);
  corpus::tame_json(tamed, "fffd");
  expect(tamed.size() == input.size());
  std::string again = tamed;
  corpus::tame_json(again, "fffd");
  expect(again == tamed);
}

}  // namespace superpose::fuzz
