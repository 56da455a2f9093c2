#include "corpus/prepare/document_encoder.h"

#include <cstring>

namespace superpose::corpus {
namespace {

// What a document of usual size needs; more is given back.
constexpr std::size_t kKeptIds = std::size_t{1} << 22;

// Appends ids as Number; every id fits, because the type was chosen by the vocabulary.
template <class Number>
void put(const std::vector<std::int32_t>& ids, std::vector<std::byte>& out) {
  const std::size_t begin = out.size();
  out.resize(begin + ids.size() * sizeof(Number));
  std::byte* at = out.data() + begin;
  for (const std::int32_t id : ids) {
    const auto value = static_cast<Number>(id);
    std::memcpy(at, &value, sizeof value);
    at += sizeof value;
  }
}

}  // namespace

DocumentEncoder::DocumentEncoder(const tokenizer::Tokenizer& tokenizer,
                                 const EncodeOptions& options)
    : encoder_(tokenizer), options_(options) {}

void DocumentEncoder::encode(DocumentBatch& batch) {
  for (std::size_t i = 0; i < batch.documents.size(); ++i) {
    ids_.clear();
    encoder_.encode(batch.text_of(i), options_.special, ids_);
    ids_.push_back(options_.end_of_document);
    if (options_.type == TokenType::kU16) {
      put<std::uint16_t>(ids_, batch.tokens);
    } else {
      put<std::int32_t>(ids_, batch.tokens);
    }
    batch.documents[i].tokens_end = batch.tokens.size();
  }
  std::string().swap(batch.text);
  if (ids_.capacity() > kKeptIds) std::vector<std::int32_t>().swap(ids_);
}

}  // namespace superpose::corpus
