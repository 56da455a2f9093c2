// A corpus in the order in which a run reads it, and the state of that order.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "corpus/shards/token_shards.h"
#include "data/epoch_order.h"
#include "superposition/windows.h"

namespace superpose::data {

// A range of rows of one shape and one set of weights that was read, or is to be read. A list of
// these, oldest first, is the whole state of a run's position in its data.
struct Consumption {
  superposition::WindowShape shape = {};
  std::int64_t rows = 0;  // over all ranks
  // A mixture alone: slots of each source in the pattern of rows (slot_pattern.h), and the numbers
  // of those sources that had reached their limit before.
  std::vector<std::int64_t> slots = {};
  std::vector<std::int64_t> used_up = {};

  bool operator==(const Consumption&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("bag_size", self.shape.bags.bag_size);
    v.required("target_size", self.shape.bags.target_size);
    v.required("sequence_length", self.shape.sequence_length);
    v.required("rows", self.rows);
    v.unless_empty("slots", self.slots);
    v.unless_empty("used_up", self.used_up);
  }
};

// Adds to the last range where all but the rows is the same, else appends; nothing for 0 rows.
void append_consumption(std::vector<Consumption>& history, const Consumption& next);

// Raw tokens that these ranges read.
std::int64_t raw_tokens_of(const std::vector<Consumption>& history);

// How the stream is cut; kept in the checkpoint, so that a resumed run does not choose again.
struct StreamLayout {
  std::int64_t lanes = 1;
  std::int64_t block_tokens = 1;

  bool operator==(const StreamLayout&) const = default;
};

// The layout for a corpus:
//
//   lanes         min(wanted_lanes, num_tokens / longest_window), as a lane must hold at least the
//                 longest window (a L + b tokens) of the run
//   block_tokens  wanted_block_tokens; for 0, min(65536, num_tokens / lanes): 64 Ki tokens keep
//                 whole source files and chapters together, and a block no longer than a lane keeps
//                 neighbouring lanes out of the same document
//
// Throws util::Error for an empty corpus or one shorter than the longest window.
StreamLayout choose_layout(std::int64_t num_tokens, std::int64_t longest_window,
                           std::int64_t wanted_lanes, std::int64_t wanted_block_tokens);

struct StreamOptions {
  std::uint64_t seed = 0;
  StreamLayout layout;
  bool document_aware = false;
};

// A training corpus in the order in which a run reads it.
//
// Each epoch is a keyed permutation of fixed blocks, put together and cut into equal lanes
// (EpochOrder). Row k reads lane k mod lanes at that lane's cursor, which then advances by a L; a
// lane continues in the same lane of the next epoch. A cursor is a raw position of its lane: epoch
// times lane length plus offset.
//
// document_aware: the raw order is cut into pieces at document, block and lane borders, and each
// piece is padded with id -1 to a multiple of a, counted from the start of the piece or from the
// cursor at which the bag size changed, whichever is later. All positions stay raw; padding exists
// in windows only.
class TokenStream {
 public:
  TokenStream(std::shared_ptr<const corpus::TokenShards> shards, const StreamOptions& options);

  std::int64_t num_tokens() const { return shards_->num_tokens(); }
  const StreamLayout& layout() const { return options_.layout; }
  bool document_aware() const { return options_.document_aware; }
  const corpus::TokenShards& shards() const { return *shards_; }
  const EpochOrder& order() const { return order_; }

  // The range of raw tokens that starts at a lane's cursor and ends where document (only if
  // document_aware), block, lane or epoch does: a piece.
  corpus::TokenRange piece_at(std::int64_t lane, std::int64_t cursor) const;

  // Reads a window: `ids` receives ids.size() tokens from the cursor on, -1 for padding. Where
  // document_aware, `pieces` (same size) receives the number of each token's piece, counted from 0;
  // else it is left alone and may be empty.
  void read(std::int64_t lane, std::int64_t cursor, std::int64_t bag_size,
            std::span<std::int32_t> ids, std::span<std::int32_t> pieces) const;

 private:
  std::shared_ptr<const corpus::TokenShards> shards_;
  StreamOptions options_;
  EpochOrder order_;
};

}  // namespace superpose::data
