#include "cli/progress_line.h"

#include <ostream>

namespace superpose::cli {
namespace {

constexpr double kRedrawSeconds = 0.2;
constexpr double kPlainSeconds = 15;

}  // namespace

ProgressLine::ProgressLine(std::ostream& stream, int columns)
    : stream_(stream), columns_(columns), start_(std::chrono::steady_clock::now()) {}

ProgressLine::~ProgressLine() { finish(); }

double ProgressLine::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

bool ProgressLine::is_due() const {
  return seconds() - shown_at_ >= (columns_ > 0 ? kRedrawSeconds : kPlainSeconds);
}

void ProgressLine::show(const std::string& line) {
  shown_at_ = seconds();
  if (columns_ > 0) {
    const auto width = static_cast<std::size_t>(columns_ > 1 ? columns_ - 1 : 1);
    stream_ << '\r' << line.substr(0, width) << "\x1b[K" << std::flush;  // erases the rest
    open_ = true;
  } else {
    stream_ << line << '\n' << std::flush;
  }
}

void ProgressLine::finish() {
  if (open_) stream_ << "\r\x1b[K" << std::flush;
  open_ = false;
}

}  // namespace superpose::cli
