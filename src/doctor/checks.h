// The checks of `superpose doctor`, in the order in which they are made: a file each, and a line of
// the table in checks.cpp.
#pragma once

#include <span>

#include "distributed/collective.h"
#include "doctor/check.h"

namespace superpose::doctor {

std::span<const Check> checks();

Outcome check_run_folder(Subject& subject);
Outcome check_ranks(Subject& subject);  // what exchange() gave
Outcome check_corpus(Subject& subject);
Outcome check_tokenizer(Subject& subject);
Outcome check_bags(Subject& subject);
Outcome check_text(Subject& subject);  // plan_checks.cpp, and the next three
Outcome check_schedule(Subject& subject);
Outcome check_machine(Subject& subject);
Outcome check_disk(Subject& subject);
Outcome check_weights(Subject& subject);
Outcome check_first_loss(Subject& subject);
Outcome check_bags_of_one(Subject& subject);
Outcome check_gradient(Subject& subject);
Outcome check_causality(Subject& subject);
Outcome check_step(Subject& subject);
Outcome check_checkpoint(Subject& subject);

// Seconds of a sum of 4 MiB over the ranks. Every rank calls it. Throws util::Error where they do
// not reach each other, or add up wrongly.
double exchange(distributed::Collective& ranks);

}  // namespace superpose::doctor
