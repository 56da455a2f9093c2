#include "data/prepare_console.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ostream>
#include <utility>

#include "util/text.h"

namespace superpose::data {
namespace {

constexpr double kRedrawSeconds = 0.2;
constexpr double kLeastSeconds = 1;  // before a rate means something
constexpr std::size_t kBarColumns = 20;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string size_text(std::int64_t bytes) {
  return util::format_bytes(static_cast<std::uint64_t>(bytes));
}

// In [0, 1], also where a file has grown meanwhile.
double share_of(const PrepareProgress& progress) {
  if (progress.num_bytes == 0) return 1;
  const double share =
      static_cast<double>(progress.bytes_done) / static_cast<double>(progress.num_bytes);
  return std::clamp(share, 0.0, 1.0);
}

std::string bar(double share) {
  const auto filled = static_cast<std::size_t>(share * kBarColumns);
  return "[" + std::string(filled, '#') + std::string(kBarColumns - filled, '.') + "] ";
}

}  // namespace

PrepareConsole::PrepareConsole(std::ostream& stream, PrepareConsoleOptions options)
    : stream_(stream), options_(std::move(options)) {
  if (!options_.clock) options_.clock = steady_seconds;
}

PrepareConsole::~PrepareConsole() {
  if (line_open_) stream_ << '\n' << std::flush;
}

void PrepareConsole::write(const PrepareProgress& progress) {
  if (!progress.note.empty()) {
    print_line(std::string(progress.note));
    return;
  }
  const double now = options_.clock();
  if (!std::exchange(has_begun_, true)) {
    first_ = progress;
    started_ = last_drawn_ = now;
    print_line("preparing " + options_.what + ": " + std::to_string(progress.num_sources) +
               " files, " + size_text(progress.num_bytes));
    return;
  }
  const double interval = options_.columns > 0 ? kRedrawSeconds : options_.interval_seconds;
  const bool is_last = progress.sources_done == progress.num_sources;
  if (now - last_drawn_ < interval && !is_last) return;
  last_drawn_ = now;
  const std::string line = status(progress, now - started_);
  if (options_.columns > 0) {
    draw(bar(share_of(progress)) + line);
  } else if (!is_last) {
    print_line(line);
  }
}

std::string PrepareConsole::status(const PrepareProgress& progress, double seconds) const {
  std::string line = fixed(100 * share_of(progress), 1) + " % of " + size_text(progress.num_bytes);
  if (seconds >= kLeastSeconds) {
    const auto text = static_cast<double>(progress.text_bytes - first_.text_bytes);
    line += " | " + fixed(text / seconds / 1e6, 1) + " MB/s of text";
  }
  line += " | " + util::format_count(progress.documents) + " documents, " +
          util::format_count(progress.tokens) + " tokens";
  const auto done = static_cast<double>(progress.bytes_done - first_.bytes_done);
  if (seconds >= kLeastSeconds && done > 0) {
    const auto left =
        static_cast<double>(std::max<std::int64_t>(progress.num_bytes - progress.bytes_done, 0));
    line += " | ETA " + util::format_duration(left / done * seconds);
  }
  return line;
}

void PrepareConsole::draw(const std::string& line) {
  const auto width = static_cast<std::size_t>(std::max(1, options_.columns - 1));
  // The escape erases the rest of the line.
  stream_ << '\r' << line.substr(0, width) << "\x1b[K" << std::flush;
  line_open_ = true;
}

void PrepareConsole::print_line(const std::string& line) {
  if (std::exchange(line_open_, false)) stream_ << "\r\x1b[K";
  stream_ << line << '\n' << std::flush;
}

PreparedCorpus prepare_shown(const DataConfig& config, const PrepareOptions& options,
                             const PrepareScreen& screen) {
  if (screen.stream == nullptr) return prepare_corpus(config, {}, options);
  PrepareConsole console(*screen.stream, {.what = screen.what, .columns = screen.columns});
  return prepare_corpus(
      config, [&](const PrepareProgress& progress) { console.write(progress); }, options);
}

}  // namespace superpose::data
