// What nanoGPT and nanochat print:
//
//   step 250: train loss 2.1001, val loss 2.2002
//   iter 260: loss 2.0512, time 45.10ms, mfu 3.20%
//
//   Step 00250 | Validation bpb: 0.9876
//   step 00260/21400 (1.21%) | loss: 4.0512 | grad norm: 0.3477 | dt: 933.39ms | tok/sec: 56,185
//
// Other lines are passed over. A number may have commas and a unit, which is not converted.
#include <algorithm>
#include <charconv>
#include <optional>

#include "report/trainers/trainer_log.h"
#include "util/files.h"

namespace superpose::report {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// The number that `text` begins with.
std::optional<double> number_at(std::string_view text) {
  std::string digits;
  for (const char c : trimmed(text)) {
    if (c != ',') digits.push_back(c);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> take_count(std::string_view& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

// "loss 2.05, time 45.10ms": the name is what stands before the last space.
bool take_nanogpt(std::string_view rest, std::int64_t step, TrainerLog& log) {
  bool has_any = false;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(", "), rest.size());
    const std::string_view part = trimmed(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 2, rest.size()));
    const std::size_t space = part.rfind(' ');
    if (space == std::string_view::npos) continue;
    const std::optional<double> value = number_at(part.substr(space + 1));
    if (!value) continue;
    log.add(part.substr(0, space), step, *value);
    has_any = true;
  }
  return has_any;
}

// " | loss: 4.05 | dt: 933.39ms"
bool take_nanochat(std::string_view rest, std::int64_t step, TrainerLog& log) {
  bool has_any = false;
  for (std::size_t bar = rest.find('|'); bar != std::string_view::npos; bar = rest.find('|')) {
    rest.remove_prefix(bar + 1);
    const std::string_view part = trimmed(rest.substr(0, rest.find('|')));
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos) continue;
    const std::optional<double> value = number_at(part.substr(colon + 1));
    if (!value) continue;
    log.add(part.substr(0, colon), step, *value);
    has_any = true;
  }
  return has_any;
}

// Whether the line holds something of a step.
bool take_line(std::string_view line, TrainerLog& log) {
  if (!take(line, "step ") && !take(line, "Step ") && !take(line, "iter ")) return false;
  const std::optional<std::int64_t> step = take_count(line);
  if (!step) return false;
  if (take(line, ": ")) return take_nanogpt(line, *step, log);
  if (take(line, "/")) {
    const std::optional<std::int64_t> total = take_count(line);
    if (!total) return false;
    log.total_steps = *total;
  }
  return (line.starts_with(" |") || line.starts_with(" (")) && take_nanochat(line, *step, log);
}

TrainerLog read_text(std::string_view text) {
  TrainerLog log;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    take_line(trimmed(text.substr(0, end)), log);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return log;
}

bool recognizes(const std::filesystem::path&, std::string_view head) {
  return !read_text(head).series.empty();
}

TrainerLog read(const std::filesystem::path& path) { return read_text(util::read_file(path)); }

}  // namespace

const LogReader kTextLogReader = {"nanoGPT or nanochat log",
                                  recognizes,
                                  read,
                                  {{"loss", "val loss"},
                                   {"train_loss", "loss"},
                                   {"bits_per_byte", "Validation bpb"},
                                   {"gradient_norm", "grad norm"}}};

}  // namespace superpose::report
