#include "experiment/listing.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iomanip>
#include <ostream>
#include <set>

#include "experiment/prefix_tree.h"
#include "train/checkpoint_count.h"
#include "util/table.h"
#include "util/text.h"

namespace superpose::experiment {
namespace {

constexpr double kSameFlops = 1e-6;  // relative

const RunProgress& progress_of(const PlannedRun& run, const ProgressMap& progress) {
  static const RunProgress kNotBegun;
  const auto found = progress.find(run.folder);
  return found == progress.end() ? kNotBegun : found->second;
}

std::string kind(const PlannedRun& run) {
  std::string text = run.role == report::Role::kTuning ? "grid" : "";
  if (!run.parent.empty()) {
    text += (text.empty() ? "branch at " : ", branch at ") + std::to_string(run.first_step);
  }
  if (!text.empty()) return text;
  return run.pinned_steps.empty() ? "run" : "trunk";
}

// What the runs would cost if each were done from step 0.
double flops_apart(const Listing& listing) {
  double flops = 0;
  for (PlannedRun run : listing.runs) {
    run.first_step = 0;
    flops += run_flops(run, listing.arms[run.arm], listing.costs[run.arm]);
  }
  return flops;
}

void print_saving(std::ostream& out, const Listing& listing, double flops) {
  const double apart = flops_apart(listing);
  if (flops >= apart) return;
  out << "shared first steps save " << util::format_flops(apart - flops) << ", "
      << util::fixed(100 * (apart - flops) / apart, 1) << " % of all runs done separately\n";
}

std::string state(const RunProgress& progress) {
  if (progress.diverged) return "diverged";
  if (progress.finished) return "done";
  return progress.begun ? "at step " + std::to_string(progress.step) : "to do";
}

std::string time_text(const std::optional<double>& seconds) {
  return seconds ? util::format_duration(*seconds) : "?";
}

// Raw tokens that a run has read at its end, from step 0.
std::int64_t raw_tokens_at_end(const PlannedRun& run, const Arm& arm) {
  return superposition::raw_tokens_before(run.phases, run.total_steps,
                                          arm.config.train.step_size());
}

void print_remarks(std::ostream& out, const Listing& listing) {
  for (std::size_t i = 0; i < listing.arms.size(); ++i) {
    const double ratio = listing.costs[i].flops_per_position / listing.costs[0].flops_per_position;
    if (std::abs(ratio - 1) > kSameFlops) {
      out << "note: a position of arm " << listing.arms[i].name << " costs " << std::setprecision(3)
          << ratio << " times the FLOPs of one of " << listing.arms[0].name
          << ": compare them on the FLOPs axis, not by steps\n";
    }
    double epochs = 0;
    for (const PlannedRun& run : listing.runs) {
      if (run.arm != i || listing.costs[i].raw_tokens_at_hand <= 0) continue;
      epochs = std::max(epochs, static_cast<double>(raw_tokens_at_end(run, listing.arms[i])) /
                                    static_cast<double>(listing.costs[i].raw_tokens_at_hand));
    }
    if (epochs > 1) {
      out << "note: arm " << listing.arms[i].name << " reads its corpus " << std::setprecision(3)
          << epochs << " times\n";
    }
  }
}

}  // namespace

RunDisk run_disk(const PlannedRun& run, const Arm& arm, const ArmCosts& costs) {
  const train::CheckpointCount count = train::count_checkpoints(
      arm.config.checkpoint, run.phases, run.first_step, run.total_steps, run.pinned_steps);
  return {count.kept * costs.checkpoint_bytes, count.at_once * costs.checkpoint_bytes};
}

std::int64_t disk_bytes_to_come(const Listing& listing) {
  std::int64_t kept = 0;
  std::int64_t writing = 0;
  for (const PlannedRun& run : listing.runs) {
    const RunProgress& now = progress_of(run, listing.progress);
    if (now.finished || now.diverged) continue;
    const ArmCosts& costs = listing.costs[run.arm];
    const RunDisk disk = run_disk(run, listing.arms[run.arm], costs);
    kept +=
        std::max<std::int64_t>(0, disk.kept - std::ssize(now.checkpoints) * costs.checkpoint_bytes);
    writing = std::max(writing, disk.at_once - disk.kept);
  }
  return kept + writing;
}

double run_flops(const PlannedRun& run, const Arm& arm, const ArmCosts& costs) {
  return static_cast<double>(workload(run, arm.config).positions) * costs.flops_per_position;
}

double flops_left(const PlannedRun& run, const Arm& arm, const ArmCosts& costs,
                  const ProgressMap& progress) {
  const RunProgress& now = progress_of(run, progress);
  if (now.finished || now.diverged) return 0;
  const std::int64_t done = std::max(now.step, run.first_step);
  const double share =
      static_cast<double>(run.total_steps - done) / static_cast<double>(run.steps());
  return run_flops(run, arm, costs) * share;
}

std::optional<double> seconds_left(const Listing& listing) {
  double total = 0;
  for (const PlannedRun& run : listing.runs) {
    const double flops =
        flops_left(run, listing.arms[run.arm], listing.costs[run.arm], listing.progress);
    const std::optional<double> seconds = listing.estimate.seconds(run.arm, flops);
    if (!seconds) return std::nullopt;
    total += *seconds;
  }
  return total;
}

void print_listing(std::ostream& out, const Listing& listing) {
  std::vector<util::TableRow> rows = {
      {"run", "kind", "steps", "FLOPs", "raw tokens", "disk", "time", "state"}};
  double flops = 0;
  std::int64_t raw_tokens = 0;
  std::int64_t disk = 0;
  for (const auto& [index, depth] : tree_order(listing.runs)) {
    const PlannedRun& run = listing.runs[index];
    const Arm& arm = listing.arms[run.arm];
    const ArmCosts& costs = listing.costs[run.arm];
    const Workload work = workload(run, arm.config);
    const double own_flops = run_flops(run, arm, costs);
    const std::int64_t own_disk = run_disk(run, arm, costs).kept;
    const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
    rows.push_back({indent + run.folder, kind(run),
                    std::to_string(run.first_step) + " - " + std::to_string(run.total_steps),
                    util::format_flops(own_flops), util::format_count(work.raw_tokens),
                    util::format_bytes(static_cast<std::uint64_t>(own_disk)),
                    time_text(listing.estimate.seconds(run.arm, own_flops)),
                    state(progress_of(run, listing.progress))});
    flops += own_flops;
    raw_tokens += work.raw_tokens;
    disk += own_disk;
  }
  out << listing.runs.size() << " runs:\n";
  util::print_table(out, rows, "lr", "  ");
  out << "total: " << util::format_flops(flops) << ", " << util::format_count(raw_tokens)
      << " raw tokens read, " << util::format_bytes(static_cast<std::uint64_t>(disk))
      << " of checkpoints ("
      << util::format_bytes(static_cast<std::uint64_t>(listing.free_disk_bytes)) << " free), "
      << time_text(seconds_left(listing)) << " still to run (" << listing.estimate.source()
      << ")\n";
  print_saving(out, listing, flops);
  const std::int64_t to_come = disk_bytes_to_come(listing);
  if (to_come > listing.free_disk_bytes) {
    out << "warning: the disk is too small for all checkpoints: "
        << util::format_bytes(static_cast<std::uint64_t>(to_come))
        << " are still to be written; make room, lower checkpoint.keep (0 keeps all) or raise "
           "checkpoint.every\n";
  }
  print_remarks(out, listing);
}

void print_shorter_runs(std::ostream& out, const Listing& listing, const CompareConfig& compare) {
  const std::optional<double> seconds = seconds_left(listing);
  const bool has_begun =
      std::any_of(listing.runs.begin(), listing.runs.end(),
                  [&](const PlannedRun& run) { return progress_of(run, listing.progress).begun; });
  if (!seconds || has_begun) return;
  // All lengths have the same shares of steps, so that times are in proportion.
  const std::int64_t steps = listing.arms.front().config.train.steps;
  std::set<std::int64_t, std::greater<>> shorter;
  for (const NoiseConfig& noise : compare.noise) {
    if (noise.steps < steps) shorter.insert(noise.steps);
  }
  for (const std::int64_t length : shorter) {
    const double share = static_cast<double>(length) / static_cast<double>(steps);
    out << "shorter: --train.steps " << length << " takes about "
        << util::format_duration(*seconds * share) << "; the recipe has a noise figure for it\n";
  }
}

}  // namespace superpose::experiment
