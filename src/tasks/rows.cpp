#include "tasks/rows.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <map>
#include <system_error>
#include <utility>

#include "corpus/readers/document_reader.h"
#include "corpus/readers/parquet_documents.h"
#include "corpus/sources/glob.h"
#include "corpus/streams/line_reader.h"
#include "util/error.h"
#include "util/json.h"
#include "util/text.h"
#include "util/utf8.h"

namespace superpose::tasks {
namespace {

namespace fs = std::filesystem;

// A row of a data set is a few lines of text; a longer one is another kind of file.
constexpr std::size_t kLongestLine = std::size_t{1} << 28;

// "a.jsonl" of "a.jsonl.gz"; other names as they are.
std::string without_compression(const std::string& name) {
  for (const std::string_view ending : {".gz", ".zst", ".xz"}) {
    if (!name.ends_with(ending)) continue;
    const std::string plain = name.substr(0, name.size() - ending.size());
    if (plain.ends_with(".jsonl")) return plain;
  }
  return name;
}

bool matches(const std::string& pattern, const std::string& name) {
  return corpus::glob_matches(pattern, name) ||
         (pattern.ends_with(".jsonl") && corpus::glob_matches(pattern, without_compression(name)));
}

// Otherwise the rows of a file that was kept when it was compressed would count twice.
void require_no_copies(const fs::path& folder, const std::vector<std::string>& names) {
  std::map<std::string, std::string> found;
  for (const std::string& name : names) {
    const auto [first, is_new] = found.emplace(without_compression(name), name);
    util::require(is_new, folder.string(), ": has ", first->second, " and ", name,
                  ", and would be read twice; keep one of them");
  }
}

bool is_white(std::string_view line) { return line.find_first_not_of(" \t\r") == line.npos; }

}  // namespace

std::vector<fs::path> find_files(const fs::path& folder, std::span<const std::string> patterns) {
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::follow_directory_symlink,
                                         error);
  util::require(!error, folder.string(), ": cannot be read: ", error.message());
  std::vector<std::string> names;
  for (; entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    util::require(!error, folder.string(), ": cannot be read: ", error.message());
    if (entry->is_regular_file(error)) {
      names.push_back(entry->path().lexically_relative(folder).generic_string());
    }
  }
  std::sort(names.begin(), names.end());
  for (const std::string& pattern : patterns) {
    std::vector<std::string> found;
    std::copy_if(names.begin(), names.end(), std::back_inserter(found),
                 [&](const std::string& name) { return matches(pattern, name); });
    if (found.empty()) continue;
    require_no_copies(folder, found);
    std::vector<fs::path> files;
    for (const std::string& name : found) files.push_back(folder / name);
    return files;
  }
  return {};
}

void read_json_rows(std::unique_ptr<corpus::ByteStream> bytes, const std::string& name,
                    const TakeRow& take) {
  corpus::LineReader lines(std::move(bytes), name, kLongestLine);
  Row row;
  for (std::string line; lines.next(line);) {
    if (lines.line_number() == 1) {
      line.erase(0, line.size() - util::without_byte_order_mark(line).size());
    }
    if (is_white(line)) continue;
    row.where = name + ":" + std::to_string(lines.line_number());
    row.fields = util::parse_json(line, row.where);
    util::require(row.fields.is_object(), row.where, ": expected a JSON object, got ",
                  util::shortened(line));
    take(row);
  }
}

void read_rows(const fs::path& file, const TakeRow& take) {
  corpus::Decompressed opened = corpus::open_decompressed(file);
  if (opened.kind.content == corpus::Content::kText) {
    return read_json_rows(std::move(opened.bytes), file.string(), take);
  }
  util::require(opened.kind.content == corpus::Content::kParquet && !opened.was_compressed,
                file.string(), ": must be JSON lines (plain, .gz, .zst, .xz) or Parquet, got ",
                opened.kind.name);
  const std::unique_ptr<corpus::DocumentReader> rows = corpus::open_parquet_rows(file);
  std::int64_t number = 0;
  Row row;
  for (std::string text; rows->next(text); ++number) {
    row.where = file.string() + ": row " + std::to_string(number);
    row.fields = util::parse_json(text, row.where);
    take(row);
  }
}

}  // namespace superpose::tasks
