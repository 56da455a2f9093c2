#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <thread>
#include <utility>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/paths.h"
#include "report/report.h"
#include "report/words/words.h"
#include "util/error.h"
#include "util/file_names.h"
#include "util/stop_signal.h"

namespace superpose::cli {
namespace {

// "tst=runs/a,runs/b"
report::ArmPaths parse_arm(const std::string& text) {
  const std::size_t equals = text.find('=');
  util::require(equals != std::string::npos && equals > 0 && equals + 1 < text.size(),
                "--arm: must be name=PATH,PATH, got ", text);
  report::ArmPaths arm{text.substr(0, equals), {}};
  std::size_t begin = equals + 1;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    util::require(end > begin, "--arm: empty path in ", text);
    arm.paths.emplace_back(expand_path(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return arm;
}

report::Experiment gather(const ReportOptions& options) {
  util::require(
      options.folders.empty() != options.arms.empty(),
      "report: give a run, folders of one comparison, or --arm name=PATH,... (twice or more)");
  const report::Mapping mapping(options.map);
  if (options.folders.size() == 1 && report::is_one_run(options.folders.front())) {
    return report::experiment_of_run(options.folders.front(), mapping);
  }
  if (!options.folders.empty()) {
    util::require(mapping.empty(), "--map: is for the records of other trainers, got ",
                  options.folders.front());
    return report::merge_experiments({options.folders.begin(), options.folders.end()});
  }
  std::vector<report::ArmPaths> arms;
  for (const std::string& text : options.arms) arms.push_back(parse_arm(text));
  return report::experiment_from_arms(arms, mapping);
}

namespace fs = std::filesystem;

bool is_report_file(const std::string& name) {
  const std::vector<std::string>& ours = report::kReportFiles;
  return name == util::kMarkerName || std::find(ours.begin(), ours.end(), name) != ours.end();
}

std::uintmax_t size_of(const fs::path& file) {
  std::error_code ignored;  // it may be replaced at this moment
  const std::uintmax_t size = fs::file_size(file, ignored);
  return ignored ? 0 : size;
}

// Grows whenever a run of the folder, or of one below it, records something.
std::uintmax_t recorded_bytes(const fs::path& path) {
  if (!fs::is_directory(path)) return size_of(path);
  std::uintmax_t bytes = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (entry.is_directory()) {
      bytes += size_of(entry.path() / util::kRecordsFile);
    } else if (!is_report_file(entry.path().filename().string())) {
      bytes += size_of(entry.path());
    }
  }
  return bytes;
}

std::uintmax_t recorded_bytes(const ReportOptions& options) {
  std::uintmax_t bytes = 0;
  for (const std::string& folder : options.folders) bytes += recorded_bytes(fs::path(folder));
  for (const std::string& text : options.arms) {
    for (const fs::path& path : parse_arm(text).paths) bytes += recorded_bytes(path);
  }
  return bytes;
}

// A run that did its last step, or that a bad loss has ended.
bool has_ended(const report::Run& run) {
  const std::vector<metrics::EventRecord>& events = run.records.events;
  const bool failed = !events.empty() && events.back().kind == metrics::EventKind::kError;
  return failed || run.records.summary ||
         (run.is_foreign && run.records.header.total_steps > 0 && !run.records.steps.empty() &&
          run.records.steps.back().step >= run.records.header.total_steps);
}

bool have_ended(const report::Analysis& analysis) {
  return analysis.runs.size() == analysis.experiment.runs.size() &&
         std::all_of(analysis.runs.begin(), analysis.runs.end(), has_ended);
}

// Whether a signal came within the time.
bool waited(const util::StopSignal& stop, std::chrono::milliseconds time) {
  constexpr std::chrono::milliseconds kStep(100);
  for (std::chrono::milliseconds passed(0); passed < time && !stop.requested(); passed += kStep) {
    std::this_thread::sleep_for(kStep);
  }
  return stop.requested();
}

// Rewrites the page as the records grow. A record that cannot be read at some moment, as while it
// is being replaced, is tried again.
int watch(const ReportOptions& options, const util::OutputFolder& folder, report::Analysis analysis,
          std::uintmax_t shown) {
  constexpr std::chrono::seconds kBetween(5);
  const util::StopSignal stop;
  while (!have_ended(analysis)) {
    if (waited(stop, kBetween)) return kStoppedBySignal;
    const std::uintmax_t now = recorded_bytes(options);
    if (now == shown) continue;
    try {
      analysis = report::analyze(gather(options));
      report::write_report(analysis, folder, plotly_script());
      shown = now;
      std::cout << report::put_in_words(analysis).headline << std::endl;
    } catch (const util::Error& error) {
      std::cerr << "superpose: " << error.what() << "; the page stays as it was\n";
    }
  }
  return kDone;
}

}  // namespace

int report_command(const ReportOptions& options) {
  for (const std::string& folder : options.folders) {
    util::require(std::filesystem::exists(folder), folder,
                  ": no such folder; expected a run or the run.dir of a comparison");
  }
  const std::uintmax_t recorded = options.watch ? recorded_bytes(options) : 0;
  const report::Experiment experiment = gather(options);
  std::string out = options.out;
  const bool has_folder =
      !options.folders.empty() && std::filesystem::is_directory(options.folders.front());
  if (out.empty()) out = has_folder ? options.folders.front() : ".";
  const util::OutputFolder folder = report::open_output(out, options.overwrite);
  folder.check(report::kReportFiles);
  const report::Analysis analysis = report::analyze(experiment);
  const std::filesystem::path page = report::write_report(analysis, folder, plotly_script());
  std::cout << report::in_words(analysis) << "\nReport: " << page.string() << std::endl;
  return options.watch ? watch(options, folder, analysis, recorded) : kDone;
}

}  // namespace superpose::cli
