#include "report/trainers/mapping.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "util/error.h"
#include "util/text.h"

namespace superpose::report {
namespace {

constexpr std::array kSeriesKeys = {"loss",          "bits_per_byte", "train_loss", "learning_rate",
                                    "gradient_norm", "positions",     "raw_tokens", "seconds"};
constexpr std::array kWholeKeys = {"seed",        "positions_per_step", "bag_size",
                                   "switch_step", "total_steps",        "train_tokens"};
constexpr std::array kOtherKeys = {"flops_per_position", "validation", "data"};

template <class Keys>
bool holds(const Keys& keys, const std::string& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

double number_of(const std::string& text, const std::string& who) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  util::require(is_number && std::isfinite(value), who, ": must be a number, got ", text);
  return value;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  return parts;
}

void check_value(const std::string& key, const std::string& value) {
  const std::string who = "--map " + key;
  if (key == "flops_per_position") {
    util::require(number_of(value, who) > 0, who, ": must be > 0, got ", value);
  }
  if (!holds(kWholeKeys, key)) return;
  const double least = key == "seed" || key == "switch_step" ? 0 : 1;
  for (const std::string& one : key == "seed" ? split(value) : std::vector{value}) {
    const double number = number_of(one, who);
    util::require(number >= least && number == std::trunc(number) && number < 9e15, who,
                  ": must be a whole number >= ", least, ", got ", one);
  }
}

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// The run as it is being put together.
class Builder {
 public:
  Builder(const TrainerLog& log, const LogReader& reader, const Mapping& mapping, std::string arm,
          std::size_t index, const std::filesystem::path& path)
      : log_(log),
        reader_(reader),
        mapping_(mapping),
        arm_(std::move(arm)),
        index_(index),
        path_(path.string()) {
    for (const char* key : kSeriesKeys) {
      const Series* series = choose(key);
      if (series != nullptr) chosen_[key] = series;
    }
  }

  MappedRun build() {
    fill_header();
    fill_steps();
    fill_validations();
    MappedRun run;
    run.records = std::move(records_);
    std::vector<std::string> parts;
    for (const auto& [key, series] : chosen_) parts.push_back(key + " is " + series->name);
    run.used = std::string(reader_.name) + (parts.empty() ? "" : ": " + util::join(parts, ", "));
    run.missing = missing();
    return run;
  }

 private:
  std::string given(const std::string& key) const { return mapping_.find(arm_, key, index_); }
  double number(const std::string& key) const {
    const std::string value = given(key);
    return value.empty() ? 0 : number_of(value, "--map " + key);
  }
  std::int64_t whole(const std::string& key) const {
    return static_cast<std::int64_t>(number(key));
  }

  const Series* choose(const std::string& key) const {
    const std::string name = given(key);
    if (name.empty()) {
      for (const KnownSeries& known : reader_.known) {
        const Series* found = known.key == key ? log_.find(known.series) : nullptr;
        if (found != nullptr) return found;
      }
      return nullptr;
    }
    const Series* found = log_.find(name);
    if (found == nullptr) {
      std::vector<std::string> names;
      for (const Series& one : log_.series) names.push_back(one.name);
      util::require(false, path_, ": has no series ", name, " for --map ", key, "; it has ",
                    util::join(names, ", "));
    }
    return found;
  }

  const Series* find(const std::string& key) const {
    const auto found = chosen_.find(key);
    return found == chosen_.end() ? nullptr : found->second;
  }

  // The last value at or before the step; 0 before the first.
  static double value_at(const Series& series, std::int64_t step) {
    double value = 0;
    for (const auto& [at, one] : series.points) {
      if (at > step) break;
      value = one;
    }
    return value;
  }

  std::int64_t positions_at(std::int64_t step) const {
    const Series* series = find("positions");
    return series != nullptr ? std::llround(value_at(*series, step))
                             : step * whole("positions_per_step");
  }

  // A bag is one position; so many tokens as its size.
  std::int64_t raw_tokens_at(std::int64_t step) const {
    const Series* series = find("raw_tokens");
    if (series != nullptr) return std::llround(value_at(*series, step));
    if (given("bag_size").empty()) return 0;
    const std::int64_t extra = positions_at(std::min(step, whole("switch_step")));
    return positions_at(step) + (whole("bag_size") - 1) * extra;
  }

  double seconds_at(std::int64_t step) const {
    const Series* series = find("seconds");
    return series == nullptr ? 0 : value_at(*series, step);
  }

  void fill_header() {
    metrics::RunHeader& header = records_.header;
    header.seed = whole("seed");
    header.flops_per_position = number("flops_per_position");
    header.positions_per_step = whole("positions_per_step");
    header.train_tokens = whole("train_tokens");
    header.total_steps = given("total_steps").empty() ? log_.total_steps : whole("total_steps");
    header.fingerprints = {arm_, given("data"), given("validation")};
    if (const Series* rates = find("learning_rate")) {
      for (const auto& [step, rate] : rates->points) {
        header.learning_rate = std::max(header.learning_rate, rate);
      }
    }
    if (given("bag_size").empty()) return;
    const std::int64_t switch_step = whole("switch_step");
    const std::int64_t bag_size = whole("bag_size");
    if (bag_size > 1) header.phases.push_back({0, switch_step, bag_size, bag_size});
    std::int64_t last = header.total_steps;
    for (const Series& one : log_.series) {
      if (!one.points.empty()) last = std::max(last, one.points.back().first);
    }
    header.phases.push_back({switch_step, std::max<std::int64_t>(0, last - switch_step), 1, 1});
  }

  bool is_superposed_at(std::int64_t step) const {
    return whole("bag_size") > 1 && step <= whole("switch_step");
  }

  void fill_steps() {
    std::map<std::int64_t, metrics::StepRecord> steps;
    const auto record_at = [&](std::int64_t step) -> metrics::StepRecord& {
      const auto [found, is_new] = steps.try_emplace(step);
      metrics::StepRecord& record = found->second;
      if (!is_new) return record;
      record.step = step;
      record.loss = record.learning_rate = record.gradient_norm = kNone;
      record.positions_per_second = record.wait_share = kNone;
      record.is_bag_loss = is_superposed_at(step);
      record.phase = whole("bag_size") > 1 && !record.is_bag_loss ? 1 : 0;
      record.bag_size = record.target_size = record.is_bag_loss ? whole("bag_size") : 1;
      record.positions = positions_at(step);
      record.raw_tokens = raw_tokens_at(step);
      record.seconds = seconds_at(step);
      return record;
    };
    const auto take = [&](const char* key, double metrics::StepRecord::*member) {
      const Series* series = find(key);
      if (series == nullptr) return;
      for (const auto& [step, value] : series->points) record_at(step).*member = value;
    };
    take("train_loss", &metrics::StepRecord::loss);
    take("learning_rate", &metrics::StepRecord::learning_rate);
    take("gradient_norm", &metrics::StepRecord::gradient_norm);
    for (const Series& series : log_.series) {
      const bool is_mapped = std::any_of(chosen_.begin(), chosen_.end(),
                                         [&](const auto& one) { return one.second == &series; });
      if (is_mapped) continue;
      for (const auto& [step, value] : series.points) {
        record_at(step).scalars.emplace_back(series.name, value);
      }
    }
    for (auto& [step, record] : steps) records_.steps.push_back(std::move(record));
  }

  void fill_validations() {
    const Series* loss = find("loss");
    if (loss == nullptr) return;
    const Series* bits = find("bits_per_byte");
    for (const auto& [step, value] : loss->points) {
      metrics::ValidationRecord& record = records_.validations.emplace_back();
      record.step = step;
      record.positions = positions_at(step);
      record.raw_tokens = raw_tokens_at(step);
      record.seconds = seconds_at(step);
      record.loss = value;
      record.perplexity = std::exp(value);
      if (bits == nullptr) continue;
      for (const auto& [at, one] : bits->points) {
        if (at == step) record.bits_per_byte = one;
      }
    }
  }

  std::vector<std::string> missing() const {
    std::vector<std::string> keys;
    const auto needs = [&](const char* key, bool is_there) {
      if (!is_there) keys.emplace_back(key);
    };
    needs("loss", find("loss") != nullptr);
    needs("seed", !given("seed").empty());
    needs("flops_per_position", !given("flops_per_position").empty());
    needs("positions_per_step",
          find("positions") != nullptr || !given("positions_per_step").empty());
    needs("bag_size", !given("bag_size").empty());
    needs("switch_step", whole("bag_size") <= 1 || whole("switch_step") > 0);
    needs("validation", !given("validation").empty());
    return keys;
  }

  const TrainerLog& log_;
  const LogReader& reader_;
  const Mapping& mapping_;
  std::string arm_;
  std::size_t index_;
  std::string path_;
  std::map<std::string, const Series*> chosen_;  // by key
  metrics::RunRecords records_;
};

}  // namespace

Mapping::Mapping(const std::vector<std::string>& texts) {
  std::vector<std::string> keys(kSeriesKeys.begin(), kSeriesKeys.end());
  keys.insert(keys.end(), kWholeKeys.begin(), kWholeKeys.end());
  keys.insert(keys.end(), kOtherKeys.begin(), kOtherKeys.end());
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    util::require(equals != std::string::npos && equals + 1 < text.size(),
                  "--map: must be KEY=VALUE or ARM:KEY=VALUE, got ", text);
    std::string key = text.substr(0, equals);
    const std::size_t colon = key.rfind(':');
    const std::string arm = colon == std::string::npos ? "" : key.substr(0, colon);
    if (colon != std::string::npos) key = key.substr(colon + 1);
    util::require(holds(keys, key), "--map: unknown key ", key, "; did you mean ",
                  util::nearest_name(key, keys), "? Keys: ", util::join(keys, ", "));
    const std::string value = text.substr(equals + 1);
    check_value(key, value);
    values_[{arm, key}] = value;
  }
}

std::string Mapping::find(const std::string& arm, const std::string& key, std::size_t index) const {
  auto found = values_.find({arm, key});
  if (found == values_.end()) found = values_.find({"", key});
  if (found == values_.end()) return "";
  if (key != "seed") return found->second;
  const std::vector<std::string> seeds = split(found->second);
  return index < seeds.size() ? seeds[index] : "";
}

MappedRun map_run(const TrainerLog& log, const LogReader& reader, const Mapping& mapping,
                  const std::string& arm, std::size_t index, const std::filesystem::path& path) {
  return Builder(log, reader, mapping, arm, index, path).build();
}

}  // namespace superpose::report
