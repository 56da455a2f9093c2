// The sections of the page that hold plots; those without data have no body.
#pragma once

#include <string>

#include "report/analysis.h"
#include "report/page/parts.h"

namespace superpose::report {

// " Dotted: the switch."; "" where no run has one.
std::string switch_words(const Analysis& analysis);

Section budget_plot(const Analysis& analysis);
Section loss_plot(const Analysis& analysis);
Section gap_plot(const Analysis& analysis);
Section context_plots(const Analysis& analysis);
Section rate_plot(const Analysis& analysis);
Section step_plot(const Analysis& analysis);
Section bag_plot(const Analysis& analysis);
Section router_plot(const Analysis& analysis);

}  // namespace superpose::report
