#include "train/plan_text.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <ostream>
#include <sstream>

#include "util/text.h"

namespace superpose::train {
namespace {

// "30 %", "33.3 %"; of small shares two digits.
std::string percent(double share) {
  const double value = 100 * share;
  char text[32];
  std::snprintf(text, sizeof(text), value < 10 ? "%.2g %%" : "%.3g %%", value);
  return text;
}

std::string bytes(std::int64_t count) {
  return util::format_bytes(static_cast<std::uint64_t>(count));
}

std::string describe_phase(const superposition::Phase& phase, const superposition::StepSize& run) {
  std::ostringstream text;
  text << util::with_commas(phase.num_steps) << " steps from "
       << util::with_commas(phase.first_step) << ": ";
  if (phase.bags.is_ntp()) {
    text << "next-token prediction (NTP)";
  } else {
    text << "bags of " << phase.bags.bag_size << " in, " << phase.bags.target_size
         << " targets out";
  }
  if (const auto name = superposition::told_name(phase.objective); !name.empty()) {
    text << ", objective " << name;
  }
  if (phase.bag_order == superposition::BagOrder::kShuffled) text << ", tokens of a row shuffled";
  if (const auto size = superposition::size_of(phase, run); size != run) {
    text << "; a step is " << util::counted(size.rows, "row") << " of "
         << util::counted(size.sequence_length, "position");
  }
  if (phase.handover == superposition::Handover::kWeights) {
    text << "; then the optimizer starts afresh";
  } else if (phase.handover == superposition::Handover::kLayers) {
    text << "; then embedding and head are drawn again";
  }
  return text.str();
}

std::string describe_schedule(const Plan& plan) {
  std::ostringstream text;
  text << "warm-up " << util::with_commas(plan.warmup_steps) << " steps";
  if (plan.decay_steps > 0) {
    text << ", decay over the last " << util::with_commas(plan.decay_steps) << " (from "
         << util::with_commas(plan.total_steps - plan.decay_steps) << ")";
  }
  return text.str();
}

std::string describe_switch(const Plan& plan) {
  static constexpr const char* kParts[] = {"in the warm-up", "in the stable part", "in the decay"};
  std::ostringstream text;
  text << "after " << util::with_commas(*plan.switch_step) << " steps ("
       << percent(static_cast<double>(*plan.switch_step) / static_cast<double>(plan.total_steps))
       << "), " << kParts[static_cast<int>(plan.switch_part)] << " of the schedule at "
       << percent(plan.switch_rate_share) << " of the peak rate; "
       << util::with_commas(plan.recovery_steps) << " steps follow";
  return text.str();
}

// What superposition does to the need of data: a share r of the steps in bags of s reads
// 1 + r (s - 1) times the tokens.
std::string describe_factor(const Plan& plan) {
  if (plan.raw_tokens_factor == 1) return "";
  std::ostringstream text;
  text << " (" << util::fixed(plan.raw_tokens_factor, 2) << " times the baseline's";
  const auto has_bags = [](const superposition::Phase& phase) { return phase.bags.bag_size > 1; };
  const auto& phases = plan.phases;
  if (std::count_if(phases.begin(), phases.end(), has_bags) == 1) {
    const auto phase = std::find_if(phases.begin(), phases.end(), has_bags);
    text << ": 1 + r (s - 1) with r = "
         << util::fixed(
                static_cast<double>(phase->num_steps) / static_cast<double>(plan.total_steps), 2)
         << ", s = " << phase->bags.bag_size;
  }
  text << ')';
  return text.str();
}

// A resumed run may have left the step behind.
std::string ends_in(const Plan& plan, std::int64_t step) {
  return (step < plan.first_step ? "ended in step " : "ends in step ") + util::with_commas(step);
}

std::string describe_source(const Plan& plan, const data::SourceUsage& source) {
  std::ostringstream text;
  text << source.name << ": " << util::format_count(source.tokens) << " tokens available, weight ";
  for (std::size_t i = 0; i < source.phases.size(); ++i) {
    if (i > 0 && source.phases[i].share == source.phases[i - 1].share) continue;
    text << (i > 0 ? ", then " : "") << util::fixed(source.phases[i].share, 2);
  }
  text << "; " << util::fixed(source.phases.back().epochs, 2) << " epochs at the end";
  if (source.used_up_from && *source.used_up_from < plan.last_step) {
    text << "; used up after step " << util::with_commas(*source.used_up_from)
         << ", the others take its share";
  } else if (source.repeats_from) {
    text << "; its first epoch " << ends_in(plan, *source.repeats_from);
  }
  return text.str();
}

std::string describe_corpus(const Plan& plan, const PlannedCorpus& corpus) {
  std::ostringstream text;
  if (!corpus.name.empty()) text << corpus.name << ": ";
  if (corpus.files > 1) text << util::with_commas(corpus.files) << " files in ";
  text << corpus.place;
  if (!plan.holds_out) return text.str();
  text << "; held out: " << util::format_count(corpus.held_out_tokens) << " tokens in "
       << corpus.held_out_documents << " documents";
  if (corpus.held_out_ends) {
    text << ", the end of each document, as there are too few to hold out whole ones";
  }
  return text.str();
}

std::string describe_data(const Plan& plan) {
  std::ostringstream text;
  text << util::format_count(plan.raw_tokens_needed) << " raw tokens needed"
       << describe_factor(plan) << ", " << util::format_count(plan.raw_tokens_at_hand)
       << " available; " << util::fixed(plan.epochs, 2) << " epochs at the end";
  if (plan.stops_with_data) {
    text << "; the data runs out after step " << util::with_commas(plan.last_step) << " of "
         << util::with_commas(plan.total_steps) << ", and the run ends there";
  } else if (plan.first_epoch_ends_at) {
    text << "; the first epoch " << ends_in(plan, *plan.first_epoch_ends_at)
         << ", then the data is read again";
  }
  text << "; " << percent(plan.held_out_share) << " held out";
  if (plan.left_out_files > 0) {
    text << "; " << plan.left_out_files << " files left out, which hold no text";
  }
  return text.str();
}

std::string describe_validation(const Plan& plan) {
  std::ostringstream text;
  for (const PlannedSet& set : plan.validation) {
    const bool is_primary = &set == &plan.validation.front();
    text << (is_primary ? "" : "; ") << set.name;
    if (is_primary && plan.validation.size() > 1) text << " (primary)";
    text << ": " << util::with_commas(set.windows) << " windows from "
         << util::with_commas(set.documents) << " documents during the run";
    if (set.final_windows > 0) {
      text << ", " << util::with_commas(set.final_windows) << " at its end";
    }
  }
  if (plan.left_out_documents > 0) {
    text << "; " << plan.left_out_documents
         << " training documents left out, which have the content of one of these";
  }
  return text.str();
}

std::string describe_task(const PlannedTask& task) {
  std::string text = task.name + ": " + util::with_commas(task.items) + " items, ";
  text += task.every > 0 ? "every " + util::with_commas(task.every) + " steps and at the end"
                         : std::string("at the end");
  return text + ": " + util::with_commas(task.times) + (task.times == 1 ? " time" : " times");
}

std::string describe_cost(const Plan& plan) {
  std::string text = util::format_flops(plan.total_flops);
  if (plan.flops_left != plan.total_flops) {
    text += ", " + util::format_flops(plan.flops_left) + " left";
  }
  if (plan.speed) {
    const auto duration = [&](double flops) {
      return util::format_duration(flops / plan.speed->flops_per_second);
    };
    text += "; about " + duration(plan.flops_left) + " for the steps";
    if (plan.validation_flops > 0)
      text += ", " + duration(plan.validation_flops) + " for validation";
    if (plan.final_score_flops > 0) {
      text += ", " + duration(plan.final_score_flops) + " for the final scores";
    }
    if (plan.task_flops > 0) text += ", " + duration(plan.task_flops) + " for tasks";
    if (plan.sample_flops > 0) text += ", " + duration(plan.sample_flops) + " for samples";
    text += ", " + describe(plan.speed->source);
  }
  return text;
}

}  // namespace

void print_plan(std::ostream& out, const Plan& plan) {
  out << "run        " << std::filesystem::absolute(plan.run_folder).lexically_normal().string()
      << '\n';
  if (!plan.start.empty()) out << "start      " << plan.start << '\n';
  out << "model      " << util::format_count(plan.parameters) << " parameters"
      << (plan.active_parameters < plan.parameters
              ? " (" + util::format_count(plan.active_parameters) + " active)"
              : "")
      << ": " << plan.model << '\n';
  out << "compute    " << plan.compute << "; a step is " << plan.rows_per_step << " rows of "
      << plan.sequence_length << " positions, micro-batch " << plan.micro_batch
      << (plan.micro_batch == 1 ? " row\n" : " rows\n");
  out << "steps      " << util::with_commas(plan.total_steps);
  if (plan.first_step > 0) out << ", resuming after " << util::with_commas(plan.first_step);
  if (plan.last_step != plan.total_steps) {
    out << ", stopping after " << util::with_commas(plan.last_step);
  }
  out << '\n';
  for (std::size_t index = 0; index < plan.phases.size(); ++index) {
    out << "phase " << index + 1 << "    "
        << describe_phase(plan.phases[index], {plan.rows_per_step, plan.sequence_length}) << '\n';
  }
  out << "schedule   " << describe_schedule(plan) << '\n';
  if (plan.switch_step) out << "switch     " << describe_switch(plan) << '\n';
  for (const PlannedCorpus& corpus : plan.corpora) {
    out << "files      " << describe_corpus(plan, corpus) << '\n';
  }
  out << "data       " << describe_data(plan) << '\n';
  for (const data::SourceUsage& source : plan.sources) {
    out << "source     " << describe_source(plan, source) << '\n';
  }
  out << "validation " << describe_validation(plan) << '\n';
  for (const PlannedTask& task : plan.tasks) {
    out << "task       " << describe_task(task) << '\n';
  }
  if (plan.prompts > 0) {
    out << "samples    " << plan.prompts << (plan.prompts == 1 ? " prompt" : " prompts")
        << ", continued by up to " << plan.sample_tokens << " tokens at each validation\n";
  }
  out << "memory     " << describe(plan.memory) << '\n';
  out << "disk       " << bytes(plan.disk.checkpoint_bytes) << " per checkpoint, at most "
      << bytes(plan.disk.bytes()) << " at once; " << bytes(plan.disk.free_bytes) << " free\n";
  out << "cost       " << describe_cost(plan) << '\n';
  for (const Finding& finding : plan.findings) {
    out << (finding.severity == Severity::kError ? "error      " : "warning    ") << finding.text
        << '\n';
  }
  out << std::flush;
}

}  // namespace superpose::train
