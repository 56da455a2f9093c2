#include "data/shard_writer.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <iomanip>
#include <sstream>

#include "data/megatron_format.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"

namespace superpose::data {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little,
              "shards are written as memory holds them");

void check_written(const std::ofstream& file, const fs::path& path) {
  util::require(file.good(), path.string(), ": cannot write: ", std::strerror(errno));
}

template <class Number>
void put(std::string& out, Number value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class Number>
void put_all(std::string& out, const std::vector<Number>& values) {
  out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number));
}

}  // namespace

ShardWriter::ShardWriter(fs::path folder, std::string split, const ShardLimits& limits)
    : folder_(std::move(folder)), split_(std::move(split)), limits_(limits) {}

void ShardWriter::append(std::span<const std::uint16_t> tokens) {
  if (!bin_.is_open()) open_shard();
  while (!tokens.empty()) {
    const auto room = static_cast<std::size_t>(limits_.sequence_tokens - sequence_length_);
    const auto part = tokens.first(std::min(room, tokens.size()));
    bin_.write(reinterpret_cast<const char*>(part.data()),
               static_cast<std::streamsize>(part.size_bytes()));
    sequence_length_ += static_cast<std::int64_t>(part.size());
    shard_tokens_ += static_cast<std::int64_t>(part.size());
    tokens = tokens.subspan(part.size());
    if (sequence_length_ == limits_.sequence_tokens) end_sequence();
  }
}

void ShardWriter::end_sequence() {
  if (sequence_length_ > 0) lengths_.push_back(static_cast<std::int32_t>(sequence_length_));
  sequence_length_ = 0;
}

void ShardWriter::end_document() {
  end_sequence();
  document_index_.push_back(static_cast<std::int64_t>(lengths_.size()));
  if (shard_tokens_ >= limits_.shard_tokens) close_shard();
}

std::vector<ShardInfo> ShardWriter::finish() {
  if (bin_.is_open()) close_shard();
  return std::move(finished_);
}

void ShardWriter::open_shard() {
  std::ostringstream name;
  name << split_ << '-' << std::setw(5) << std::setfill('0') << finished_.size();
  name_ = name.str();
  const fs::path path = folder_ / (name_ + ".bin");
  bin_.open(path, std::ios::binary | std::ios::trunc);
  check_written(bin_, path);
  lengths_.clear();
  document_index_.assign(1, 0);
  shard_tokens_ = 0;
}

void ShardWriter::close_shard() {
  const fs::path bin_path = folder_ / (name_ + ".bin");
  bin_.close();
  check_written(bin_, bin_path);
  const fs::path idx_path = folder_ / (name_ + ".idx");
  write_index(idx_path);
  finished_.push_back({.name = name_,
                       .tokens = shard_tokens_,
                       .documents = static_cast<std::int64_t>(document_index_.size()) - 1,
                       .bin_hash = util::hash_file(bin_path),
                       .idx_hash = util::hash_file(idx_path)});
}

void ShardWriter::write_index(const fs::path& path) const {
  std::vector<std::int64_t> pointers(lengths_.size());
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < lengths_.size(); ++i) {
    pointers[i] = offset;
    offset += std::int64_t{lengths_[i]} * static_cast<std::int64_t>(sizeof(std::uint16_t));
  }
  std::string index(kIndexMagic);
  put(index, kIndexVersion);
  put(index, kDtypeU16);
  put(index, std::uint64_t{lengths_.size()});
  put(index, std::uint64_t{document_index_.size()});
  put_all(index, lengths_);
  put_all(index, pointers);
  put_all(index, document_index_);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(index.data(), static_cast<std::streamsize>(index.size()));
  file.close();
  check_written(file, path);
}

}  // namespace superpose::data
