#include "report/trainers/trainer_log.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

#include "util/file_names.h"

namespace superpose::report {
namespace {

constexpr std::array kReaders = {&kTensorBoardReader, &kTrainerStateReader, &kWandbReader,
                                 &kTextLogReader};
constexpr std::size_t kHeadBytes = 65536;

std::string head_of(const std::filesystem::path& path) {
  std::string head(kHeadBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(file.gcount()));
  return head;
}

}  // namespace

const Series* TrainerLog::find(std::string_view name) const {
  const auto found = std::find_if(series.begin(), series.end(),
                                  [name](const Series& one) { return one.name == name; });
  return found == series.end() ? nullptr : &*found;
}

void TrainerLog::add(std::string_view name, std::int64_t step, double value) {
  if (!std::isfinite(value)) return;
  auto found = std::find_if(series.begin(), series.end(),
                            [name](const Series& one) { return one.name == name; });
  if (found == series.end()) found = series.insert(series.end(), {std::string(name)});
  found->points.emplace_back(step, value);
}

void TrainerLog::sort() {
  for (Series& one : series) {
    const auto by_step = [](const auto& a, const auto& b) { return a.first < b.first; };
    std::stable_sort(one.points.begin(), one.points.end(), by_step);
    std::vector<std::pair<std::int64_t, double>> last;
    for (const auto& point : one.points) {
      if (!last.empty() && last.back().first == point.first) last.pop_back();
      last.push_back(point);
    }
    one.points = std::move(last);
  }
}

const LogReader* find_reader(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  const bool is_folder = fs::is_directory(path);
  const bool is_own = is_folder ? fs::exists(path / util::kRecordsFile) ||
                                      fs::exists(path / "metrics.csv") ||
                                      fs::exists(path / util::kExperimentFile)
                                : path.extension() == ".jsonl";
  if (is_own || !fs::exists(path)) return nullptr;
  const std::string head = is_folder ? "" : head_of(path);
  const auto found = std::find_if(kReaders.begin(), kReaders.end(), [&](const LogReader* one) {
    return one->recognizes(path, head);
  });
  return found == kReaders.end() ? nullptr : *found;
}

}  // namespace superpose::report
