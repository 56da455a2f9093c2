#include "corpus/streams/file_kind.h"

#include <algorithm>
#include <array>

#include "util/utf8.h"

namespace superpose::corpus {
namespace {

constexpr const char* kUnpack = "unpack it";
constexpr const char* kInPlace =
    "token files are read in place, unpacked and by themselves: set data.format";

// Bytes that a file of a kind begins with.
struct Magic {
  std::string_view hex;  // two digits per byte; a point stands for any digit
  std::string_view name;
  Content content = Content::kOther;
  std::string_view hint = {};
  std::size_t offset = 0;
  // A magic of printable characters counts where what follows is not text; this one always.
  bool even_in_text = false;
};

constexpr std::array kMagics = {
    // Read.
    Magic{"1f8b08", "gzip data", Content::kGzip},
    Magic{"28b52ffd", "zstd data", Content::kZstd},
    Magic{"5.2a4d18", "zstd data", Content::kZstd},  // a skippable frame
    Magic{"fd377a585a00", "xz data", Content::kXz},
    Magic{"5041523115", "a Parquet file", Content::kParquet},  // PAR1 and a header in Thrift
    // Compressed in another way; archives.
    Magic{"425a68..314159265359", "bzip2 data", Content::kOther, kUnpack, 0, true},
    Magic{"425a68..177245385090", "bzip2 data", Content::kOther, kUnpack},  // of nothing
    Magic{"5d0000....ffffffffffffffff", "lzma data", Content::kOther, kUnpack},
    Magic{"4c5a495001", "lzip data", Content::kOther, kUnpack},
    Magic{"04224d18", "lz4 data", Content::kOther, kUnpack},
    Magic{"02214c18", "lz4 data", Content::kOther, kUnpack},
    Magic{"ff060000734e61507059", "snappy data", Content::kOther, kUnpack},
    Magic{"894c5a4f000d0a1a0a", "lzop data", Content::kOther, kUnpack},
    Magic{"1f9d", "compress (.Z) data", Content::kOther, kUnpack},
    Magic{"504b0304", "a zip archive", Content::kOther, kUnpack},
    Magic{"504b0506", "a zip archive", Content::kOther, kUnpack},  // of nothing
    Magic{"504b0708", "a zip archive", Content::kOther, kUnpack},  // in parts
    Magic{"377abcaf271c", "a 7z archive", Content::kOther, kUnpack},
    Magic{"526172211a07", "a RAR archive", Content::kOther, kUnpack},
    Magic{"7573746172", "a tar archive", Content::kOther, kUnpack, 257},
    Magic{"213c617263683e0a", "an ar archive", Content::kOther, kUnpack},
    Magic{"4d53434600000000", "a cabinet archive", Content::kOther, kUnpack},
    Magic{"edabeedb", "an RPM package", Content::kOther, kUnpack},
    // Tables and arrays.
    Magic{"50415245", "an encrypted Parquet file"},
    Magic{"4152524f57310000", "an Arrow file", Content::kOther, "write it as Parquet"},
    Magic{"ffffffff....0000..000000", "an Arrow stream", Content::kOther, "write it as Parquet"},
    Magic{"46454131", "a Feather file", Content::kOther, "write it as Parquet"},
    Magic{"4f5243", "an ORC file", Content::kOther, "write it as Parquet"},
    Magic{"4f626a01", "an Avro file", Content::kOther, "write it as Parquet"},
    Magic{"53514c69746520666f726d6174203300", "an SQLite database"},
    Magic{"894844460d0a1a0a", "an HDF5 file"},
    Magic{"43444601", "a NetCDF file"},
    Magic{"43444602", "a NetCDF file"},
    Magic{"47524942", "a GRIB file"},
    Magic{"4d41544c414220352e30", "a MATLAB file"},
    Magic{"d0cf11e0a1b11ae1", "an old Office document"},
    // Token ids.
    Magic{"934e554d5059", "a NumPy array", Content::kTokens, kInPlace},
    Magic{"88d83401", "a token file of llm.c", Content::kTokens, kInPlace},
    Magic{"a1d93401", "a token file of llm.c", Content::kTokens, kInPlace},
    Magic{"8ad83401", "a question file of llm.c", Content::kTokens},
    Magic{"4d4d494449445800", "an index of Megatron", Content::kTokens, kInPlace},
    // Weights and objects.
    Magic{"........000000007b22", "a safetensors file"},
    Magic{"47475546", "a GGUF file"},
    Magic{"80028a0a6cfc9c46", "a PyTorch file"},
    Magic{"8002", "a pickle"},
    Magic{"8003", "a pickle"},
    Magic{"8004", "a pickle"},
    Magic{"8005", "a pickle"},
    // Programs.
    Magic{"7f454c46", "an ELF file"},
    Magic{"feedface", "a Mach-O file"},
    Magic{"feedfacf", "a Mach-O file"},
    Magic{"cefaedfe", "a Mach-O file"},
    Magic{"cffaedfe", "a Mach-O file"},
    Magic{"cafebabe", "a Java class or Mach-O file"},
    Magic{"4d5a", "a Windows program"},
    Magic{"0061736d", "a WebAssembly module"},
    Magic{"4243c0de", "LLVM bitcode"},
    Magic{"6465780a", "an Android program"},
    // Images, sound, films, fonts, pages.
    Magic{"89504e470d0a1a0a", "a PNG image"},
    Magic{"ffd8ff", "a JPEG image"},
    Magic{"47494638", "a GIF image"},
    Magic{"52494646........57454250", "a WebP image"},
    Magic{"52494646........57415645", "a WAV sound"},
    Magic{"52494646........41564920", "an AVI film"},
    Magic{"424d........00000000", "a BMP image"},
    Magic{"49492a00", "a TIFF image"},
    Magic{"4d4d002a", "a TIFF image"},
    Magic{"38425053", "a Photoshop image"},
    Magic{"000000..66747970", "an MP4 film or HEIF image"},
    Magic{"1a45dfa3", "a Matroska film"},
    Magic{"494433", "an MP3 sound"},
    Magic{"4f67675300", "an Ogg sound"},
    Magic{"664c614300", "a FLAC sound"},
    Magic{"774f4646", "a font"},
    Magic{"774f4632", "a font"},
    Magic{"4f54544f", "a font"},
    Magic{"255044462d", "a PDF document", Content::kOther, "", 0, true},
    // Text in wider units; the longer mark first.
    Magic{"fffe0000", "UTF-32 text", Content::kOther, "convert it: iconv -f UTF-32 -t UTF-8"},
    Magic{"0000feff", "UTF-32 text", Content::kOther, "convert it: iconv -f UTF-32 -t UTF-8"},
    Magic{"fffe", "UTF-16 text", Content::kOther, "convert it: iconv -f UTF-16 -t UTF-8"},
    Magic{"feff", "UTF-16 text", Content::kOther, "convert it: iconv -f UTF-16 -t UTF-8"},
};

std::uint8_t byte_at(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint8_t>(bytes[index]);
}

int hex_value(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

bool matches(const Magic& magic, std::string_view head) {
  if (head.size() < magic.offset + magic.hex.size() / 2) return false;
  for (std::size_t i = 0; i < magic.hex.size(); ++i) {
    const std::uint8_t byte = byte_at(head, magic.offset + i / 2);
    if (magic.hex[i] != '.' && hex_value(magic.hex[i]) != (i % 2 == 0 ? byte >> 4 : byte & 15)) {
      return false;
    }
  }
  return true;
}

// Whether a text may begin with it, too.
bool is_spelled(const Magic& magic) {
  for (std::size_t i = 0; i < magic.hex.size(); i += 2) {
    const std::string_view byte = magic.hex.substr(i, 2);
    const bool may_be_text = byte[0] == '.' || byte == "0a" || (byte[0] >= '2' && byte[0] <= '7');
    if (!may_be_text) return false;
  }
  return true;
}

// Bytes that are not part of UTF-8, at most.
std::size_t count_invalid(std::string_view text) {
  std::size_t count = 0;
  while (true) {
    text.remove_prefix(util::first_invalid_utf8(text));
    if (text.empty()) return count;
    ++count;
    text.remove_prefix(1);
  }
}

// Text of an older encoding has some; the share is that of Perl's -B.
constexpr std::size_t kMostInvalidPercent = 30;
constexpr std::size_t kFewInvalid = 16;  // in a short file they say nothing

// Empty for text.
std::string why_binary(std::string_view head) {
  const std::size_t zero = head.find('\0');
  if (zero != head.npos) return "there is a zero byte at byte " + std::to_string(zero);
  const std::size_t invalid = count_invalid(head);
  const std::size_t percent = head.empty() ? 0 : 100 * invalid / head.size();
  if (invalid < kFewInvalid || percent <= kMostInvalidPercent) return "";
  return std::to_string(percent) + " % of its first bytes are not UTF-8; text of an older " +
         "encoding is to be converted with iconv";
}

// Whether units of `width` bytes are characters below 256, nearly all of them printable.
bool is_wide_text(std::string_view head, std::size_t width, bool little_endian) {
  constexpr std::size_t kLeastUnits = 8;
  const std::size_t num_units = head.size() / width;
  if (num_units < kLeastUnits) return false;
  std::size_t printable = 0;
  for (std::size_t unit = 0; unit < num_units; ++unit) {
    const std::string_view bytes = head.substr(unit * width, width);
    const std::uint8_t low = byte_at(bytes, little_endian ? 0 : width - 1);
    const std::string_view high = little_endian ? bytes.substr(1) : bytes.substr(0, width - 1);
    const bool is_narrow = high.find_first_not_of('\0') == high.npos;
    const bool is_white = low == '\t' || low == '\n' || low == '\r';
    printable += is_narrow && (low >= 0x20 || is_white) ? 1 : 0;
  }
  return printable * 100 >= num_units * 95;
}

// Text in wider units that has no mark in front.
std::optional<FileKind> find_wide_text(std::string_view head) {
  for (const std::size_t width : {4, 2}) {
    for (const bool little_endian : {true, false}) {
      if (!is_wide_text(head, width, little_endian)) continue;
      const std::string name = width == 4 ? "UTF-32" : "UTF-16";
      return FileKind{Content::kOther, name + " text",
                      "convert it: iconv -f " + name + (little_endian ? "LE" : "BE") + " -t UTF-8"};
    }
  }
  return std::nullopt;
}

FileKind kind_of(const Magic& magic) {
  return {magic.content, std::string(magic.name), std::string(magic.hint)};
}

}  // namespace

FileKind kind_of(std::string_view head) {
  const std::string binary = why_binary(head);
  const auto shows = [&](const Magic& magic) {
    return matches(magic, head) && (magic.even_in_text || !is_spelled(magic) || !binary.empty());
  };
  const auto found = std::find_if(kMagics.begin(), kMagics.end(), shows);
  if (found != kMagics.end()) return kind_of(*found);
  if (binary.empty()) return {};
  return find_wide_text(head).value_or(FileKind{Content::kBinary, "binary data", binary});
}

std::optional<FileKind> foreign_to_tokens(std::string_view head) {
  constexpr std::ptrdiff_t kLeastDigits = 6;
  for (const Magic& magic : kMagics) {
    const auto any = std::count(magic.hex.begin(), magic.hex.end(), '.');
    const bool is_long = std::ssize(magic.hex) - any >= kLeastDigits;
    if (is_long && magic.content != Content::kTokens && matches(magic, head)) return kind_of(magic);
  }
  return std::nullopt;
}

}  // namespace superpose::corpus
