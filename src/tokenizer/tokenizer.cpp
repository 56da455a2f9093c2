#include "tokenizer/tokenizer.h"

#include "tokenizer/parts.h"
#include "util/error.h"

namespace superpose::tokenizer {

Tokenizer::Tokenizer(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::from_json(std::string_view json, const std::string& name) {
  return Tokenizer(std::make_unique<const Parts>(json, name, parse_description(json, name)));
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids) const {
  std::string text;
  for (const std::int32_t id : ids) {
    const auto place = static_cast<std::size_t>(id);
    util::require(id >= 0 && place < parts_->known.size() && parts_->known[place],
                  "tokenizer: the vocabulary has no id ", id);
    text += parts_->texts[place];
  }
  return text;
}

std::int64_t Tokenizer::vocabulary_size() const {
  return static_cast<std::int64_t>(parts_->texts.size());
}

std::optional<std::int32_t> Tokenizer::find(std::string_view token) const {
  for (const Parts::Ids* ids : {&parts_->others, &parts_->vocabulary}) {
    const auto found = ids->find(token);
    if (found != ids->end()) return found->second;
  }
  return {};
}

std::span<const std::int32_t> Tokenizer::bytes_per_id() const { return parts_->bytes_per_id; }

const Framing& Tokenizer::framing() const { return parts_->framing; }

bool Tokenizer::puts_space_in_front() const { return parts_->puts_space_in_front; }

const std::string& Tokenizer::json() const { return parts_->json; }

std::uint64_t Tokenizer::hash() const { return parts_->hash; }

}  // namespace superpose::tokenizer
