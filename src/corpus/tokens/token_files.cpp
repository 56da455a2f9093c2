#include "corpus/tokens/token_files.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "corpus/shards/megatron_index.h"
#include "corpus/streams/byte_stream.h"
#include "corpus/streams/file_kind.h"
#include "corpus/tokens/numpy_header.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

// Of llm.c's files: 256 numbers of i32, of which the first three are magic, version and count.
constexpr std::int64_t kLlmCHeaderBytes = 1024;
constexpr std::int32_t kLlmCMagicU16 = 20240520;
constexpr std::int32_t kLlmCVersionU16 = 1;
constexpr std::int32_t kLlmCMagicU32 = 20240801;
constexpr std::int32_t kLlmCVersionU32 = 7;
constexpr std::int32_t kLlmCMagicChoices = 20240522;

std::int32_t header_number(const util::MappedFile& file, std::size_t index) {
  std::int32_t value = 0;
  std::memcpy(&value, file.data() + index * sizeof value, sizeof value);
  return value;
}

// The magic of llm.c's files, or 0.
std::int32_t llm_c_magic(const util::MappedFile& file) {
  if (file.size() < sizeof(std::int32_t)) return 0;
  const std::int32_t magic = header_number(file, 0);
  const bool known = magic == kLlmCMagicU16 || magic == kLlmCMagicU32 || magic == kLlmCMagicChoices;
  return known ? magic : 0;
}

bool is_numpy(const util::MappedFile& file) {
  return file.size() >= kNumpyMagic.size() &&
         std::memcmp(file.data(), kNumpyMagic.data(), kNumpyMagic.size()) == 0;
}

std::string_view head_of(const TokenFile& file) {
  return {reinterpret_cast<const char*>(file.bytes.data()),
          std::min(file.bytes.size(), kHeadBytes)};
}

void set_single_extent(TokenFile& file, std::int64_t first_byte, std::int64_t num_tokens) {
  if (num_tokens > 0) file.file_ranges = {{first_byte, num_tokens}};
  file.num_tokens = num_tokens;
}

void set_marker(TokenFile& file, DocumentEnds ends, std::optional<std::int64_t> marker) {
  if (!marker) {
    if (file.num_tokens > 0) file.listed_ends = {file.num_tokens};
    return;
  }
  const bool fits = with_token_type(file.type, [&](auto number) {
    return std::in_range<decltype(number)>(*marker) && *marker >= 0;
  });
  util::require(fits, "token file ", file.name, ": end-of-document id must fit its numbers of ",
                token_bytes(file.type) * 8, " bits, got ", *marker,
                *marker >= 0 ? ": write the file with wider numbers" : "");
  file.document_ends = ends;
  file.marker = *marker;
}

TokenFile open_megatron(const fs::path& path) {
  const MegatronPaths paths = megatron_paths(path);
  const util::MappedFile idx(paths.idx);
  MegatronIndex index = parse_megatron_index(idx.bytes(), paths.idx.string());
  TokenFile file{.name = paths.bin.string(), .bytes = util::MappedFile(paths.bin)};
  util::require(file.bytes.size() == static_cast<std::size_t>(index.bin_bytes), "shard ", file.name,
                ": must hold ", index.bin_bytes, " bytes by its index, got ", file.bytes.size());
  file.type = index.type;
  file.file_ranges = std::move(index.file_ranges);
  file.num_tokens = index.num_tokens;
  file.listed_ends = std::move(index.document_ends);
  return file;
}

void read_llm_c(TokenFile& file, const TokenFileOptions& options) {
  const auto check = [&](bool ok, const auto&... parts) {
    util::require(ok, "token file ", file.name, ": ", parts...);
  };
  const std::int32_t magic = llm_c_magic(file.bytes);
  check(magic != kLlmCMagicChoices, "holds llm.c's multiple-choice questions, not a text");
  check(magic != 0, "expected a header of llm.c (magic ", kLlmCMagicU16, " or ", kLlmCMagicU32,
        "), got none");
  const auto size = static_cast<std::int64_t>(file.bytes.size());
  check(size >= kLlmCHeaderBytes, "must begin with ", kLlmCHeaderBytes, " bytes of header, got ",
        size);
  const bool is_u16 = magic == kLlmCMagicU16;
  const std::int32_t version = is_u16 ? kLlmCVersionU16 : kLlmCVersionU32;
  check(header_number(file.bytes, 1) == version, "version must be ", version, " with magic ", magic,
        ", got ", header_number(file.bytes, 1));
  file.type = is_u16 ? TokenType::kU16 : TokenType::kU32;
  const auto width = static_cast<std::int64_t>(token_bytes(file.type));
  const std::int64_t count = header_number(file.bytes, 2);
  const std::int64_t bytes = size - kLlmCHeaderBytes;
  check(bytes / width <= std::numeric_limits<std::int32_t>::max(), "holds ", bytes / width,
        " tokens, more than the 32-bit count of its header (", count,
        ") can say: split it into smaller files, or convert it");
  check(bytes == count * width, "must hold ", count, " tokens of ", width,
        " bytes by its header, got ", bytes, " bytes");
  set_single_extent(file, kLlmCHeaderBytes, count);
  set_marker(file, DocumentEnds::kBeforeMarker, options.end_of_document);
}

void read_numpy(TokenFile& file, const TokenFileOptions& options) {
  const NumpyHeader header = parse_numpy_header(file.bytes.bytes(), file.name);
  file.type = header.type;
  set_single_extent(file, header.first_byte, header.count);
  set_marker(file, DocumentEnds::kBehindMarker, options.end_of_document);
}

void read_raw(TokenFile& file, TokenType type, const TokenFileOptions& options) {
  const auto refuse = [&](std::string_view layout, TokenFormat format) {
    util::fail("token file ", file.name, ": begins with the header of ", layout,
               ", which would be read as tokens: set data.format = \"",
               kTokenFormatNames[static_cast<std::size_t>(format)], "\"");
  };
  if (is_numpy(file.bytes)) refuse("a NumPy file", TokenFormat::kNumpy);
  if (llm_c_magic(file.bytes) != 0) refuse("llm.c", TokenFormat::kLlmC);
  file.type = type;
  const std::size_t width = token_bytes(type);
  util::require(file.bytes.size() % width == 0, "token file ", file.name,
                ": must hold whole tokens of ", width, " bytes, got ", file.bytes.size(), " bytes");
  set_single_extent(file, 0, static_cast<std::int64_t>(file.bytes.size() / width));
  set_marker(file, DocumentEnds::kBehindMarker, options.end_of_document);
}

bool has_index(const fs::path& path) {
  const std::string ending = path.extension().string();
  std::error_code ignored;
  return ending == ".idx" || (!fs::is_regular_file(path, ignored) || ending == ".bin"
                                  ? fs::is_regular_file(megatron_paths(path).idx, ignored)
                                  : false);
}

TokenFormat tell_format(const TokenFile& file) {
  if (llm_c_magic(file.bytes) != 0) return TokenFormat::kLlmC;
  if (is_numpy(file.bytes)) return TokenFormat::kNumpy;
  util::fail(
      "token file ", file.name,
      ": cannot tell its format: it has no index next to it and no header that is known; for "
      "plain numbers (nanoGPT, OLMo-core) set data.format = \"raw-u16\", or raw-u8, "
      "raw-u32, raw-u64 by their width");
}

}  // namespace

fs::path index_of(const fs::path& path, TokenFormat format) {
  const bool is_megatron =
      format == TokenFormat::kMegatron || (format == TokenFormat::kAuto && has_index(path));
  return is_megatron ? megatron_paths(path).idx : fs::path();
}

TokenFile open_token_file(const fs::path& path, const TokenFileOptions& options) {
  util::require(without_compression_endings(path) == path, "token file ", path.string(),
                ": token files are read in place: unpack it");
  TokenFormat format = options.format;
  if (!index_of(path, format).empty()) return open_megatron(path);
  TokenFile file{.name = path.string(), .bytes = util::MappedFile(path)};
  if (const auto foreign = foreign_to_tokens(head_of(file))) {
    util::fail("token file ", file.name, ": is ", foreign->name, ", not token ids");
  }
  if (format == TokenFormat::kAuto) format = tell_format(file);
  switch (format) {
    case TokenFormat::kLlmC:
      read_llm_c(file, options);
      break;
    case TokenFormat::kNumpy:
      read_numpy(file, options);
      break;
    case TokenFormat::kRawU8:
      read_raw(file, TokenType::kU8, options);
      break;
    case TokenFormat::kRawU16:
      read_raw(file, TokenType::kU16, options);
      break;
    case TokenFormat::kRawU32:
      read_raw(file, TokenType::kU32, options);
      break;
    case TokenFormat::kRawU64:
      read_raw(file, TokenType::kU64, options);
      break;
    case TokenFormat::kAuto:
    case TokenFormat::kMegatron:
      break;
  }
  return file;
}

}  // namespace superpose::corpus
