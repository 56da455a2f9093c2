#include "data/prepare_console.h"

#include <utility>

#include "util/text.h"

namespace superpose::data {
namespace {

constexpr double kLeastSeconds = 1;  // before a rate means something
constexpr std::size_t kBarColumns = 20;

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

PrepareConsole::PrepareConsole(std::ostream& stream, std::string what,
                               util::StatusLineOptions options)
    : what_(std::move(what)), line_(stream, std::move(options)) {}

void PrepareConsole::write(const PrepareProgress& progress) {
  if (!progress.note.empty()) {
    line_.print(std::string(progress.note));
    return;
  }
  if (!std::exchange(has_begun_, true)) {
    first_ = progress;
    started_ = line_.now();
    line_.print("preparing " + what_ + ": " + std::to_string(progress.num_sources) + " files, " +
                size_text(progress.num_bytes));
    line_.postpone();
    return;
  }
  // The last one is drawn at any time, on a terminal alone.
  const bool is_last = progress.sources_done == progress.num_sources;
  if (is_last ? !line_.on_terminal() : !line_.is_due()) return;
  const std::string text = status(progress, line_.now() - started_);
  line_.show(line_.on_terminal() ? bar(share_of(progress)) + text : text);
}

std::string PrepareConsole::status(const PrepareProgress& progress, double seconds) const {
  std::string line =
      util::fixed(100 * share_of(progress), 1) + " % of " + size_text(progress.num_bytes);
  if (seconds >= kLeastSeconds) {
    const auto text = static_cast<double>(progress.text_bytes - first_.text_bytes);
    line += " | " + util::fixed(text / seconds / 1e6, 1) + " MB/s of text";
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

PreparedCorpus prepare_shown(const DataConfig& config, const PrepareOptions& options,
                             const PrepareScreen& screen) {
  if (screen.stream == nullptr) return prepare_corpus(config, {}, options);
  PrepareConsole console(*screen.stream, screen.what, {.columns = screen.columns});
  return prepare_corpus(
      config, [&](const PrepareProgress& progress) { console.write(progress); }, options);
}

}  // namespace superpose::data
