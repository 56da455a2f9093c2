#include "util/status_line.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "util/clock.h"

namespace superpose::util {
namespace {

constexpr double kRedrawSeconds = 0.2;
constexpr const char* kEraseRest = "\x1b[K";

}  // namespace

StatusLine::StatusLine(std::ostream& stream, StatusLineOptions options)
    : stream_(stream), options_(std::move(options)) {
  if (!options_.clock) options_.clock = steady_seconds;
}

StatusLine::~StatusLine() {
  if (is_open_) stream_ << '\n' << std::flush;
}

bool StatusLine::is_due() const {
  const double interval = on_terminal() ? kRedrawSeconds : options_.interval_seconds;
  return !last_ || now() - *last_ >= interval;
}

void StatusLine::show(const std::string& line) {
  last_ = now();
  if (!on_terminal()) {
    print(line);
    return;
  }
  const auto width = static_cast<std::size_t>(std::max(1, options_.columns - 1));
  stream_ << '\r' << line.substr(0, width) << kEraseRest << std::flush;
  is_open_ = true;
}

void StatusLine::print(const std::string& line) {
  clear();
  stream_ << line << '\n' << std::flush;
}

void StatusLine::clear() {
  if (std::exchange(is_open_, false)) stream_ << '\r' << kEraseRest << std::flush;
}

}  // namespace superpose::util
