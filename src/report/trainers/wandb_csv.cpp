// CSV files that Weights & Biases exports: of a plot ("Step", "RUN - SERIES" with its __MIN and
// __MAX), and of a run's history ("_step" and the names of its series). An empty cell, or one that
// holds no number, has no value.
#include <charconv>
#include <optional>

#include "report/trainers/trainer_log.h"
#include "util/error.h"
#include "util/files.h"
#include "util/utf8.h"

namespace superpose::report {
namespace {

// Cells with quotes as in RFC 4180; takes the line off `text`.
std::vector<std::string> take_line(std::string_view& text) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      const bool doubled = quoted && at + 1 < text.size() && text[at + 1] == '"';
      if (doubled) cells.back().push_back(text[++at]);
      if (!doubled) quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else if (c == '\n' && !quoted) {
      ++at;
      break;
    } else if (c != '\r') {
      cells.back().push_back(c);
    }
  }
  text.remove_prefix(at);
  return cells;
}

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::size_t> step_column(const std::vector<std::string>& names) {
  for (const char* name : {"_step", "Step"}) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) return i;
    }
  }
  return std::nullopt;
}

bool recognizes(const std::filesystem::path& path, std::string_view head) {
  if (path.extension() != ".csv") return false;
  std::string_view rest = util::without_byte_order_mark(head);
  return step_column(take_line(rest)).has_value();
}

bool is_bound(const std::string& name) {
  return name.ends_with("__MIN") || name.ends_with("__MAX");
}

TrainerLog read(const std::filesystem::path& path) {
  const std::string text = util::read_file(path);
  std::string_view rest = util::without_byte_order_mark(text);
  const std::vector<std::string> names = take_line(rest);
  const std::size_t steps = step_column(names).value();
  TrainerLog log;
  for (std::size_t number = 2; !rest.empty(); ++number) {
    const std::vector<std::string> cells = take_line(rest);
    if (cells.size() == 1 && cells[0].empty()) continue;
    const std::string where = path.string() + ": row " + std::to_string(number);
    util::require(cells.size() == names.size(), where, ": expected ", names.size(), " values, got ",
                  cells.size());
    const std::optional<double> step = number_of(cells[steps]);
    util::require(step.has_value(), where, ": ", names[steps], " must be a number, got ",
                  cells[steps]);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i == steps || is_bound(names[i])) continue;
      const std::optional<double> value = number_of(cells[i]);
      if (value) log.add(names[i], static_cast<std::int64_t>(*step), *value);
    }
  }
  return log;
}

}  // namespace

const LogReader kWandbReader = {"W&B CSV export",
                                recognizes,
                                read,
                                {{"loss", "eval/loss"},
                                 {"loss", "val/loss"},
                                 {"train_loss", "train/loss"},
                                 {"learning_rate", "train/learning_rate"},
                                 {"learning_rate", "lr"},
                                 {"gradient_norm", "train/grad_norm"}}};

}  // namespace superpose::report
