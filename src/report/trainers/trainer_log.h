// What another trainer recorded of a run, as its file has it. Nothing is renamed, converted or
// filled in here; mapping.h makes a run of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace superpose::report {

// One quantity over the steps, each step once, in order.
struct Series {
  std::string name;                                          // as in the file
  std::vector<std::pair<std::int64_t, double>> points = {};  // step, value
};

struct TrainerLog {
  std::vector<Series> series;
  std::int64_t total_steps = 0;  // that the run was to take; 0 where the file does not say

  const Series* find(std::string_view name) const;
  // A later value of a step takes the place of an earlier one. Values that are not finite are left
  // out.
  void add(std::string_view name, std::int64_t step, double value);
  void sort();  // by step
};

// A series that the format itself defines: `series` of the file is `key` of mapping.h.
struct KnownSeries {
  const char* key;
  const char* series;
};

// A format. To add one: a file with its reader, and its line in `kReaders` of trainer_log.cpp.
struct LogReader {
  const char* name;  // "W&B CSV export"
  // Whether `path`, a file or a folder, is of this format; `head` is how a file begins.
  bool (*recognizes)(const std::filesystem::path& path, std::string_view head);
  // Throws util::Error naming file and place.
  TrainerLog (*read)(const std::filesystem::path& path);
  std::vector<KnownSeries> known;  // of several for one key the first that is there
};
extern const LogReader kTensorBoardReader;
extern const LogReader kTrainerStateReader;
extern const LogReader kWandbReader;
extern const LogReader kTextLogReader;

// The reader of the file or folder; null where it is of no format of another trainer.
const LogReader* find_reader(const std::filesystem::path& path);

}  // namespace superpose::report
