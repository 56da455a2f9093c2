#include "report/report.h"

#include <system_error>

#include "report/export.h"
#include "report/page.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::report {

std::filesystem::path write_report(const Analysis& analysis, const std::filesystem::path& folder,
                                   const std::filesystem::path& plotly_script) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  util::require(!error, folder.string(), ": cannot be created: ", error.message());
  const std::filesystem::path page = folder / "report.html";
  util::write_file_atomic(folder / "report.json", report_json(analysis));
  util::write_file_atomic(folder / "results.csv", results_csv(analysis));
  util::write_file_atomic(folder / "curves.csv", curves_csv(analysis));
  util::write_file_atomic(page, html_page(analysis, util::read_file(plotly_script)));
  return page;
}

}  // namespace superpose::report
