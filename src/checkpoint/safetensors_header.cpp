#include "checkpoint/safetensors_header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "checkpoint/strict_json.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::checkpoint {
namespace {

using nlohmann::json;

struct DtypeBits {
  std::string_view name;
  std::uint64_t bits;  // of one element
};
// All that the format knows.
constexpr std::array kDtypes = {
    DtypeBits{"BOOL", 8},        DtypeBits{"U8", 8},      DtypeBits{"I8", 8},
    DtypeBits{"U16", 16},        DtypeBits{"I16", 16},    DtypeBits{"U32", 32},
    DtypeBits{"I32", 32},        DtypeBits{"U64", 64},    DtypeBits{"I64", 64},
    DtypeBits{"F16", 16},        DtypeBits{"BF16", 16},   DtypeBits{"F32", 32},
    DtypeBits{"F64", 64},        DtypeBits{"C64", 64},    DtypeBits{"F8_E4M3", 8},
    DtypeBits{"F8_E5M2", 8},     DtypeBits{"F8_E8M0", 8}, DtypeBits{"F8_E4M3FNUZ", 8},
    DtypeBits{"F8_E5M2FNUZ", 8}, DtypeBits{"F6_E2M3", 6}, DtypeBits{"F6_E3M2", 6},
    DtypeBits{"F4", 4},
};

constexpr auto kMaxSize = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

// Rust's reader, the reference, takes whole numbers only, and 1.0 and -0 are not.
std::uint64_t read_size(const json& value, const std::string& who) {
  util::require(value.is_number_unsigned() && value.get<std::uint64_t>() <= kMaxSize, who,
                ": expected a whole number from 0 to 2^63 - 1, got ",
                util::shortened(value.dump()));
  return value.get<std::uint64_t>();
}

const json& read_field(const json& object, const char* field, const std::string& who) {
  const auto found = object.find(field);
  util::require(found != object.end(), who, ": ", field, " is missing");
  return *found;
}

// product(shape) * bits / 8, by the dtype.
std::uint64_t tensor_bytes(const TensorEntry& entry, const DtypeBits& dtype,
                           const std::string& who) {
  std::uint64_t bits = dtype.bits;
  for (const std::int64_t size : entry.shape) {
    util::require(!__builtin_mul_overflow(bits, static_cast<std::uint64_t>(size), &bits), who,
                  ": the shape has more elements than 64 bits can count");
  }
  util::require(bits % 8 == 0, who, ": ", bits, " bits are not a whole number of bytes");
  return bits / 8;
}

TensorEntry read_entry(const json& value, const std::string& who) {
  util::require(value.is_object(), who, ": expected an object");
  TensorEntry entry;
  const json& dtype_name = read_field(value, "dtype", who);
  util::require(dtype_name.is_string(), who, ": dtype: expected a text");
  entry.dtype = dtype_name.get<std::string>();
  const auto* const dtype = std::find_if(kDtypes.begin(), kDtypes.end(),
                                         [&](const DtypeBits& d) { return d.name == entry.dtype; });
  util::require(dtype != kDtypes.end(), who, ": unknown dtype ", entry.dtype);

  const json& shape = read_field(value, "shape", who);
  util::require(shape.is_array(), who, ": shape: expected a list");
  for (const json& size : shape) {
    entry.shape.push_back(static_cast<std::int64_t>(read_size(size, who + ": shape")));
  }

  const json& offsets = read_field(value, "data_offsets", who);
  util::require(offsets.is_array() && offsets.size() == 2, who,
                ": data_offsets: expected a list of two numbers");
  entry.begin = read_size(offsets[0], who + ": data_offsets");
  entry.end = read_size(offsets[1], who + ": data_offsets");
  util::require(entry.begin <= entry.end, who, ": data_offsets end before they begin: [",
                entry.begin, ", ", entry.end, "]");
  const std::uint64_t expected = tensor_bytes(entry, *dtype, who);
  util::require(entry.end - entry.begin == expected, who, ": dtype and shape need ", expected,
                " bytes, data_offsets hold ", entry.end - entry.begin);
  return entry;
}

std::map<std::string, std::string> read_metadata(const json& value, const std::string& who) {
  util::require(value.is_object(), who, ": __metadata__: expected an object");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) {
    util::require(text.is_string(), who, ": __metadata__: ", key, ": expected a text, got ",
                  text.type_name());
    metadata.emplace(key, text.get<std::string>());
  }
  return metadata;
}

// No holes, no overlap, nothing behind the last tensor.
void check_layout(const Header& header, std::uint64_t data_bytes, const std::string& who) {
  using Item = std::pair<const std::string, TensorEntry>;
  std::vector<const Item*> items;
  for (const Item& item : header.entries) items.push_back(&item);
  std::sort(items.begin(), items.end(), [](const Item* a, const Item* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  std::uint64_t end = 0;
  for (const Item* item : items) {
    const auto& [name, entry] = *item;
    util::require(entry.begin >= end, who, ": tensor ", name,
                  ": overlaps the one before it: ", "begins at ", entry.begin, ", expected ", end);
    util::require(entry.begin == end, who, ": tensor ", name, ": hole before it: begins at ",
                  entry.begin, ", expected ", end);
    end = entry.end;
  }
  util::require(end == data_bytes, who, ": the tensors end at byte ", end,
                " of the data, the file at byte ", data_bytes);
}

}  // namespace

Header parse_header(std::span<const std::byte> file, const std::string& who) {
  util::require(file.size() >= kLengthBytes, who, ": expected at least ", kLengthBytes,
                " bytes, got ", file.size());
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  util::require(length <= kMaxHeaderBytes, who, ": header length must be at most ", kMaxHeaderBytes,
                ", got ", length);
  util::require(length <= file.size() - kLengthBytes, who, ": the header ends at byte ",
                kLengthBytes + length, ", the file at byte ", file.size());
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kLengthBytes, length);
  util::require(text.starts_with('{'), who, ": byte 8: the header must begin with '{'");

  Header header;
  header.data_begin = kLengthBytes + length;
  // Deepest: a list in a tensor in the header.
  const json root = parse_strict_object(text, who, 3);
  for (const auto& [name, value] : root.items()) {
    if (name == kMetadataKey) {
      header.metadata = read_metadata(value, who);
    } else {
      header.entries.emplace(name, read_entry(value, who + ": tensor " + name));
    }
  }
  check_layout(header, file.size() - header.data_begin, who);
  return header;
}

}  // namespace superpose::checkpoint
