#include "data/document_reader.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "data/byte_stream.h"
#include "data/file_ending.h"
#include "data/json_documents.h"
#include "data/parquet_documents.h"
#include "data/text_documents.h"
#include "util/error.h"

namespace superpose::data {
namespace {

constexpr std::array<std::string_view, 3> kJsonEndings{".jsonl", ".ndjson", ".json"};
constexpr std::array<std::string_view, 2> kTokenEndings{".bin", ".npy"};
// As text these would be noise that nobody asked for.
constexpr std::array<std::string_view, 8> kUnreadableEndings{".bz2", ".lz4", ".br",  ".zip",
                                                             ".7z",  ".rar", ".tar", ".tgz"};

bool is_one_of(const std::string& ending, std::span<const std::string_view> endings) {
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

}  // namespace

std::unique_ptr<DocumentReader> open_documents(const std::filesystem::path& path,
                                               const ReadOptions& options) {
  const std::string ending = file_ending(without_compression_ending(path));
  util::require(!is_one_of(ending, kUnreadableEndings), path.string(), ": files of kind ", ending,
                " cannot be read: unpack it, or leave it out");
  util::require(!is_one_of(ending, kTokenEndings), path.string(),
                ": holds token ids by its name, not text: token files are read in place, unpacked, "
                "and by themselves");
  if (ending == ".parquet") {
    util::require(file_ending(path) == ending, path.string(),
                  ": Parquet compresses by itself: unpack the file");
    return open_parquet_documents(path, options);
  }
  if (is_one_of(ending, kJsonEndings)) {
    return read_json_documents(open_decompressed(path), path.string(), options);
  }
  return read_text_documents(open_decompressed(path), options.document_separator);
}

}  // namespace superpose::data
