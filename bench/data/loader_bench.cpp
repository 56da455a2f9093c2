// Raw tokens that the loader supplies from shards, at several bag sizes, with the shards in the
// page cache and with none of them there: one thread, as in a run (bench/README.md).
//
//   bench_loader FOLDER [TOKENS]     shards of random bytes are made in FOLDER where it has none
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "corpus/shards/shard_writer.h"
#include "corpus/shards/token_shards.h"
#include "data/batch_source.h"
#include "util/error.h"
#include "util/random.h"

namespace superpose {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDocumentTokens = 4096;
constexpr std::int64_t kVocabulary = 257;
constexpr std::int64_t kSequenceLength = 512;
constexpr std::int64_t kRows = 16;
constexpr std::int64_t kLanes = 1024;
constexpr double kBlockSeconds = 1.0;
constexpr int kBlocks = 5;

void make_shards(const fs::path& folder, std::int64_t tokens) {
  fs::create_directories(folder);
  corpus::ShardWriter writer(folder, "train", {});
  const std::uint64_t key = util::stream_key(1, "loader bench");
  std::vector<std::uint16_t> document(static_cast<std::size_t>(kDocumentTokens));
  for (std::int64_t first = 0; first < tokens; first += kDocumentTokens) {
    for (std::size_t i = 0; i < document.size(); i += 8) {
      std::uint64_t bits = util::random_bits(key, (static_cast<std::uint64_t>(first) + i) / 8);
      for (std::size_t j = 0; j < 8; ++j, bits >>= 8) {
        document[i + j] = static_cast<std::uint16_t>(bits & 255);
      }
    }
    writer.append(document);
    writer.end_document();
  }
  writer.finish();
}

std::vector<fs::path> prefixes_in(const fs::path& folder) {
  std::vector<fs::path> prefixes;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".bin") prefixes.push_back(folder / entry.path().stem());
  }
  std::sort(prefixes.begin(), prefixes.end());
  return prefixes;
}

// Of files that nobody has mapped: pages in use stay.
void drop_from_page_cache(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    util::require(file >= 0, "bench: cannot open ", entry.path().string());
    ::fsync(file);
    const int failed = ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
    util::require(failed == 0, "bench: cannot drop ", entry.path().string());
  }
}

data::BatchSource open_source(const fs::path& folder, std::int64_t bag_size, bool aware) {
  auto shards = std::make_shared<const corpus::TokenShards>(prefixes_in(folder), kVocabulary);
  // One epoch.
  const std::int64_t steps = shards->num_tokens() / (kRows * kSequenceLength * bag_size);
  const std::vector<superposition::Phase> phases = {
      {.first_step = 0, .num_steps = steps, .bags = {bag_size, bag_size}}};
  const data::StreamLayout layout = data::choose_layout(
      shards->num_tokens(), data::longest_window(phases, kSequenceLength), kLanes, 0);
  auto stream =
      std::make_shared<const data::TokenStream>(shards, data::StreamOptions{1, layout, aware});
  return {std::move(stream),
          {.phases = phases, .sequence_length = kSequenceLength, .rows_per_step = kRows}};
}

// Raw tokens per second of steps from `step` on for about a second; moves `step` on.
double measure(const data::BatchSource& source, std::int64_t& step) {
  const auto start = std::chrono::steady_clock::now();
  std::int64_t tokens = 0;
  double seconds = 0;
  while (seconds < kBlockSeconds) {
    tokens += source.load(step++ % source.total_steps()).raw_tokens;
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return static_cast<double>(tokens) / seconds;
}

struct Spread {
  double median, lowest, highest;
};

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back()};
}

Spread measure_warm(const fs::path& folder, std::int64_t bag_size, bool aware) {
  const data::BatchSource source = open_source(folder, bag_size, aware);
  std::int64_t step = 0;
  std::vector<double> rates;
  for (int block = 0; block < kBlocks; ++block) rates.push_back(measure(source, step));
  return spread_of(rates);
}

// Each block begins with nothing in the cache, at other steps.
Spread measure_cold(const fs::path& folder, std::int64_t bag_size) {
  std::vector<double> rates;
  std::int64_t step = 0;
  for (int block = 0; block < kBlocks; ++block) {
    drop_from_page_cache(folder);
    rates.push_back(measure(open_source(folder, bag_size, false), step));
  }
  return spread_of(rates);
}

void print(const char* state, std::int64_t bag_size, const Spread& rate) {
  std::printf("%-22s %2lld  %8.2f  %8.2f  %8.2f\n", state, static_cast<long long>(bag_size),
              rate.median / 1e6, rate.lowest / 1e6, rate.highest / 1e6);
  std::fflush(stdout);
}

int run(const fs::path& folder, std::int64_t tokens) {
  if (!fs::exists(folder) || prefixes_in(folder).empty()) make_shards(folder, tokens);
  std::printf("million raw tokens/s    s    median    lowest   highest\n");
  // Reads everything once.
  {
    const auto source = open_source(folder, 16, false);
    for (std::int64_t step = 0; step < source.total_steps(); ++step) source.load(step);
  }
  for (const std::int64_t bag_size : {1, 4, 16}) {
    print("in the page cache", bag_size, measure_warm(folder, bag_size, false));
  }
  for (const std::int64_t bag_size : {1, 4, 16}) {
    print("document_aware", bag_size, measure_warm(folder, bag_size, true));
  }
  for (const std::int64_t bag_size : {1, 4, 16}) {
    print("from the disk", bag_size, measure_cold(folder, bag_size));
  }
  return 0;
}

}  // namespace
}  // namespace superpose

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "bench_loader FOLDER [TOKENS]\n");
    return 2;
  }
  try {
    return superpose::run(argv[1], argc == 3 ? std::atoll(argv[2]) : std::int64_t{1} << 28);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_loader: %s\n", error.what());
    return 1;
  }
}
