#include "corpus/shards/shard_writer.h"

#include <algorithm>
#include <bit>
#include <iomanip>
#include <sstream>

#include "corpus/shards/megatron_format.h"
#include "util/files.h"
#include "util/hash.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little,
              "shards are written as memory holds them");

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

void ShardWriter::resume(const ShardProgress& progress,
                         std::span<const std::int64_t> open_document_tokens) {
  finished_ = progress.finished;
  if (progress.open_documents == 0) return;
  open_shard(progress.open_tokens);
  for (std::int64_t rest : open_document_tokens) {
    for (; rest > 0; rest -= lengths_.back()) {
      lengths_.push_back(static_cast<std::int32_t>(std::min(rest, limits_.sequence_tokens)));
    }
    document_index_.push_back(std::ssize(lengths_));
  }
}

void ShardWriter::append(std::span<const std::byte> tokens) {
  if (!bin_) open_shard(0);
  const std::size_t width = token_bytes(limits_.type);
  while (!tokens.empty()) {
    const auto room = static_cast<std::size_t>(limits_.sequence_tokens - sequence_length_);
    const std::size_t count = std::min(room, tokens.size() / width);
    bin_->append(tokens.first(count * width));
    sequence_length_ += static_cast<std::int64_t>(count);
    shard_tokens_ += static_cast<std::int64_t>(count);
    tokens = tokens.subspan(count * width);
    if (sequence_length_ == limits_.sequence_tokens) end_sequence();
  }
}

void ShardWriter::end_sequence() {
  if (sequence_length_ > 0) lengths_.push_back(static_cast<std::int32_t>(sequence_length_));
  sequence_length_ = 0;
}

void ShardWriter::end_document() {
  end_sequence();
  document_index_.push_back(std::ssize(lengths_));
  if (shard_tokens_ >= limits_.shard_tokens) close_shard();
}

ShardProgress ShardWriter::sync() {
  ShardProgress progress{.finished = finished_};
  if (bin_) {
    bin_->sync();
    progress.open_documents = std::ssize(document_index_) - 1;
    progress.open_tokens = shard_tokens_;
  }
  return progress;
}

std::vector<ShardInfo> ShardWriter::finish() {
  if (bin_) close_shard();
  return std::move(finished_);
}

std::string ShardWriter::next_name() const {
  std::ostringstream name;
  name << split_ << '-' << std::setw(5) << std::setfill('0') << finished_.size();
  return name.str();
}

void ShardWriter::open_shard(std::int64_t tokens) {
  bin_.emplace(folder_ / (next_name() + ".bin"),
               static_cast<std::uint64_t>(tokens) * token_bytes(limits_.type));
  lengths_.clear();
  document_index_.assign(1, 0);
  shard_tokens_ = tokens;
}

void ShardWriter::close_shard() {
  const std::string name = next_name();
  const fs::path bin_path = bin_->path();
  bin_->close();
  bin_.reset();
  const fs::path idx_path = folder_ / (name + ".idx");
  write_index(idx_path);
  finished_.push_back({.name = name,
                       .tokens = shard_tokens_,
                       .documents = std::ssize(document_index_) - 1,
                       .bin_hash = util::hash_file(bin_path),
                       .idx_hash = util::hash_file(idx_path)});
}

void ShardWriter::write_index(const fs::path& path) const {
  std::vector<std::int64_t> pointers(lengths_.size());
  const auto width = static_cast<std::int64_t>(token_bytes(limits_.type));
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < lengths_.size(); ++i) {
    pointers[i] = offset;
    offset += lengths_[i] * width;
  }
  std::string index(kIndexMagic);
  put(index, kIndexVersion);
  put(index, limits_.type == TokenType::kU16 ? kDtypeU16 : kDtypeI32);
  put(index, std::uint64_t{lengths_.size()});
  put(index, std::uint64_t{document_index_.size()});
  put_all(index, lengths_);
  put_all(index, pointers);
  put_all(index, document_index_);
  util::write_file_atomic(path, index);
}

}  // namespace superpose::corpus
