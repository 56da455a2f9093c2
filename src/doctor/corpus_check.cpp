// The recipe describes a run that can be set up: text, tokenizer, model and start fit together.
#include "doctor/checks.h"
#include "doctor/subject.h"
#include "util/text.h"

namespace superpose::doctor {

Outcome check_corpus(Subject& subject) {
  subject.setup.emplace(train::set_up(subject.spec, subject.alone));
  const train::Setup& setup = *subject.setup;
  subject.plan.emplace(train::make_plan(subject.spec, setup, subject.alone.world_size()));
  subject.few_rows = open_rows(subject, sample_rows(subject));
  const corpus::SplitStats& stats = setup.corpus.train_stats;
  std::string found = util::counted(stats.documents, "document") + ", " +
                      util::format_count(stats.tokens) + " tokens to train on";
  for (const train::PlannedSet& set : subject.plan->validation) {
    found += "; " + set.name + ": " + util::counted(set.windows, "window");
  }
  return {.found = found};
}

}  // namespace superpose::doctor
