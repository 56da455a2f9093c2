#include "report/report.h"

#include "report/export.h"
#include "report/page/page.h"
#include "util/error.h"
#include "util/file_names.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::report {
namespace {

// Whether an earlier version wrote a file of this name for the comparison.
bool is_of_comparison(const Experiment& experiment, const std::string& name,
                      const std::string& content) {
  if (name == util::kExperimentFile) return true;
  if (name == "report.json") {
    return util::parse_json(content, name).value("recipe_fingerprint", "") ==
           experiment.recipe_fingerprint;
  }
  if (name == "report.html") {
    return content.starts_with("<!doctype html>\n") &&
           content.find("<title>Superpose: ") != std::string::npos;
  }
  return content.starts_with("arm,seed,learning_rate,budget,role,");
}

}  // namespace

util::OutputFolder open_output(const std::filesystem::path& folder, util::Overwrite overwrite) {
  const auto recognize = [folder](const std::string& name, const std::string& content) {
    try {
      return is_of_comparison(read_experiment(folder), name, content);
    } catch (const std::exception&) {
      return false;  // no comparison, or a report.json of another kind
    }
  };
  return util::OutputFolder(folder, overwrite, recognize);
}

std::filesystem::path write_report(const Analysis& analysis, const util::OutputFolder& folder,
                                   const std::filesystem::path& plotly_script) {
  folder.check(kReportFiles);
  util::AtomicDirectory staged = folder.stage();
  const auto write = [&staged](const char* name, const std::string& content) {
    util::write_file_atomic(staged.path() / name, content);
  };
  write("report.json", report_json(analysis));
  write("results.csv", results_csv(analysis));
  write("curves.csv", curves_csv(analysis));
  write("report.html", html_page(analysis, util::read_file(plotly_script)));
  folder.commit(staged);
  return folder.path() / "report.html";
}

}  // namespace superpose::report
