#include <algorithm>
#include <ostream>

#include "planner/planner.h"
#include "util/text.h"

namespace superpose::planner {
namespace {

std::string describe_gain(const Record& record) {
  std::string text(record.name);
  text +=
      ", s = " + std::to_string(record.bag_size) + ", r = " + util::fixed(record.share, 2) + ": ";
  if (record.gain) {
    text += util::fixed(std::abs(*record.gain), 3) + " nats per token " +
            (*record.gain < 0 ? "behind" : "ahead") + " at equal compute";
    if (record.interval) {
      text += ", 95 % interval " + util::fixed(record.interval->low, 3) + " to " +
              util::fixed(record.interval->high, 3);
    }
    if (!record.remark.empty()) text += "; ";
  }
  return text + std::string(record.remark) + " (" + std::string(record.gain_source) + ")";
}

std::string describe_data(const Proposal& proposal) {
  std::string text = util::format_count(proposal.raw_tokens) + " raw tokens, " +
                     util::fixed(static_cast<double>(proposal.raw_tokens) /
                                     static_cast<double>(proposal.baseline_tokens),
                                 2) +
                     " times the baseline's (1 + r (s - 1))";
  if (!proposal.tokens_at_hand) return text + "; with --tokens: how often your text is read";
  return text + "; " + util::format_count(*proposal.tokens_at_hand) + " available: " +
         util::fixed(static_cast<double>(proposal.raw_tokens) /
                         static_cast<double>(*proposal.tokens_at_hand),
                     2) +
         " epochs";
}

std::string describe_cost(const Proposal& proposal) {
  std::string text = util::format_flops(proposal.flops);
  if (!proposal.positions_per_second) return text;
  const double seconds =
      proposal.flops / proposal.flops_per_position / *proposal.positions_per_second;
  return text + "; " + util::format_duration(seconds) + " of steps here, at " +
         util::format_count(static_cast<std::int64_t>(*proposal.positions_per_second)) +
         " positions per second, measured just now";
}

util::Json to_json(const Record& record) {
  util::Json json{{"name", record.name},
                  {"ours", record.is_ours},
                  {"parameters", record.parameters},
                  {"steps", record.steps},
                  {"bag_size", record.bag_size},
                  {"share", record.share},
                  {"gain", record.gain ? util::Json(*record.gain) : util::Json()},
                  {"seeds", record.seeds},
                  {"remark", record.remark},
                  {"source", record.gain_source}};
  if (record.interval) json["interval"] = {record.interval->low, record.interval->high};
  return json;
}

}  // namespace

void print(std::ostream& out, const Proposal& proposal) {
  out << "model      " << util::format_count(proposal.parameters) << " parameters";
  if (proposal.active_parameters < proposal.parameters) {
    out << " (" << util::format_count(proposal.active_parameters) << " active)";
  }
  out << ", " << util::format_flops(proposal.flops_per_position) << " for a position\n";
  out << "cost       " << describe_cost(proposal) << '\n';
  std::string before;
  for (const Choice& choice : proposal.choices) {
    out << "choice     " << choice.key << " = " << choice.value << '\n';
    const std::string reason =
        choice.source.empty() ? choice.rule : choice.rule + " (" + choice.source + ")";
    if (reason != before) out << "             " << reason << '\n';
    before = reason;
  }
  out << "data       " << describe_data(proposal) << '\n';
  if (proposal.recovery != Recovery::kNoSwitch) {
    out << "switch     " << util::with_commas(proposal.recovery_steps) << " steps ("
        << util::format_count(proposal.recovery_positions) << " positions) "
        << (proposal.share > 0 ? "follow: " : "would follow: ")
        << kRecoveryNames[static_cast<std::size_t>(proposal.recovery)] << " to recover ("
        << proposal.record->recovery_source << ")\n";
  }
  for (const Record* record : proposal.quoted) {
    out << "reported   " << describe_gain(*record) << '\n';
  }
  for (const std::string& warning : proposal.warnings) out << "warning    " << warning << '\n';
  out << std::flush;
}

util::Json to_json(const Proposal& proposal) {
  const train::RunConfig& config = proposal.config;
  util::Json json{{"schema", 1},
                  {"parameters", proposal.parameters},
                  {"active_parameters", proposal.active_parameters},
                  {"flops_per_position", proposal.flops_per_position},
                  {"flops", proposal.flops},
                  {"steps", config.train.steps},
                  {"batch_positions", config.train.batch_positions},
                  {"sequence_length", config.train.sequence_length},
                  {"learning_rate", config.optim.learning_rate},
                  {"learning_rate_transfers", false},
                  {"bag_size", proposal.bag_size},
                  {"target_size", proposal.target_size},
                  {"share", proposal.share},
                  {"baseline_tokens", proposal.baseline_tokens},
                  {"raw_tokens", proposal.raw_tokens}};
  if (proposal.positions_per_second) json["positions_per_second"] = *proposal.positions_per_second;
  if (proposal.tokens_at_hand) {
    json["tokens_at_hand"] = *proposal.tokens_at_hand;
    json["epochs"] =
        static_cast<double>(proposal.raw_tokens) / static_cast<double>(*proposal.tokens_at_hand);
  }
  json["recovery"] = {{"steps", proposal.recovery_steps},
                      {"positions", proposal.recovery_positions},
                      {"verdict", kRecoveryNames[static_cast<std::size_t>(proposal.recovery)]},
                      {"source", proposal.record->recovery_source}};
  for (const Choice& choice : proposal.choices) {
    json["choices"].push_back({{"key", choice.key},
                               {"value", choice.value},
                               {"rule", choice.rule},
                               {"source", choice.source}});
  }
  json["reported"] = util::Json::array();
  for (const Record* record : proposal.quoted) json["reported"].push_back(to_json(*record));
  json["warnings"] = proposal.warnings;
  return json;
}

}  // namespace superpose::planner
