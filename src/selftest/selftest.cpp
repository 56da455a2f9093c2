#include "selftest/selftest.h"

#include <ATen/Context.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <ostream>

#include "bench/session.h"
#include "ops/kernels.h"
#include "selftest/operator_checks.h"
#include "selftest/resume_check.h"
#include "train/setup.h"
#include "util/clock.h"
#include "util/process.h"
#include "util/resources.h"
#include "util/text.h"

namespace superpose::selftest {
namespace {

constexpr std::int64_t kBags[] = {4, 8, 16};
constexpr std::int64_t kTimedBlocks = 5;
constexpr double kBlockSeconds = 0.5;

// The demo's decoder and batch.
train::RunConfig demo_config(const Options& options, train::Precision precision) {
  train::RunConfig config;
  config.model.preset = "demo";
  config.train.batch_positions = 4096;
  config.train.sequence_length = 256;
  config.train.device = options.device;
  config.train.precision = precision;
  config.optim.learning_rate = 4e-3;
  return config;
}

// A fresh decoder knows nothing: its loss on random ids is ln V and half the variance of its
// logits, which is small. And it learns: the loss on a batch seen before is lower.
std::vector<Check> check_step(const bench::Session& session, const bench::Result& measured,
                              const std::string& precision) {
  std::vector<Check> checks;
  const double nothing = std::log(static_cast<double>(session.model().vocab_size));
  for (const bench::CaseResult& item : measured.cases) {
    const std::string name = "step with bags of " + item.which.name() + " " + precision;
    checks.push_back({.name = name + ": first loss",
                      .measured = std::abs(item.first_losses.front() - nothing),
                      .allowed = 0.15,
                      .unit = "nats from ln V"});
    checks.push_back({.name = name + ": third loss",
                      .measured = item.first_losses.back() - item.first_losses.front(),
                      .allowed = 0,
                      .unit = "nats above the first"});
  }
  return checks;
}

void measure_speed(const Options& options, train::Precision precision, Result& result) {
  const std::string name(train::name_of(precision));
  try {
    bench::Session session(demo_config(options, precision),
                           std::vector<std::int64_t>(std::begin(kBags), std::end(kBags)),
                           options.machine);
    Speed speed{.isa = ops::isa_in_force(), .precision = name};
    speed.result =
        bench::measure(session, {.num_blocks = kTimedBlocks, .block_seconds = kBlockSeconds});
    speed.positions_per_second = static_cast<double>(session.config().train.batch_positions) /
                                 speed.result.cases.front().step.median;
    const std::vector<Check> checks = check_step(session, speed.result, name);
    result.checks.insert(result.checks.end(), checks.begin(), checks.end());
    result.speeds.push_back(std::move(speed));
  } catch (const std::exception& error) {
    result.checks.push_back({.name = "steps in " + name, .failure = error.what()});
  }
}

std::string number(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

void print_check(std::ostream& out, const Check& check) {
  char line[256];
  std::snprintf(line, sizeof(line), "  %-6s %-53s ", check.passed() ? "ok" : "FAILED",
                check.name.c_str());
  out << line;
  if (check.failure.empty()) {
    out << number("%.2g", check.measured) << " <= " << number("%.2g", check.allowed) << ' '
        << check.unit << '\n';
  } else {
    out << check.failure.substr(0, check.failure.find('\n')) << '\n';
  }
}

void print_speed(std::ostream& out, const Speed& speed) {
  out << "  " << speed.precision << " with " << speed.isa
      << " kernels: " << util::format_count(std::llround(speed.positions_per_second))
      << " positions/s";
  for (const bench::CaseResult& item : speed.result.cases) {
    if (&item == &speed.result.cases.front()) continue;
    out << ", bags of " << item.which.name() << ": step x " << number("%.3f", item.ratio.median);
  }
  out << '\n';
}

// Everything, with the kernels of the level, which is in force.
void run_level(const Options& options, const std::string& level, at::Device device,
               std::ostream& progress, Result& result) {
  progress << "operators against f64 on " << result.device << std::endl;
  const std::vector<Check> checks = check_operators(device);
  result.checks.insert(result.checks.end(), checks.begin(), checks.end());
  progress << "a run that is killed twice" << std::endl;
  result.checks.push_back(check_resume(options.program, result.device, level));
  progress << "steps of the demo's model, bags of 1 to 16" << std::endl;
  measure_speed(options, train::Precision::kF32, result);
  const train::Precision best =
      train::choose_precision(train::Precision::kAuto, device, options.machine);
  if (best != train::Precision::kF32) measure_speed(options, best, result);
}

}  // namespace

bool Result::passed() const {
  return std::all_of(checks.begin(), checks.end(), [](const Check& c) { return c.passed(); });
}

Result run(const Options& options, std::ostream& progress) {
  const double begin = util::steady_seconds();
  const at::Device device = train::choose_device(options.device);
  Result result;
  result.device = device.is_cpu() ? "cpu" : "cuda";
  const train::ThreadScope threads(util::available_cores());
  for (const std::string& level : options.isa_levels) {
    ops::set_isa_override(level);
    progress << "kernels: " << ops::isa_in_force() << std::endl;
    const auto first = static_cast<std::ptrdiff_t>(result.checks.size());
    run_level(options, level, device, progress, result);
    if (level == "auto") continue;
    std::for_each(result.checks.begin() + first, result.checks.end(),
                  [&](Check& check) { check.name = level + ": " + check.name; });
  }
  result.peak_memory_bytes = util::peak_memory_bytes();
  result.seconds = util::steady_seconds() - begin;
  return result;
}

void print(std::ostream& out, const Result& result) {
  out << "checks\n";
  for (const Check& check : result.checks) print_check(out, check);
  out << "speed of the preset `demo` (16 rows of 256 positions)\n";
  for (const Speed& speed : result.speeds) print_speed(out, speed);
  out << "peak memory " << util::format_bytes(static_cast<std::uint64_t>(result.peak_memory_bytes))
      << '\n';
  const auto failed = std::count_if(result.checks.begin(), result.checks.end(),
                                    [](const Check& check) { return !check.passed(); });
  out << (failed == 0 ? "all " + std::to_string(result.checks.size()) + " checks passed"
                      : std::to_string(failed) + " of " + std::to_string(result.checks.size()) +
                            " checks FAILED")
      << " in " << util::format_duration(result.seconds) << '\n';
}

util::Json to_json(const Result& result, const train::Machine& machine) {
  util::Json json{{"schema", 1},
                  {"passed", result.passed()},
                  {"device", result.device},
                  {"cpu", machine.cpu},
                  {"kernels", machine.kernels},
                  {"peak_memory_bytes", result.peak_memory_bytes},
                  {"seconds", result.seconds}};
  for (const auto& [name, version] : machine.versions) json["versions"][name] = version;
  for (const Check& check : result.checks) {
    json["checks"].push_back({{"name", check.name},
                              {"passed", check.passed()},
                              {"measured", check.measured},
                              {"allowed", check.allowed},
                              {"unit", check.unit},
                              {"failure", check.failure}});
  }
  for (const Speed& speed : result.speeds) {
    util::Json entry{{"isa", speed.isa},
                     {"precision", speed.precision},
                     {"positions_per_second", speed.positions_per_second},
                     {"first_step_seconds", speed.result.first_step_seconds}};
    for (const bench::CaseResult& item : speed.result.cases) {
      entry["cases"].push_back({{"bags", item.which.name()},
                                {"step_seconds", item.step.median},
                                {"ratio", item.ratio.median},
                                {"first_losses", item.first_losses}});
    }
    json["speeds"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace superpose::selftest
