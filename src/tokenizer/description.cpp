#include "tokenizer/description.h"

#include <simdjson.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>

#include "tokenizer/bytes.h"
#include "tokenizer/patterns.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::tokenizer {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using util::fail;
using util::require;

// Tables are as long as the largest id: far above any vocabulary in use, far below what a slip of
// a digit would ask for.
constexpr std::int64_t kMaxId = (std::int64_t{1} << 24) - 1;

// Text shortened for a message.
std::string shown(std::string_view text) { return "\"" + util::shortened(text) + "\""; }

std::string shown(element value) {
  switch (value.type()) {
    case element_type::ARRAY:
      return "a list";
    case element_type::OBJECT:
      return "an object";
    case element_type::STRING:
      return shown(value.get_string().value_unsafe());
    default:
      return simdjson::minify(value);
  }
}

// A value of the file and where it stands: "tokenizer.json: model.vocab".
class Field {
 public:
  Field(element value, std::string where, std::string_view separator = ".")
      : value_(value), where_(std::move(where)), separator_(separator) {}

  const std::string& where() const { return where_; }
  element value() const { return value_; }

  // Member of an object; empty where there is none or it is null.
  std::optional<Field> find(std::string_view key) const {
    simdjson::dom::object object;
    expect(value_.get(object), "an object");
    element member;
    if (object.at_key(key).get(member) != simdjson::SUCCESS || member.is_null()) return {};
    return Field(member, where_ + separator_ + std::string(key));
  }
  Field at(std::string_view key) const {
    const std::optional<Field> found = find(key);
    require(found.has_value(), where_, ": \"", key, "\" is missing");
    return *found;
  }

  std::string_view text() const {
    std::string_view text;
    expect(value_.get(text), "a text");
    return text;
  }
  bool truth() const {
    bool truth = false;
    expect(value_.get(truth), "true or false");
    return truth;
  }
  std::int32_t id() const {
    std::int64_t id = -1;
    expect(value_.get(id), "an id");
    require(id >= 0 && id <= kMaxId, where_, ": an id must lie in [0, ", kMaxId, "], got ", id);
    return static_cast<std::int32_t>(id);
  }
  simdjson::dom::array list() const {
    simdjson::dom::array list;
    expect(value_.get(list), "a list");
    return list;
  }
  simdjson::dom::object object() const {
    simdjson::dom::object object;
    expect(value_.get(object), "an object");
    return object;
  }

  bool truth_or(std::string_view key, bool otherwise) const {
    const std::optional<Field> found = find(key);
    return found ? found->truth() : otherwise;
  }

  [[noreturn]] void not_supported(std::string_view what) const {
    fail(where_, ": ", what,
         " is not supported: only byte-level BPE is (docs/formats/tokenizers.md)");
  }

 private:
  void expect(simdjson::error_code error, std::string_view what) const {
    require(error == simdjson::SUCCESS, where_, ": expected ", what, ", got ", shown(value_));
  }

  element value_;
  std::string where_;
  std::string separator_;  // between `where` and a member's key
};

// Token text -> id; the texts live in the parsed document.
using IdsByText = std::unordered_map<std::string_view, std::int32_t>;

class Reader {
  using Kind = PreTokenizerStep::Kind;

 public:
  Reader(element root, const std::string& name) : root_(root, name, ": ") {}

  Description read() && {
    const std::optional<Field> version = root_.find("version");
    if (version && version->text() != "1.0") {
      fail(version->where(), ": must be \"1.0\", got ", shown(version->value()));
    }
    read_model(root_.at("model"));
    if (const auto field = root_.find("normalizer")) read_normalizer(*field);
    read_pre_tokenizer();
    if (const auto field = root_.find("post_processor")) read_post_processor(*field);
    if (const auto field = root_.find("decoder")) check_decoder(*field);
    if (const auto field = root_.find("added_tokens")) read_added_tokens(*field);
    return std::move(description_);
  }

 private:
  void read_model(const Field& model) {
    const std::optional<Field> type = model.find("type");
    if (type && type->text() != "BPE") type->not_supported(shown(type->value()));
    if (!type && !(model.find("vocab") && model.find("merges"))) {
      model.not_supported("a model without type, vocab and merges");
    }
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const std::optional<Field> field = model.find(key);
      if (field && !field->text().empty()) field->not_supported(shown(field->value()));
    }
    if (const auto dropout = model.find("dropout")) {
      double share = -1;
      const bool is_number = dropout->value().get(share) == simdjson::SUCCESS;
      if (!is_number || share != 0) dropout->not_supported("dropout");
    }
    if (model.truth_or("byte_fallback", false)) model.not_supported("byte_fallback");
    description_.ignore_merges = model.truth_or("ignore_merges", false);
    read_vocabulary(model.at("vocab"));
    read_merges(model.at("merges"));
    if (const auto unknown = model.find("unk_token")) check_unknown_token(*unknown);
  }

  void read_vocabulary(const Field& field) {
    const simdjson::dom::object object = field.object();
    require(object.size() > 0, field.where(), ": is empty");
    ids_.reserve(object.size());
    description_.vocabulary.reserve(object.size());
    for (const auto& [text, value] : object) {
      const std::int32_t id = Field(value, field.where() + " " + shown(text)).id();
      require(ids_.emplace(text, id).second, field.where(), ": the token ", shown(text),
              " is listed twice");
      description_.vocabulary.push_back({std::string(text), id});
    }
    auto& tokens = description_.vocabulary;
    std::sort(tokens.begin(), tokens.end(),
              [](const auto& a, const auto& b) { return a.id < b.id; });
    const auto twin = std::adjacent_find(tokens.begin(), tokens.end(),
                                         [](const auto& a, const auto& b) { return a.id == b.id; });
    if (twin != tokens.end()) {
      fail(field.where(), ": ", shown(twin->text), " and ", shown((twin + 1)->text),
           " have the same id ", twin->id);
    }
  }

  void read_merges(const Field& field) {
    std::string merged;
    std::size_t place = 0;
    for (const element item : field.list()) {
      ++place;
      std::string_view left;
      std::string_view right;
      std::string_view line;
      if (item.get(line) == simdjson::SUCCESS) {
        // A merges.txt that was taken over line by line begins with its version.
        if (line.starts_with("#version")) continue;
        const std::size_t space = line.find(' ');
        require(space != line.npos && line.find(' ', space + 1) == line.npos, field.where(), " ",
                place, ": expected two tokens and a space between them, got ", shown(line));
        left = line.substr(0, space);
        right = line.substr(space + 1);
      } else {
        simdjson::dom::array pair;
        const bool is_pair = item.get(pair) == simdjson::SUCCESS && pair.size() == 2 &&
                             pair.at(0).get(left) == simdjson::SUCCESS &&
                             pair.at(1).get(right) == simdjson::SUCCESS;
        require(is_pair, field.where(), " ", place, ": expected two tokens, got ", shown(item));
      }
      merged.assign(left).append(right);
      description_.merges.push_back({merge_id(field, place, left), merge_id(field, place, right),
                                     merge_id(field, place, merged)});
    }
  }

  std::int32_t merge_id(const Field& merges, std::size_t place, std::string_view token) const {
    const auto found = ids_.find(token);
    require(found != ids_.end(), merges.where(), " ", place, ": the token ", shown(token),
            " is not in the vocabulary");
    return found->second;
  }

  // Every character is a byte's; so a token for unknown ones has a use only where some are missing.
  void check_unknown_token(const Field& field) const {
    (void)field.text();
    for (const std::string& character : byte_level_alphabet()) {
      if (!ids_.contains(character)) {
        field.not_supported("a token for unknown bytes (the vocabulary lacks " + shown(character) +
                            ")");
      }
    }
  }

  void read_normalizer(const Field& field) {
    const std::string_view type = field.at("type").text();
    if (type == "NFC") {
      description_.nfc = true;
    } else if (type == "Sequence") {
      const Field inner = field.at("normalizers");
      for (const element item : inner.list()) read_normalizer(Field(item, inner.where()));
    } else {
      field.not_supported("the normalizer " + shown(type));
    }
  }

  void read_pre_tokenizer() {
    const std::optional<Field> field = root_.find("pre_tokenizer");
    if (!field) root_.not_supported("a file without a ByteLevel pre-tokenizer");
    read_steps(*field);
    if (!has_byte_level_) field->not_supported("a pre-tokenizer without ByteLevel");
  }

  void read_steps(const Field& field) {
    const std::string_view type = field.at("type").text();
    if (type == "Sequence") {
      const Field inner = field.at("pretokenizers");
      for (const element item : inner.list()) read_steps(Field(item, inner.where()));
      return;
    }
    // It would see the characters that stand for bytes.
    if (has_byte_level_) field.not_supported("a step after ByteLevel");
    if (type == "Split") {
      description_.steps.push_back(split(field));
    } else if (type == "Digits") {
      const bool individual = field.truth_or("individual_digits", false);
      description_.steps.push_back(
          {.kind = Kind::kSplitDigits,
           .behavior = individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous});
    } else if (type == "ByteLevel") {
      has_byte_level_ = true;
      if (field.truth_or("add_prefix_space", true)) {
        description_.steps.push_back({.kind = Kind::kPrefixSpace});
      }
      if (field.truth_or("use_regex", true)) {
        description_.steps.push_back(
            {.kind = Kind::kSplitRegex, .pattern = std::string(kGpt2Pattern)});
      }
    } else {
      field.not_supported("the pre-tokenizer " + shown(type));
    }
  }

  static PreTokenizerStep split(const Field& field) {
    PreTokenizerStep step;
    const Field pattern = field.at("pattern");
    if (const auto regex = pattern.find("Regex")) {
      step.kind = Kind::kSplitRegex;
      step.pattern = regex->text();
    } else {
      step.kind = Kind::kSplitText;
      step.pattern = pattern.at("String").text();
    }
    const Field behavior = field.at("behavior");
    const std::string_view word = behavior.text();
    if (word == "Removed") {
      step.behavior = SplitBehavior::kRemoved;
    } else if (word == "Isolated") {
      step.behavior = SplitBehavior::kIsolated;
    } else if (word == "MergedWithPrevious") {
      step.behavior = SplitBehavior::kMergedWithPrevious;
    } else if (word == "MergedWithNext") {
      step.behavior = SplitBehavior::kMergedWithNext;
    } else if (word == "Contiguous") {
      step.behavior = SplitBehavior::kContiguous;
    } else {
      behavior.not_supported(shown(word));
    }
    step.invert = field.truth_or("invert", false);
    return step;
  }

  // These put special tokens around a text, or mend offsets; neither is done here.
  void read_post_processor(const Field& field) {
    const std::string_view type = field.at("type").text();
    if (type == "Sequence") {
      const Field inner = field.at("processors");
      for (const element item : inner.list()) read_post_processor(Field(item, inner.where()));
    } else if (type == "TemplateProcessing") {
      read_template(field);
    } else if (type != "ByteLevel") {
      field.not_supported("the post-processor " + shown(type));
    }
  }

  // What it puts around a single text.
  void read_template(const Field& field) {
    std::vector<std::int32_t>* side = &description_.framing.before;
    const Field single = field.at("single");
    for (const element item : single.list()) {
      const Field piece(item, single.where());
      if (const auto token = piece.find("SpecialToken")) {
        const Field ids = field.at("special_tokens").at(token->at("id").text()).at("ids");
        for (const element id : ids.list()) side->push_back(Field(id, ids.where()).id());
      } else {
        (void)piece.at("Sequence");
        side = &description_.framing.after;
      }
    }
  }

  static void check_decoder(const Field& field) {
    const std::string_view type = field.at("type").text();
    if (type == "Sequence") {
      const Field inner = field.at("decoders");
      for (const element item : inner.list()) check_decoder(Field(item, inner.where()));
    } else if (type != "ByteLevel" && type != "Fuse") {
      field.not_supported("the decoder " + shown(type));
    }
  }

  // `tokenizers` does not take the ids from the file: a token of the vocabulary keeps its id there,
  // others are numbered from the size of the vocabulary on.
  void read_added_tokens(const Field& field) {
    auto next_id = static_cast<std::int32_t>(description_.vocabulary.size());
    std::unordered_map<std::string, std::size_t> places;
    for (const element item : field.list()) {
      AddedToken token = added_token(Field(item, field.where()));
      if (token.content.empty()) continue;
      const auto [known, is_new] = places.emplace(token.content, description_.added_tokens.size());
      if (!is_new) {
        AddedToken& before = description_.added_tokens[known->second];
        token.id = before.id;
        before = token;
        continue;
      }
      const auto in_vocabulary = ids_.find(token.content);
      if (in_vocabulary != ids_.end()) {
        token.id = in_vocabulary->second;
      } else {
        token.id = next_id++;
        require(!id_is_used(token.id), field.where(), ": ", shown(token.content),
                " would get the id ", token.id, ", which the vocabulary uses");
      }
      description_.added_tokens.push_back(std::move(token));
    }
  }

  bool id_is_used(std::int32_t id) const {
    const auto& tokens = description_.vocabulary;
    const auto found =
        std::lower_bound(tokens.begin(), tokens.end(), id,
                         [](const auto& token, std::int32_t other) { return token.id < other; });
    return found != tokens.end() && found->id == id;
  }

  static AddedToken added_token(const Field& field) {
    AddedToken token;
    (void)field.at("id").id();
    token.content = field.at("content").text();
    token.single_word = field.at("single_word").truth();
    token.lstrip = field.at("lstrip").truth();
    token.rstrip = field.at("rstrip").truth();
    token.normalized = field.at("normalized").truth();
    token.special = field.at("special").truth();
    return token;
  }

  Field root_;
  IdsByText ids_;
  bool has_byte_level_ = false;
  Description description_;
};

}  // namespace

Description parse_description(std::string_view json, const std::string& name) {
  simdjson::dom::parser parser;
  element root;
  const simdjson::error_code error = parser.parse(json.data(), json.size()).get(root);
  require(error == simdjson::SUCCESS, name, ": not valid JSON: ", simdjson::error_message(error));
  return Reader(root, name).read();
}

}  // namespace superpose::tokenizer
