// Added tokens in a text, found before the vocabulary and the merges see it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/description.h"

namespace superpose::tokenizer {

// Finds added tokens in a text: at each position, from left to right, the longest that begins
// there. Immutable.
class AddedTokens {
 public:
  struct Match {
    std::size_t begin;
    std::size_t end;
    std::int32_t id;
  };

  // `tokens` need not be in any order; contents must differ and not be empty.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }

  // The tokens of valid UTF-8 in order, with the white space that they take along; one that strips
  // may begin before the end of the one before it. Without `specials`, the special ones are passed
  // over, and so is what stands inside of them.
  template <class Visit>
  void find(std::string_view text, bool specials, const Visit& visit) const {
    std::size_t at = 0;
    std::size_t taken = 0;  // end of the last match
    Spaces spaces;
    while (const auto found = next(text, at)) {
      at = found->end;
      const AddedToken& token = tokens_[found->token];
      if (token.special && !specials) continue;
      const std::optional<Match> match = stripped(text, *found, taken, spaces);
      if (!match) continue;
      visit(*match);
      taken = match->end;
    }
  }

 private:
  struct Found {
    std::size_t begin;
    std::size_t end;
    std::size_t token;
  };
  // A node of the trie of contents; children of a node lie side by side, by byte.
  struct Node {
    std::uint32_t first_child = 0;
    std::uint16_t num_children = 0;
    std::uint8_t byte = 0;
    std::int32_t token = -1;  // that ends here
  };

  // White space that was walked over last: tokens of spaces would walk over it once each.
  struct Spaces {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  const Node* child(const Node& node, unsigned char byte) const;
  std::optional<Found> next(std::string_view text, std::size_t from) const;
  std::optional<Match> stripped(std::string_view text, const Found& found, std::size_t taken,
                                Spaces& spaces) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::array<bool, 256> starts_{};  // bytes that some token begins with
  int only_start_ = -1;             // that byte, where all begin with the same
};

}  // namespace superpose::tokenizer
