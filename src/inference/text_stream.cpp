#include "inference/text_stream.h"

#include <algorithm>
#include <utility>

#include "util/error.h"
#include "util/utf8.h"

namespace superpose::inference {
namespace {

// Bytes at the end of `text` that a stop string may begin with.
std::size_t possible_stop(std::string_view text, const std::vector<std::string>& stops) {
  std::size_t most = 0;
  for (const std::string& stop : stops) {
    for (std::size_t size = std::min(stop.size() - 1, text.size()); size > most; --size) {
      if (text.ends_with(std::string_view(stop).substr(0, size))) most = size;
    }
  }
  return most;
}

}  // namespace

TextStream::TextStream(std::vector<std::string> stops) : stops_(std::move(stops)) {
  for (const std::string& stop : stops_) {
    util::require(!stop.empty() && util::first_invalid_utf8(stop) == stop.size(),
                  "stop: a stop string must be UTF-8 and not empty");
  }
}

std::string TextStream::add(std::string_view bytes) {
  if (has_stopped_) return {};
  pending_ += bytes;
  std::size_t end = pending_.size();
  for (const std::string& stop : stops_) end = std::min(end, pending_.find(stop));
  if (end < pending_.size()) {
    has_stopped_ = true;
    std::string text = take(end);
    pending_.clear();
    return text;
  }
  end -= possible_stop(pending_, stops_);
  return take(end - util::unfinished_character(std::string_view(pending_).substr(0, end)));
}

std::string TextStream::finish() { return take(pending_.size()); }

std::string TextStream::take(std::size_t size) {
  std::string text = util::replace_invalid_utf8(std::string_view(pending_).substr(0, size));
  pending_.erase(0, size);
  return text;
}

}  // namespace superpose::inference
