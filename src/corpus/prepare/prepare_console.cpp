#include "corpus/prepare/prepare_console.h"

#include <algorithm>
#include <utility>

#include "util/stop_signal.h"
#include "util/text.h"

namespace superpose::corpus {
namespace {

constexpr double kLeastSeconds = 1;  // before a rate means something
constexpr std::size_t kBarColumns = 10;
constexpr const char* kBetween = " | ";

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

// The parts that fit into so many columns, the first at any rate.
std::string join_fitting(const std::vector<std::string>& parts, std::size_t columns) {
  std::string line = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string more = kBetween + parts[i];
    if (line.size() + more.size() > columns) break;
    line += more;
  }
  return line;
}

}  // namespace

PrepareConsole::PrepareConsole(std::ostream& stream, std::string what,
                               util::StatusLineOptions options)
    : what_(std::move(what)), columns_(options.columns), line_(stream, std::move(options)) {}

void PrepareConsole::write(const PrepareProgress& progress) {
  if (!progress.note.empty()) {
    line_.print(std::string(progress.note));
    return;
  }
  if (progress.begins) {
    first_ = progress;
    started_ = line_.now();
    line_.print("preparing " + what_ + ": " + std::to_string(progress.num_sources) +
                (progress.num_sources == 1 ? " file, " : " files, ") +
                size_text(progress.num_bytes));
    line_.postpone();
    return;
  }
  // The last one is drawn at any time, on a terminal alone.
  const bool is_last = progress.sources_done == progress.num_sources;
  if (is_last ? !line_.on_terminal() : !line_.is_due()) return;
  std::vector<std::string> parts = status(progress, line_.now() - started_);
  if (!line_.on_terminal()) {
    line_.show(util::join(parts, kBetween));
    return;
  }
  parts.front() = bar(share_of(progress)) + parts.front();
  line_.show(join_fitting(parts, static_cast<std::size_t>(columns_ - 1)));
}

std::vector<std::string> PrepareConsole::status(const PrepareProgress& progress,
                                                double seconds) const {
  std::vector<std::string> parts = {util::fixed(100 * share_of(progress), 1) + " % of " +
                                    size_text(progress.num_bytes)};
  const bool has_rate = seconds >= kLeastSeconds;
  const auto done = static_cast<double>(progress.bytes_done - first_.bytes_done);
  if (has_rate && done > 0) {
    const auto left =
        static_cast<double>(std::max<std::int64_t>(progress.num_bytes - progress.bytes_done, 0));
    parts.push_back("ETA " + util::format_duration(left / done * seconds));
  }
  if (has_rate) {
    const auto text = static_cast<double>(progress.text_bytes - first_.text_bytes);
    parts.push_back(util::fixed(text / seconds / 1e6, 1) + " MB/s of text");
  }
  parts.push_back(util::format_count(progress.tokens) + " tokens");
  parts.push_back(util::format_count(progress.documents) + " documents");
  return parts;
}

PreparedCorpus prepare_shown(const DataConfig& config, const PrepareOptions& options,
                             const PrepareScreen& screen) {
  if (screen.stream == nullptr) return prepare_corpus(config, {}, options);
  PrepareConsole console(*screen.stream, screen.what, {.columns = screen.columns});
  const util::StopSignal signal;
  const auto stop_if_asked = [&] {
    if (!signal.requested()) return;
    throw PreparationStopped("preparing " + screen.what +
                             ": stopped by a signal; the same command continues from there");
  };
  PreparedCorpus corpus = prepare_corpus(
      config,
      [&](const PrepareProgress& progress) {
        console.write(progress);
        stop_if_asked();
      },
      options);
  stop_if_asked();
  return corpus;
}

}  // namespace superpose::corpus
