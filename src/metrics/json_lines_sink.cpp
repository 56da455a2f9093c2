#include "metrics/json_lines_sink.h"

#include <string_view>
#include <utility>

#include "metrics/json.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::metrics {
namespace {

bool survives(const Record& record, std::int64_t keep_until_step) {
  if (std::holds_alternative<SummaryRecord>(record)) return false;
  if (std::holds_alternative<FinalRecord>(record)) return false;
  return std::holds_alternative<RunHeader>(record) || step_of(record) <= keep_until_step;
}

// The lines of `text` that a run continuing from `keep_until_step` keeps, byte for byte.
std::string kept_lines(const std::string& text, const std::string& file,
                       std::int64_t keep_until_step) {
  std::string kept;
  std::size_t begin = 0;
  std::size_t line_number = 0;
  while (begin < text.size()) {
    ++line_number;
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // cut off in the middle of a write
    const std::string_view line(text.data() + begin, end - begin);
    const std::string where = file + ":" + std::to_string(line_number);
    if (!line.empty() &&
        survives(from_json(util::parse_json(line, where), where), keep_until_step)) {
      kept.append(line).push_back('\n');
    }
    begin = end + 1;
  }
  return kept;
}

}  // namespace

JsonLinesSink::JsonLinesSink(std::filesystem::path path, std::int64_t keep_until_step)
    : path_(std::move(path)) {
  if (keep_until_step < 0) {
    // A link is replaced, whatever it leads to.
    if (std::filesystem::is_symlink(path_) || std::filesystem::exists(path_)) {
      util::write_file_atomic(path_, "");
    }
  } else if (std::filesystem::exists(path_)) {
    const std::string text = util::read_file(path_);
    const std::string kept = kept_lines(text, path_.string(), keep_until_step);
    if (kept != text) util::write_file_atomic(path_, kept);
  }
  stream_.open(path_, std::ios::binary | std::ios::app);
  util::require(stream_.is_open(), path_.string(), ": cannot be opened for writing");
}

void JsonLinesSink::write(const Record& record) {
  // Text from outside (a CPU's name, a path) may not be UTF-8; it must not stop a run.
  stream_ << to_json(record).dump(-1, ' ', false, util::Json::error_handler_t::replace) << '\n'
          << std::flush;
  util::require(stream_.good(), path_.string(), ": cannot be written (disk full?)");
}

}  // namespace superpose::metrics
