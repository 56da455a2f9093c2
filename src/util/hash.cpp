#define XXH_INLINE_ALL  // the library's own switch: the whole of it in this file, nothing to link
#include "util/hash.h"

#include <xxhash.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "util/error.h"

namespace superpose::util {

std::uint64_t hash64(std::span<const std::byte> bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t hash64(std::string_view text, std::uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

// Read, not mapped: a file that is cut short meanwhile must not end the process.
std::uint64_t hash_file(const std::filesystem::path& path, const std::stop_token& stop) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  require(file.good() && !std::filesystem::is_directory(path), path.string(),
          ": cannot open: ", std::strerror(errno));
  Hasher hasher;
  std::vector<char> buffer(std::size_t{1} << 18);
  while (file && !stop.stop_requested()) {
    errno = 0;
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    require(!file.bad(), path.string(), ": cannot read: ", std::strerror(errno));
    hasher.update(std::string_view(buffer.data(), static_cast<std::size_t>(file.gcount())));
  }
  return hasher.digest64();
}

std::string hex64(std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) text[i] = kDigits[value & 15];
  return text;
}

struct Hasher::State {
  XXH3_state_t xxh;
};

Hasher::Hasher(std::uint64_t seed) : state_(std::make_unique<State>()) {
  XXH3_64bits_reset_withSeed(&state_->xxh, seed);
}

Hasher::~Hasher() = default;

void Hasher::update(std::span<const std::byte> bytes) {
  XXH3_64bits_update(&state_->xxh, bytes.data(), bytes.size());
}

void Hasher::update(std::string_view text) { update(std::as_bytes(std::span(text))); }

void Hasher::update(std::uint64_t value) {
  std::array<std::byte, 8> bytes;
  for (std::byte& byte : bytes) {
    byte = static_cast<std::byte>(value & 255);
    value >>= 8;
  }
  update(std::span<const std::byte>(bytes));
}

std::uint64_t Hasher::digest64() const { return XXH3_64bits_digest(&state_->xxh); }

}  // namespace superpose::util
