// Splits texts by expressions for a test in another language:
//
//   split_main < CASES > RESULTS
//
//   CASES    JSON lines {"regex" or "string": text, "behavior": number of SplitBehavior,
//            "invert": bool, "texts": [...]}
//   RESULTS  a JSON line for each: {"pieces": [[text, ...], ...]}, or {"error": text}
#include <iostream>
#include <string>

#include "tokenizer/pre_tokenizer.h"
#include "util/error.h"
#include "util/json.h"

namespace {

using superpose::tokenizer::PreTokenizer;
using superpose::tokenizer::PreTokenizerStep;
using superpose::tokenizer::SplitBehavior;
using superpose::util::Json;

Json answer(const Json& question) {
  const bool is_regex = question.contains("regex");
  const PreTokenizerStep step{
      .kind = is_regex ? PreTokenizerStep::Kind::kSplitRegex : PreTokenizerStep::Kind::kSplitText,
      .pattern = question.at(is_regex ? "regex" : "string").get<std::string>(),
      .behavior = static_cast<SplitBehavior>(question.at("behavior").get<int>()),
      .invert = question.at("invert").get<bool>()};
  Json result;
  try {
    const PreTokenizer pre_tokenizer({step}, "case");
    PreTokenizer::Scratch scratch;
    result["pieces"] = Json::array();
    for (const Json& text : question.at("texts")) {
      Json pieces = Json::array();
      pre_tokenizer.split(
          text.get_ref<const std::string&>(), scratch,
          [&](std::string_view word, const char*) { pieces.push_back(std::string(word)); });
      result["pieces"].push_back(std::move(pieces));
    }
  } catch (const superpose::util::Error& error) {
    return {{"error", error.what()}};
  }
  return result;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << answer(Json::parse(line)).dump() << '\n';
  }
  return std::cout.flush().good() ? 0 : 1;
}
