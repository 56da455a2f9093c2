// Tokenizer and corpus agree: ids of the corpus are decoded, and encoding that text gives them
// again. Token files of another tokenizer do not come back, whatever its size.
#include <algorithm>
#include <map>
#include <optional>

#include "corpus/corpus.h"
#include "corpus/inspection.h"
#include "doctor/checks.h"
#include "doctor/subject.h"
#include "tokenizer/tokenizer.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

constexpr std::int64_t kDocuments = 64;           // that are looked at, spread over the corpus
constexpr std::size_t kLongestDocument = 20'000;  // tokens of a document
constexpr double kAgreement = 0.98;               // of the ids, at the ends of cuts a few differ
// Tokens per byte above which hardly any merge applies: of a tokenizer of 512 ids or more, and of
// one with few merges. One of 264 ids or fewer has none worth the name.
constexpr double kMostTokens = 0.8, kMostTokensOfFew = 0.95;
constexpr std::int64_t kFewMerges = 512, kNoMerges = 264;

// How many ids occur in both, repeats counted.
std::int64_t count_shared(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
  std::map<std::int32_t, std::int64_t> counts;
  for (const std::int32_t id : a) ++counts[id];
  return std::count_if(b.begin(), b.end(), [&](std::int32_t id) { return counts[id]-- > 0; });
}

struct Agreement {
  std::int64_t shared = 0, all = 0;
  std::int64_t text_bytes = 0, tokens = 0;
  double share() const {
    return all == 0 ? 1 : static_cast<double>(shared) / static_cast<double>(all);
  }
};

void compare_document(std::vector<std::int32_t> ids, const corpus::PreparedCorpus& corpus,
                      const tokenizer::Tokenizer& tokenizer, Agreement& agreement) {
  // Programs put what ends a document before it, behind it, or both.
  const auto end = static_cast<std::int32_t>(corpus.tokenizer.end_of_document);
  if (!ids.empty() && ids.back() == end) ids.pop_back();
  if (!ids.empty() && ids.front() == end) ids.erase(ids.begin());
  if (ids.size() > kLongestDocument) ids.resize(kLongestDocument);
  const std::string text = tokenizer.decode(ids);
  std::int64_t best = 0, longest = std::ssize(ids);
  for (const auto special : {tokenizer::SpecialText::kAsText, tokenizer::SpecialText::kRecognise}) {
    std::vector<std::int32_t> again;
    tokenizer.encode(text, special, again);
    const std::int64_t shared = count_shared(ids, again);
    if (shared < best) continue;
    best = shared;
    longest = std::max(std::ssize(ids), std::ssize(again));
  }
  agreement.shared += best;
  agreement.all += longest;
  agreement.text_bytes += std::ssize(text);
  agreement.tokens += std::ssize(ids);
}

Agreement compare(const corpus::PreparedCorpus& corpus, const tokenizer::Tokenizer& tokenizer) {
  Agreement agreement;
  const std::int64_t documents = corpus.train->num_documents();
  const std::int64_t step = std::max<std::int64_t>(1, documents / kDocuments);
  for (std::int64_t document = 0; document < documents; document += step) {
    compare_document(corpus::document_at(*corpus.train, document), corpus, tokenizer, agreement);
  }
  return agreement;
}

// The finding on one source; `who` begins it.
Outcome judge(const std::string& who, const Agreement& agreement, std::int64_t vocabulary) {
  const std::string percent = util::fixed(100 * agreement.share(), 1) + " %";
  if (agreement.share() < kAgreement) {
    return {Status::kFailed,
            who + "encoding the decoded text gives only " + percent +
                " of its ids again: another tokenizer made them",
            "name the tokenizer that made these ids in data.tokenizer, or prepare the text again"};
  }
  const double rate = agreement.text_bytes == 0 ? 0
                                                : static_cast<double>(agreement.tokens) /
                                                      static_cast<double>(agreement.text_bytes);
  const std::string found = who + percent +
                            " of the ids come back when the text is encoded again; " +
                            util::fixed(rate, 2) + " tokens per byte";
  const double most = vocabulary < kFewMerges ? kMostTokensOfFew : kMostTokens;
  if (vocabulary > kNoMerges && rate > most) {
    return {Status::kFailed,
            found + ": hardly any of its " + util::with_commas(vocabulary) +
                " ids stands for more than a byte of this text",
            "name the tokenizer that made these ids in data.tokenizer, or train one on this text: "
            "superpose tokenizer train --out DIR --vocab-size N FILES"};
  }
  return {.found = found};
}

}  // namespace

Outcome check_tokenizer(Subject& subject) {
  Outcome all;
  for (const data::PreparedSource& source : subject.setup->sources) {
    const corpus::PreparedCorpus& corpus = source.corpus;
    const std::string who = source.name.empty() ? "" : source.name + ": ";
    if (corpus.tokenizer.tokenizer_json.empty()) {
      return {Status::kNotTried, who + "token files without a tokenizer",
              "name theirs in data.tokenizer, and checkpoints hold it"};
    }
    const auto tokenizer = tokenizer::Tokenizer::from_json(
        corpus.tokenizer.tokenizer_json, (corpus.folder / "tokenizer.json").string());
    const Outcome one = judge(who, compare(corpus, tokenizer), tokenizer.vocabulary_size());
    if (one.status != Status::kPassed) return one;
    all.found += (all.found.empty() ? "" : "; ") + one.found;
  }
  return all;
}

}  // namespace superpose::doctor
