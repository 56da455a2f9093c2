#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "tokenizer/unicode.h"

namespace superpose::tokenizer {

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::vector<std::size_t> order(tokens_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
    return tokens_[a].content < tokens_[b].content;
  });
  for (const AddedToken& token : tokens_)
    starts_[static_cast<unsigned char>(token.content[0])] = true;
  if (std::count(starts_.begin(), starts_.end(), true) == 1) {
    only_start_ =
        static_cast<int>(std::find(starts_.begin(), starts_.end(), true) - starts_.begin());
  }
  nodes_.emplace_back();
  // Breadth first: a node's children are added in one go.
  struct Range {
    std::size_t node;
    std::span<const std::size_t> order;
    std::size_t depth;
  };
  std::vector<Range> ranges = {{0, order, 0}};
  for (std::size_t done = 0; done < ranges.size(); ++done) {
    auto [node, rest, depth] = ranges[done];
    if (!rest.empty() && tokens_[rest[0]].content.size() == depth) {
      nodes_[node].token = static_cast<std::int32_t>(rest[0]);
      rest = rest.subspan(1);
    }
    nodes_[node].first_child = static_cast<std::uint32_t>(nodes_.size());
    while (!rest.empty()) {
      const char byte = tokens_[rest[0]].content[depth];
      std::size_t count = 1;
      while (count < rest.size() && tokens_[rest[count]].content[depth] == byte) ++count;
      ranges.push_back({nodes_.size(), rest.first(count), depth + 1});
      nodes_.push_back({.byte = static_cast<std::uint8_t>(byte)});
      ++nodes_[node].num_children;
      rest = rest.subspan(count);
    }
  }
}

const AddedTokens::Node* AddedTokens::child(const Node& node, unsigned char byte) const {
  const Node* first = nodes_.data() + node.first_child;
  const Node* last = first + node.num_children;
  const Node* found = std::lower_bound(
      first, last, byte, [](const Node& candidate, unsigned char b) { return candidate.byte < b; });
  return found != last && found->byte == byte ? found : nullptr;
}

std::optional<AddedTokens::Found> AddedTokens::next(std::string_view text, std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (only_start_ >= 0) {
      const void* place = std::memchr(text.data() + begin, only_start_, text.size() - begin);
      if (place == nullptr) return {};
      begin = static_cast<std::size_t>(static_cast<const char*>(place) - text.data());
    } else if (!starts_[static_cast<unsigned char>(text[begin])]) {
      continue;
    }
    std::optional<Found> longest;
    const Node* node = nodes_.data();
    for (std::size_t at = begin; at < text.size(); ++at) {
      node = child(*node, static_cast<unsigned char>(text[at]));
      if (node == nullptr) break;
      if (node->token >= 0) longest = Found{begin, at + 1, static_cast<std::size_t>(node->token)};
    }
    if (longest) return longest;
  }
  return {};
}

std::optional<AddedTokens::Match> AddedTokens::stripped(std::string_view text, const Found& found,
                                                        std::size_t taken, Spaces& spaces) const {
  const std::uint8_t* classes = code_point_classes();
  const AddedToken& token = tokens_[found.token];
  Match match{found.begin, found.end, token.id};
  if (token.single_word) {
    const bool word_before =
        match.begin > 0 && (classes[code_point_before(text, match.begin).value] & kWord) != 0;
    const bool word_behind = match.end < text.size() &&
                             (classes[code_point_at(text.data() + match.end).value] & kWord) != 0;
    if (word_before || word_behind) return {};
  }
  if (token.lstrip) {
    while (match.begin > taken) {
      const CodePoint c = code_point_before(text, match.begin);
      if ((classes[c.value] & kSpace) == 0) break;
      match.begin -= c.size;
    }
    match.begin = std::max(match.begin, taken);
  }
  if (token.rstrip) {
    const bool is_known = spaces.begin <= match.end && match.end <= spaces.end;
    if (!is_known) {
      spaces = {match.end, match.end};
      while (spaces.end < text.size()) {
        const CodePoint c = code_point_at(text.data() + spaces.end);
        if ((classes[c.value] & kSpace) == 0) break;
        spaces.end += c.size;
      }
    }
    match.end = spaces.end;
  }
  // Nothing left: the token before has taken it along.
  if (match.begin >= match.end) return {};
  return match;
}

}  // namespace superpose::tokenizer
