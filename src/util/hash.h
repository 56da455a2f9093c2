// XXH3, 64 bit: fast content hash for manifests, fingerprints and keys. Not for secrets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

namespace superpose::util {

std::uint64_t hash64(std::span<const std::byte> bytes, std::uint64_t seed = 0);
std::uint64_t hash64(std::string_view text, std::uint64_t seed = 0);

// Of a file's content. Throws Error where it cannot be read. Once `stop` is requested the result is
// of no use, but soon there.
std::uint64_t hash_file(const std::filesystem::path& path, const std::stop_token& stop = {});

// 16 lower-case hexadecimal digits.
std::string hex64(std::uint64_t value);

// Hash of data that comes in parts; equals hash64 of the parts put together.
class Hasher {
 public:
  explicit Hasher(std::uint64_t seed = 0);
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  // The eight bytes of a number, little-endian.
  void update(std::uint64_t value);

  // Of everything so far; more may follow.
  std::uint64_t digest64() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace superpose::util
