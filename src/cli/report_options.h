// What `superpose report` takes.
#pragma once

#include "cli/commands.h"

namespace CLI {
class App;
}

namespace superpose::cli {

void add_report_options(CLI::App& command, ReportOptions& options);

}  // namespace superpose::cli
