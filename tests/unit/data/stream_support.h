// Token streams, and the order of their rows spelled out, for the tests of the order.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "../corpus/corpus_support.h"
#include "data/batch_source.h"
#include "superposition/windows.h"
#include "support/temp_dir.h"
#include "util/random.h"

namespace superpose::test {

struct StreamCase {
  std::vector<std::int64_t> document_lengths;
  std::int64_t block_tokens = 1;
  std::int64_t lanes = 1;
  bool document_aware = false;
  std::uint64_t seed = 11;
};

inline superposition::Phase make_phase(std::int64_t first, std::int64_t steps, std::int64_t bag,
                                       std::int64_t target) {
  return {.first_step = first,
          .num_steps = steps,
          .bags = {bag, target},
          .slot_weights = std::vector<double>(static_cast<std::size_t>(target),
                                              1.0 / static_cast<double>(target))};
}

// A stream over documents whose token i has id i.
class NumberedStream {
 public:
  explicit NumberedStream(const StreamCase& c)
      : stream(std::make_shared<data::TokenStream>(
            make_shards(dir_.path(), numbered_documents(c.document_lengths)),
            data::StreamOptions{c.seed, {c.lanes, c.block_tokens}, c.document_aware})) {}

 private:
  TempDir dir_;

 public:
  std::shared_ptr<const data::TokenStream> stream;
};

// The stream spelled out with nothing but the block permutation in common: each lane is a list of
// (token, does a piece begin here), grown epoch by epoch, and a cursor that walks over it.
class ReferenceReader {
 public:
  struct Window {
    std::vector<std::int64_t> ids;     // -1 = padding
    std::vector<std::int64_t> pieces;  // number of the piece of each id
  };

  explicit ReferenceReader(const StreamCase& c)
      : case_(c), lanes_(static_cast<std::size_t>(c.lanes)) {
    for (const std::int64_t length : c.document_lengths) {
      document_starts_.push_back(num_tokens_);
      num_tokens_ += length;
    }
  }

  bool document_aware() const { return case_.document_aware; }

  // Reads the window of the next row and moves its lane's cursor on.
  Window next(const superposition::WindowShape& shape) {
    Lane& lane = lanes_[static_cast<std::size_t>(next_row_++ % case_.lanes)];
    Window window;
    std::size_t at = lane.cursor;
    std::int64_t in_piece = 0;
    std::int64_t piece = 0;
    const auto multiple = case_.document_aware ? shape.bags.bag_size : 1;
    while (std::ssize(window.ids) < shape.length()) {
      if (std::ssize(window.ids) == shape.advance()) lane.cursor = at;
      while (at >= lane.tokens.size()) grow();
      const bool begins = at > lane.begin_of_window && lane.begins[at] && !window.ids.empty();
      if (case_.document_aware && begins && in_piece != 0) {
        if (in_piece % multiple != 0) {
          window.ids.push_back(-1);
          window.pieces.push_back(piece);
          ++in_piece;
          continue;
        }
        in_piece = 0;
        ++piece;
      }
      window.ids.push_back(lane.tokens[at]);
      window.pieces.push_back(piece);
      ++in_piece;
      ++at;
    }
    lane.begin_of_window = lane.cursor;
    return window;
  }

 private:
  struct Lane {
    std::vector<std::int64_t> tokens;
    std::vector<bool> begins;
    std::size_t cursor = 0;
    std::size_t begin_of_window = 0;
  };

  // Appends one more epoch to every lane.
  void grow() {
    const std::int64_t blocks = (num_tokens_ + case_.block_tokens - 1) / case_.block_tokens;
    const util::FeistelPermutation order(
        static_cast<std::uint64_t>(blocks),
        util::stream_key(case_.seed, "data.block_order", std::to_string(epochs_++)));
    std::vector<std::int64_t> tokens;
    for (std::int64_t slot = 0; slot < blocks; ++slot) {
      const std::int64_t begin =
          static_cast<std::int64_t>(order(static_cast<std::uint64_t>(slot))) * case_.block_tokens;
      for (std::int64_t t = begin; t < std::min(begin + case_.block_tokens, num_tokens_); ++t) {
        tokens.push_back(t);
      }
    }
    for (std::int64_t l = 0; l < case_.lanes; ++l) {
      Lane& lane = lanes_[static_cast<std::size_t>(l)];
      const std::int64_t begin = l * num_tokens_ / case_.lanes;
      for (std::int64_t i = begin; i < (l + 1) * num_tokens_ / case_.lanes; ++i) {
        const std::int64_t token = tokens[static_cast<std::size_t>(i)];
        lane.tokens.push_back(token);
        lane.begins.push_back(i == begin || token % case_.block_tokens == 0 ||
                              std::count(document_starts_.begin(), document_starts_.end(), token));
      }
    }
  }

  StreamCase case_;
  std::vector<Lane> lanes_;
  std::vector<std::int64_t> document_starts_;
  std::int64_t num_tokens_ = 0;
  std::int64_t epochs_ = 0;
  std::int64_t next_row_ = 0;
};

}  // namespace superpose::test
