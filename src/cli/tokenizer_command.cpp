#include <charconv>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "corpus/readers/json_text_field.h"
#include "tokenizer/load.h"
#include "util/error.h"
#include "util/json.h"
#include "util/text.h"
#include "util/utf8.h"

namespace superpose::cli {
namespace {

using util::Json;
using Ids = std::vector<std::int32_t>;

// Calls row(text, "standard input, line N") for each line.
template <class Row>
void for_each_line(const Row& row) {
  std::size_t number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    if (number == 0) line.erase(0, line.size() - util::without_byte_order_mark(line).size());
    row(line, "standard input, line " + std::to_string(++number));
  }
  util::require(std::cin.eof(), "standard input: cannot be read");
}

std::string all_of_standard_input() {
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  util::require(!std::cin.bad(), "standard input: cannot be read");
  return text;
}

std::string joined(const Ids& ids, std::string_view separator) {
  std::string text;
  for (const std::int32_t id : ids) {
    if (!text.empty()) text += separator;
    text += std::to_string(id);
  }
  return text;
}

Ids ids_of_row(const std::string& line, const std::string& where) {
  const Json row = util::parse_json(line, where);
  util::require(row.is_array(), where, ": expected a list of ids, got ", util::shortened(line));
  Ids ids;
  for (const Json& item : row) {
    // Out of 32 bits is out of every vocabulary.
    const bool is_id = item.is_number_integer() && item >= 0 && item <= 0x7FFFFFFF;
    util::require(is_id, where, ": expected an id, got ", util::shown(item));
    ids.push_back(item.get<std::int32_t>());
  }
  return ids;
}

Ids ids_of_text(const std::string& text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  Ids ids;
  for (std::size_t begin = text.find_first_not_of(kSpaces); begin != text.npos;
       begin = text.find_first_not_of(kSpaces, begin)) {
    const std::size_t end = std::min(text.find_first_of(kSpaces, begin), text.size());
    std::int32_t id = -1;
    const auto result = std::from_chars(text.data() + begin, text.data() + end, id);
    util::require(result.ec == std::errc{} && result.ptr == text.data() + end && id >= 0,
                  "standard input: expected an id, got ", text.substr(begin, end - begin));
    ids.push_back(id);
    begin = end;
  }
  return ids;
}

}  // namespace

int tokenizer_encode_command(const TokenizerTextOptions& options) {
  const tokenizer::Tokenizer loaded = tokenizer::open_tokenizer(options.tokenizer);
  tokenizer::Encoder encoder(loaded);
  const auto special = options.special_as_text ? tokenizer::SpecialText::kAsText
                                               : tokenizer::SpecialText::kRecognise;
  Ids ids;
  if (options.json_lines) {
    corpus::JsonTextField field("text");
    std::string text;
    for_each_line([&](std::string& line, const std::string& where) {
      const std::optional<std::string> problem = field.extract(line, text);
      util::require(!problem, where, ": ", problem.value_or(""));
      ids.clear();
      encoder.encode(text, special, ids);
      std::cout << '[' << joined(ids, ", ") << "]\n";
    });
  } else {
    encoder.encode(all_of_standard_input(), special, ids);
    std::cout << joined(ids, " ") << '\n';
  }
  return kDone;
}

int tokenizer_decode_command(const TokenizerTextOptions& options) {
  const tokenizer::Tokenizer loaded = tokenizer::open_tokenizer(options.tokenizer);
  if (options.json_lines) {
    for_each_line([&](const std::string& line, const std::string& where) {
      const Ids ids = ids_of_row(line, where);
      try {
        // JSON holds UTF-8 only: other bytes become U+FFFD, as in `tokenizers`.
        const Json row = {{"text", loaded.decode(ids)}};
        std::cout << row.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
      } catch (const util::Error& error) {
        util::fail(where, ": ", error.what());
      }
    });
  } else {
    std::cout << loaded.decode(ids_of_text(all_of_standard_input()));
  }
  return kDone;
}

}  // namespace superpose::cli
