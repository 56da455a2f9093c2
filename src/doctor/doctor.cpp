#include "doctor/doctor.h"

#include <algorithm>
#include <exception>
#include <iomanip>
#include <ostream>

#include "doctor/checks.h"
#include "doctor/subject.h"
#include "train/environment.h"
#include "util/clock.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

// What libtorch throws has lines of its own behind the first.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// The name of the check that is missing; empty where nothing is.
std::string missing(const Subject& subject, Needs needs) {
  if (needs != Needs::kNothing && !subject.plan) return "corpus";
  return needs == Needs::kModel && subject.learner == nullptr ? "weights" : "";
}

CheckResult run_check(const Check& check, Subject& subject) {
  CheckResult result{std::string(check.name), {}};
  if (const std::string name = missing(subject, check.needs); !name.empty()) {
    result.outcome = {Status::kNotTried, "needs what \"" + name + "\" lacks", ""};
    return result;
  }
  try {
    result.outcome = check.run(subject);
  } catch (const std::exception& error) {
    result.outcome = {Status::kFailed, first_line(error.what()), std::string(check.advice)};
  }
  return result;
}

Report run_checks(Subject& subject, std::ostream* progress) {
  const double begin = util::steady_seconds();
  Report report;
  for (const Check& check : checks()) {
    report.checks.push_back(run_check(check, subject));
    if (progress != nullptr) print(*progress, report.checks.back());
  }
  report.seconds = util::steady_seconds() - begin;
  return report;
}

std::int64_t count(const Report& report, Status status) {
  return std::count_if(
      report.checks.begin(), report.checks.end(),
      [status](const CheckResult& check) { return check.outcome.status == status; });
}

}  // namespace

bool Report::passed() const { return count(*this, Status::kFailed) == 0; }

Report examine(const train::RunSpec& spec, distributed::Collective& ranks, std::ostream* progress) {
  const train::ThreadScope threads(train::thread_count(spec.config.train, spec.machine.processes));
  Subject subject(spec, ranks);
  Report report;
  try {
    subject.exchange_seconds = exchange(ranks);
  } catch (const std::exception& error) {
    if (ranks.rank() > 0) throw;
    subject.exchange_error = first_line(error.what());
    return run_checks(subject, progress);  // nobody waits
  }
  ranks.broadcast_result(
      [&] {
        report = run_checks(subject, progress);
        return std::string();
      },
      0);
  return report;
}

void print(std::ostream& out, const CheckResult& result) {
  const Outcome& outcome = result.outcome;
  const std::string status =
      outcome.status == Status::kFailed
          ? "FAILED"
          : std::string(kStatusNames[static_cast<std::size_t>(outcome.status)]);
  out << std::left << std::setw(10) << status << ' ' << std::setw(12) << result.name << ' '
      << outcome.found << '\n';
  if (!outcome.next_step.empty()) {
    out << std::string(24, ' ') << "next: " << outcome.next_step << '\n';
  }
  out << std::flush;
}

std::string summary(const Report& report) {
  const std::int64_t failed = count(report, Status::kFailed);
  const std::int64_t warnings = count(report, Status::kWarning);
  const std::int64_t skipped = count(report, Status::kNotTried);
  std::string text = failed == 0 ? "no check failed"
                                 : std::to_string(failed) + " of " +
                                       std::to_string(report.checks.size()) + " checks FAILED";
  if (warnings > 0) text += ", " + util::counted(warnings, "warning");
  if (skipped > 0) text += ", " + std::to_string(skipped) + " not tried";
  return text + " (" + util::format_duration(report.seconds) + ")";
}

util::Json to_json(const Report& report) {
  util::Json json{{"schema", 1}, {"passed", report.passed()}, {"seconds", report.seconds}};
  for (const CheckResult& check : report.checks) {
    json["checks"].push_back(
        {{"name", check.name},
         {"status", kStatusNames[static_cast<std::size_t>(check.outcome.status)]},
         {"found", check.outcome.found},
         {"next_step", check.outcome.next_step}});
  }
  return json;
}

}  // namespace superpose::doctor
