// `superpose doctor`: what can be known of a run before it is paid for.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "distributed/collective.h"
#include "doctor/check.h"
#include "train/run.h"
#include "util/json.h"

namespace superpose::doctor {

struct CheckResult {
  std::string name;
  Outcome outcome;
};

struct Report {
  std::vector<CheckResult> checks;
  double seconds = 0;

  bool passed() const;  // nothing failed; warnings, and what was not tried, do not count
};

// Makes every check of checks.h on the run that `spec` describes. Prepares its corpus, as the run
// would; writes nothing else that stays. Every rank calls it: they try the network together, then
// rank 0 continues alone as the first of them, and the others wait; only rank 0's report is filled.
// Each result is printed to `progress` as it comes; may be null.
Report examine(const train::RunSpec& spec, distributed::Collective& ranks, std::ostream* progress);

// One result as rows of the table: status, name, what was found, what to do.
void print(std::ostream& out, const CheckResult& result);

// "all 16 checks passed" and the like.
std::string summary(const Report& report);

util::Json to_json(const Report& report);

}  // namespace superpose::doctor
