#include "checkpoint/optimizer_state.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "util/error.h"

namespace superpose::checkpoint {
namespace {

std::string key_of(const std::string& state, const std::string& parameter) {
  return state + "/" + parameter;
}

// The "<begin>:<end>" of "...[<begin>:<end>]"; nothing unless both are plain numbers.
std::optional<std::pair<std::int64_t, std::int64_t>> parse_range(std::string_view text) {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  const char* last = text.data() + text.size();
  const auto first = std::from_chars(text.data(), last, begin);
  if (first.ec != std::errc() || first.ptr == last || *first.ptr != ':') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, last, end);
  if (second.ec != std::errc() || second.ptr != last) return std::nullopt;
  if (begin < 0 || end < begin) return std::nullopt;
  return std::pair(begin, end);
}

}  // namespace

std::vector<NamedTensor> to_named_tensors(const std::vector<StateRange>& ranges) {
  std::vector<NamedTensor> result;
  for (const StateRange& range : ranges) {
    util::require(!range.state.empty() && range.state.find('/') == std::string::npos,
                  "optimizer state: expected a name without '/', got ", range.state);
    util::require(range.begin >= 0 && range.values.defined() && range.values.dim() == 1,
                  "optimizer state ", range.state, " of ", range.parameter,
                  ": expected 1-D values from an element >= 0");
    result.push_back({.name = key_of(range.state, range.parameter) + "[" +
                              std::to_string(range.begin) + ":" +
                              std::to_string(range.begin + range.values.numel()) + "]",
                      .tensor = range.values});
  }
  return result;
}

OptimizerState::OptimizerState(SafetensorsFile file) : file_(std::move(file)) {
  for (const auto& [name, entry] : file_.entries()) {
    const std::string who = file_.path().string() + ": tensor " + name;
    const std::size_t open = name.rfind('[');
    const bool shaped = open != std::string::npos && name.back() == ']' &&
                        name.substr(0, open).find('/') != std::string::npos;
    const auto range =
        shaped ? parse_range(std::string_view(name).substr(open + 1, name.size() - open - 2))
               : std::nullopt;
    util::require(range.has_value(), who, ": expected a name as state/parameter[begin:end]");
    util::require(entry.shape == std::vector{range->second - range->first}, who,
                  ": the shape is not that of its range");
    pieces_[name.substr(0, open)].push_back(
        {.begin = range->first, .end = range->second, .tensor = name});
  }
  for (auto& [key, pieces] : pieces_) {
    std::sort(pieces.begin(), pieces.end(),
              [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      util::require(pieces[i].begin >= pieces[i - 1].end, file_.path().string(), ": tensor ",
                    pieces[i].tensor, ": overlaps ", pieces[i - 1].tensor);
    }
  }
}

bool OptimizerState::contains(const std::string& state, const std::string& parameter) const {
  return pieces_.contains(key_of(state, parameter));
}

void OptimizerState::copy_to(const std::string& state, const std::string& parameter,
                             std::int64_t begin, const at::Tensor& out) const {
  util::require(out.dim() == 1, "optimizer state: expected a 1-D tensor to fill");
  const std::string who = file_.path().string() + ": " + key_of(state, parameter);
  const auto found = pieces_.find(key_of(state, parameter));
  util::require(found != pieces_.end(), who, ": missing");
  const std::int64_t end = begin + out.numel();
  std::int64_t next = begin;
  for (const Piece& piece : found->second) {
    if (next == end) break;
    if (piece.end <= next) continue;
    if (piece.begin > next) break;
    const std::int64_t count = std::min(piece.end, end) - next;
    file_.copy_range_to(piece.tensor, next - piece.begin, out.narrow(0, next - begin, count));
    next += count;
  }
  util::require(next == end, who, ": element ", next, " is missing");
}

}  // namespace superpose::checkpoint
