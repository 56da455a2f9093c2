#include "metrics/reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <string>
#include <string_view>

#include "metrics/json.h"
#include "util/error.h"
#include "util/file_names.h"
#include "util/files.h"
#include "util/utf8.h"

namespace superpose::metrics {
namespace {

struct Line {
  std::size_t number = 0;  // 1-based
  std::string_view text;
  bool complete = true;  // ends with a newline
};

std::vector<Line> split_lines(std::string_view text) {
  std::vector<Line> lines;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const bool complete = end != std::string_view::npos;
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back({++number, line, complete});
    text.remove_prefix(complete ? end + 1 : text.size());
  }
  return lines;
}

void check_same_experiment(const Fingerprints& first, const Fingerprints& now,
                           const std::string& where) {
  const auto check = [&](const char* what, const std::string& a, const std::string& b) {
    util::require(a == b, where, ": header: ", what,
                  " fingerprint must stay what it was in this run (", a, "), got ", b);
  };
  check("recipe", first.recipe, now.recipe);
  check("data", first.data, now.data);
  check("validation", first.validation, now.validation);
}

// JSON has no number that is not finite, but a table can hold "nan".
template <class Scores>
void check_figures(const Scores& scores, const std::string& where, const std::string& of) {
  const auto check = [&](const char* name, const std::optional<double>& value) {
    util::require(!value || std::isfinite(*value), where, ": validation: ", name, of,
                  " must be finite, got ", value.value_or(0));
  };
  check("loss", scores.loss);
  check("loss_half_a", scores.loss_half_a);
  check("loss_half_b", scores.loss_half_b);
  check("bits_per_byte", scores.bits_per_byte);
}

class Collector {
 public:
  explicit Collector(RunRecords& run) : run_(run) {}

  void add(Record record, const std::string& where) {
    if (auto* header = std::get_if<RunHeader>(&record)) {
      if (has_header_) check_same_experiment(run_.header.fingerprints, header->fingerprints, where);
      run_.header = std::move(*header);
      has_header_ = true;
    } else if (auto* step = std::get_if<StepRecord>(&record)) {
      run_.steps.push_back(*step);
    } else if (auto* validation = std::get_if<ValidationRecord>(&record)) {
      add_validation(*validation, where);
    } else if (auto* task = std::get_if<TaskRecord>(&record)) {
      add_task(std::move(*task));
    } else if (auto* final_scores = std::get_if<FinalRecord>(&record)) {
      run_.final_scores = std::move(*final_scores);
    } else if (auto* event = std::get_if<EventRecord>(&record)) {
      run_.events.push_back(std::move(*event));
    } else {
      run_.summary = std::get<SummaryRecord>(std::move(record));
    }
  }
  bool has_header() const { return has_header_; }

 private:
  // As of a validation, the later one counts.
  void add_task(TaskRecord record) {
    const auto same = std::find_if(run_.tasks.begin(), run_.tasks.end(), [&](const auto& task) {
      return task.step == record.step && task.name == record.name;
    });
    if (same != run_.tasks.end()) run_.tasks.erase(same);
    run_.tasks.push_back(std::move(record));
  }

  // A run that was resumed at the step of a validation may have taken it twice: the later one
  // counts.
  void add_validation(const ValidationRecord& record, const std::string& where) {
    check_figures(record, where, "");
    util::require(std::isfinite(record.seconds), where,
                  ": validation: seconds must be finite, got ", record.seconds);
    for (const SetScore& set : record.sets) {
      check_figures(set, where, " of the set " + set.name);
    }
    if (!run_.validations.empty()) {
      ValidationRecord& last = run_.validations.back();
      util::require(record.step >= last.step, where, ": validation: step must not go back from ",
                    last.step, ", got ", record.step);
      if (record.step == last.step) {
        last = record;
        return;
      }
    }
    run_.validations.push_back(record);
  }

  RunRecords& run_;
  bool has_header_ = false;
};

constexpr std::string_view kSetLoss = "loss/";

// The columns of a table, by name; values are read by name with errors that name line and column.
class Table {
 public:
  Table(std::string file, const Line& names) : file_(std::move(file)) {
    const std::vector<std::string> cells = split(names);
    for (std::size_t i = 0; i < cells.size(); ++i) columns_[cells[i]] = i;
    for (const std::string& cell : cells) {
      if (cell.starts_with(kSetLoss)) set_names_.push_back(cell.substr(kSetLoss.size()));
    }
  }

  void set_row(const Line& line) {
    cells_ = split(line);
    where_ = file_ + ":" + std::to_string(line.number);
    util::require(cells_.size() == columns_.size(), where_, ": expected ", columns_.size(),
                  " values, got ", cells_.size());
  }
  const std::string& where() const { return where_; }
  // The validation sets that have a column "loss/NAME", in order.
  const std::vector<std::string>& set_names() const { return set_names_; }

  std::optional<std::string> find(const std::string& name) const {
    const auto column = columns_.find(name);
    if (column == columns_.end() || cells_[column->second].empty()) return std::nullopt;
    return cells_[column->second];
  }
  std::string text(const std::string& name) const {
    util::require(columns_.contains(name), file_, ":1: missing column '", name, "'");
    const std::optional<std::string> found = find(name);
    util::require(found.has_value(), where_, ": missing value in column '", name, "'");
    return *found;
  }
  double number(const std::string& name) const { return parse(name, text(name)); }
  std::optional<double> find_number(const std::string& name) const {
    const std::optional<std::string> found = find(name);
    if (!found) return std::nullopt;
    return parse(name, *found);
  }
  std::int64_t whole(const std::string& name) const {
    const double value = number(name);
    util::require(std::trunc(value) == value, where_, ": column '", name,
                  "': expected a whole number, got ", text(name));
    return static_cast<std::int64_t>(value);
  }

 private:
  // Quotes as in RFC 4180, within one line.
  static std::vector<std::string> split(const Line& line) {
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (std::size_t i = 0; i < line.text.size(); ++i) {
      const char c = line.text[i];
      if (c == '"') {
        const bool doubled = quoted && i + 1 < line.text.size() && line.text[i + 1] == '"';
        if (doubled) {
          cells.back().push_back(line.text[++i]);
        } else {
          quoted = !quoted;
        }
      } else if (c == ',' && !quoted) {
        cells.emplace_back();
      } else {
        cells.back().push_back(c);
      }
    }
    return cells;
  }
  double parse(const std::string& name, const std::string& text) const {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    util::require(error == std::errc() && end == text.data() + text.size(), where_, ": column '",
                  name, "': expected a number, got ", text);
    return value;
  }

  std::string file_;
  std::string where_;
  std::map<std::string, std::size_t> columns_;
  std::vector<std::string> set_names_;
  std::vector<std::string> cells_;
};

RunHeader header_of_row(const Table& row) {
  RunHeader header;
  header.seed = row.whole("seed");
  header.flops_per_position = row.number("flops_per_position");
  header.fingerprints = {row.text("recipe_fingerprint"), row.text("data_fingerprint"),
                         row.text("validation_fingerprint")};
  header.learning_rate = row.find_number("learning_rate").value_or(0);
  header.budget = row.find_number("budget").value_or(1);
  header.train_tokens = static_cast<std::int64_t>(row.find_number("train_tokens").value_or(0));
  const std::int64_t switch_step = row.whole("switch_step");
  const std::int64_t bag_size = row.whole("bag_size");
  if (switch_step > 0) header.phases.push_back({0, switch_step, bag_size, bag_size});
  header.phases.push_back({switch_step, 0, 1, 1});  // its length follows from the last row
  return header;
}

bool same_run(const RunHeader& a, const RunHeader& b) {
  return a.seed == b.seed && a.flops_per_position == b.flops_per_position &&
         a.learning_rate == b.learning_rate && a.budget == b.budget &&
         a.phases.size() == b.phases.size() &&
         a.phases.front().num_steps == b.phases.front().num_steps &&
         a.phases.front().bag_size == b.phases.front().bag_size;
}

ValidationRecord validation_of_row(const Table& row) {
  ValidationRecord record;
  record.step = row.whole("step");
  record.positions = row.whole("positions");
  record.raw_tokens = row.whole("raw_tokens");
  record.seconds = row.number("seconds");
  record.loss = row.number("loss");
  record.loss_half_a = row.find_number("loss_half_a");
  record.loss_half_b = row.find_number("loss_half_b");
  record.bits_per_byte = row.find_number("bits_per_byte");
  record.perplexity = std::exp(record.loss);
  if (row.find("scored_tokens")) {
    record.scored = ScoredText{row.whole("scored_tokens"), row.whole("scored_documents")};
  }
  for (const std::string& name : row.set_names()) {
    SetScore set;
    set.name = name;
    set.loss = row.number("loss/" + name);
    set.loss_half_a = row.find_number("loss_half_a/" + name);
    set.loss_half_b = row.find_number("loss_half_b/" + name);
    set.bits_per_byte = row.find_number("bits_per_byte/" + name);
    set.perplexity = std::exp(set.loss);
    record.sets.push_back(std::move(set));
  }
  return record;
}

}  // namespace

FoundRecords find_records(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return FoundRecords::kNone;
  const std::string text = util::read_file(path);
  const std::size_t end = text.find('\n');
  const std::string_view line = std::string_view(text).substr(0, end);
  if (end == std::string::npos) {
    constexpr std::string_view kStart = R"({"kind":"header")";
    return line.substr(0, kStart.size()) == kStart.substr(0, line.size()) ? FoundRecords::kNone
                                                                          : FoundRecords::kForeign;
  }
  try {
    const Record record = from_json(util::parse_json(line, path.string()), path.string());
    return std::holds_alternative<RunHeader>(record) ? FoundRecords::kSome : FoundRecords::kForeign;
  } catch (const util::Error&) {
    return FoundRecords::kForeign;
  }
}

RunRecords read_json_lines(const std::filesystem::path& path) {
  const std::string text = util::read_file(path);
  RunRecords run;
  Collector collector(run);
  for (const Line& line : split_lines(util::without_byte_order_mark(text))) {
    if (!line.complete || line.text.empty()) continue;
    const std::string where = path.string() + ":" + std::to_string(line.number);
    collector.add(from_json(util::parse_json(line.text, where), where), where);
  }
  util::require(collector.has_header(), path.string(),
                ": must hold a record of kind 'header', got none");
  return run;
}

RunRecords read_csv(const std::filesystem::path& path) {
  const std::string text = util::read_file(path);
  const std::vector<Line> lines = split_lines(util::without_byte_order_mark(text));
  util::require(lines.size() >= 2, path.string(),
                ": must hold column names and one row or more, got ", lines.size(), " lines");
  Table table(path.string(), lines.front());
  RunRecords run;
  Collector collector(run);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].text.empty()) continue;
    table.set_row(lines[i]);
    const RunHeader header = header_of_row(table);
    util::require(
        !collector.has_header() || same_run(run.header, header), table.where(),
        ": seed, flops_per_position, learning_rate, budget, switch_step and bag_size must be the "
        "same in all rows of a run, got another");
    collector.add(header, table.where());
    collector.add(validation_of_row(table), table.where());
  }
  util::require(!run.validations.empty(), path.string(), ": must hold one row or more, got none");
  const ValidationRecord& last = run.validations.back();
  run.header.total_steps = last.step;
  run.header.phases.back().num_steps = last.step - run.header.phases.back().first_step;
  return run;
}

RunRecords read_run(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) {
    const std::filesystem::path lines = path / util::kRecordsFile;
    const std::filesystem::path table = path / "metrics.csv";
    if (std::filesystem::exists(lines)) return read_json_lines(lines);
    util::require(std::filesystem::exists(table), path.string(),
                  ": must hold metrics.jsonl or metrics.csv, found neither");
    return read_csv(table);
  }
  util::require(std::filesystem::exists(path), path.string(), ": no such file or folder");
  return path.extension() == ".csv" ? read_csv(path) : read_json_lines(path);
}

}  // namespace superpose::metrics
