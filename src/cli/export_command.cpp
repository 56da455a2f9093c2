#include <iostream>

#include "cli/commands.h"
#include "cli/machine.h"
#include "train/model_export.h"
#include "util/text.h"

namespace superpose::cli {

int export_command(const ExportOptions& options) {
  const train::ExportResult result =
      train::export_model({.from = options.from,
                           .to = options.to,
                           .type = options.type,
                           .overwrite = options.overwrite,
                           .program = "superpose " + program_version()});
  for (const std::string& warning : result.warnings) std::cout << "warning: " << warning << '\n';
  std::cout << "written: " << options.to << " (" << util::join(result.files, ", ") << ")\n"
            << "verified: weights read back equal (" << result.type
            << "); logits on a test prompt differ by at most "
            << util::format_double(result.logit_error) << " (relative)\n";
  return kDone;
}

}  // namespace superpose::cli
