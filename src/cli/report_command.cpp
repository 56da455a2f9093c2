#include <filesystem>
#include <iostream>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/paths.h"
#include "report/report.h"
#include "util/error.h"

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
  if (options.folders.size() == 1 && report::is_one_run(options.folders.front())) {
    return report::experiment_of_run(options.folders.front());
  }
  if (!options.folders.empty()) {
    return report::merge_experiments({options.folders.begin(), options.folders.end()});
  }
  std::vector<report::ArmPaths> arms;
  for (const std::string& text : options.arms) arms.push_back(parse_arm(text));
  return report::experiment_from_arms(arms);
}

}  // namespace

int report_command(const ReportOptions& options) {
  for (const std::string& folder : options.folders) {
    util::require(std::filesystem::exists(folder), folder,
                  ": no such folder; expected a run or the run.dir of a comparison");
  }
  const report::Experiment experiment = gather(options);
  std::string out = options.out;
  const bool has_folder =
      !options.folders.empty() && std::filesystem::is_directory(options.folders.front());
  if (out.empty()) out = has_folder ? options.folders.front() : ".";
  const util::OutputFolder folder = report::open_output(out, options.overwrite);
  folder.check(report::kReportFiles);
  const report::Analysis analysis = report::analyze(experiment);
  const std::filesystem::path page = report::write_report(analysis, folder, plotly_script());
  std::cout << report::in_words(analysis) << "\nReport: " << page.string() << '\n';
  return kDone;
}

}  // namespace superpose::cli
