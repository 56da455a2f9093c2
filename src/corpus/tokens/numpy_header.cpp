#include "corpus/tokens/numpy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "util/error.h"

namespace superpose::corpus {
namespace {

constexpr std::array kTypes = {
    std::pair{std::string_view("|u1"), TokenType::kU8},
    std::pair{std::string_view("|i1"), TokenType::kI8},
    std::pair{std::string_view("<u2"), TokenType::kU16},
    std::pair{std::string_view("<i2"), TokenType::kI16},
    std::pair{std::string_view("<u4"), TokenType::kU32},
    std::pair{std::string_view("<i4"), TokenType::kI32},
    std::pair{std::string_view("<u8"), TokenType::kU64},
    std::pair{std::string_view("<i8"), TokenType::kI64},
};

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  TokenType type() const {
    std::string_view value = value_of("descr");
    check(value.size() > 1 && (value[0] == '\'' || value[0] == '"'), "descr must be a text");
    const std::size_t end = value.find(value[0], 1);
    check(end != value.npos, "descr must be a text");
    const std::string_view descr = value.substr(1, end - 1);
    const auto* const found = std::find_if(kTypes.begin(), kTypes.end(),
                                           [&](const auto& type) { return type.first == descr; });
    check(found != kTypes.end(), "dtype must be a little-endian whole number such as <u2, got ",
          descr);
    return found->second;
  }

  // Of the one dimension.
  std::int64_t count() const {
    const std::string_view value = value_of("shape");
    const std::size_t end = value.find(')');
    check(value.starts_with('(') && end != value.npos, "shape must be a tuple");
    const std::string_view shape = value.substr(1, end - 1);
    std::int64_t count = 0;
    const char* const last = shape.data() + shape.size();
    const auto [rest, status] = std::from_chars(shape.data(), last, count);
    check(status == std::errc() && std::string_view(rest, last) == "," && count >= 0,
          "must have one dimension, got shape (", shape, ")");
    return count;
  }

 private:
  template <class... Parts>
  void check(bool ok, const Parts&... parts) const {
    util::require(ok, name_, ": NumPy header: ", parts...);
  }

  // What follows a key and its colon.
  std::string_view value_of(std::string_view key) const {
    const std::string quoted = "'" + std::string(key) + "'";
    std::size_t at = text_.find(quoted);
    check(at != text_.npos, "has no ", key);
    at = text_.find_first_not_of(" ", at + quoted.size());
    check(at != text_.npos && text_[at] == ':', key, " has no value");
    at = text_.find_first_not_of(" ", at + 1);
    check(at != text_.npos, key, " has no value");
    return text_.substr(at);
  }

  std::string_view text_;
  const std::string& name_;
};

template <class Number>
std::uint64_t number_at(std::span<const std::byte> file, std::size_t at) {
  Number value;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

}  // namespace

NumpyHeader parse_numpy_header(std::span<const std::byte> file, const std::string& name) {
  constexpr std::size_t kVersionAt = 6;
  constexpr std::size_t kLengthAt = 8;
  constexpr std::size_t kLeastBytes = 12;
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  util::require(text.starts_with(kNumpyMagic) && file.size() >= kLeastBytes, name,
                ": expected the header of a NumPy file, got none");
  const auto version = static_cast<unsigned>(file[kVersionAt]);
  util::require(version >= 1 && version <= 3, name, ": NumPy header: version must be 1 to 3, got ",
                version);
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::uint64_t length = version == 1 ? number_at<std::uint16_t>(file, kLengthAt)
                                            : number_at<std::uint32_t>(file, kLengthAt);
  const std::size_t begin = kLengthAt + length_bytes;
  util::require(length <= file.size() - begin, name, ": NumPy header: is cut off");
  const Parser parser(text.substr(begin, length), name);
  NumpyHeader header{.type = parser.type(),
                     .first_byte = static_cast<std::int64_t>(begin + length),
                     .count = parser.count()};
  const std::size_t bytes = file.size() - begin - length;
  const std::size_t width = token_bytes(header.type);
  util::require(bytes % width == 0 && bytes / width == static_cast<std::size_t>(header.count), name,
                ": must hold ", header.count, " numbers of ", width,
                " bytes by its NumPy header, got ", bytes, " bytes");
  return header;
}

}  // namespace superpose::corpus
