#include "bench/report.h"

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "bench/part_costs.h"
#include "model/accounting.h"
#include "model/decoder_layout.h"
#include "optim/optimizer.h"
#include "util/table.h"
#include "util/text.h"

namespace superpose::bench {
namespace {

constexpr const char* kNothing = "-";

double positions_of(const Session& session) {
  const train::TrainConfig& train = session.config().train;
  return static_cast<double>(train.rows_per_step() * train.sequence_length);
}

double flops_of_step(const Session& session) {
  return positions_of(session) *
         model::flops_per_position(session.model(), session.config().train.sequence_length);
}

StepCosts costs_of(const Session& session, const Case& which) {
  StepCosts step;
  step.shape.positions = static_cast<std::int64_t>(positions_of(session));
  step.shape.sequence_length = session.config().train.sequence_length;
  step.shape.bag_size = which.bags.bag_size;
  step.shape.bf16 = session.is_bf16();
  step.parameters = model::parameter_count(session.model());
  step.optimizer_bytes = optim::update_bytes(
      session.config().optim, model::decoder_units(session.model()), session.is_bf16());
  return step;
}

double step_seconds_of(const std::vector<PartTimes>& parts) {
  double seconds = 0;
  for (const PartTimes& part : parts) seconds += part.total();
  return seconds;
}

// Work over time; nothing where either is missing or too small to tell.
std::optional<double> rate_of(double work, double seconds) {
  if (work <= 0 || seconds <= 1e-7) return std::nullopt;
  return work / seconds;
}

util::Json or_null(const std::optional<double>& value) {
  return value ? util::Json(*value) : util::Json(nullptr);
}

util::Json to_json(const Spread& spread) {
  return {{"median", spread.median}, {"lowest", spread.lowest}, {"highest", spread.highest}};
}

util::Json to_json(const PartTimes& part, const std::optional<PartCost>& cost) {
  util::Json json{{"part", part.name},
                  {"forward_seconds", part.forward},
                  {"backward_seconds", part.backward},
                  {"weight_gradient_seconds", part.weight_gradient}};
  if (!cost) return json;
  json["unit"] = cost->unit == CostUnit::kFlops ? "flops" : "bytes";
  json["forward_rate"] = or_null(rate_of(cost->forward, part.forward));
  json["backward_rate"] = or_null(rate_of(cost->backward, part.backward));
  json["weight_gradient_rate"] = or_null(rate_of(cost->weight_gradient, part.weight_gradient));
  return json;
}

util::Json to_json(const Session& session, const CaseResult& item, double ceiling) {
  const double flops = flops_of_step(session) / item.step.median;
  util::Json json{{"case", item.which.name()},
                  {"bag_size", item.which.bags.bag_size},
                  {"target_size", item.which.bags.target_size},
                  {"block_steps", item.block_steps},
                  {"block_step_seconds", item.step_seconds},
                  {"first_losses", item.first_losses},
                  {"step_seconds", to_json(item.step)},
                  {"ratio_to_ntp", to_json(item.ratio)},
                  {"positions_per_second", positions_of(session) / item.step.median},
                  {"flops_per_second", flops},
                  {"share_of_ceiling", or_null(rate_of(flops, ceiling))},
                  {"recorded_step_seconds", step_seconds_of(item.parts)},
                  {"parts", util::Json::array()}};
  const StepCosts step_costs = costs_of(session, item.which);
  for (const PartTimes& part : item.parts) {
    json["parts"].push_back(to_json(part, cost_of(part.name, session.model(), step_costs)));
  }
  return json;
}

// "-" where there is no whole, as there is no ceiling off the CPU.
std::string percent_of(double part, double whole) {
  const std::optional<double> share = rate_of(part, whole);
  return share ? util::fixed(100 * *share, 1) + " %" : kNothing;
}

void print_cases(std::ostream& out, const Session& session, const Result& result) {
  std::vector<util::TableRow> rows = {{"bag", "positions/s", "lowest", "highest", "ms per step",
                                       "GFLOP/s", "of ceiling", "step time to bag 1 (range)"}};
  const double positions = positions_of(session);
  for (const CaseResult& item : result.cases) {
    const double flops = flops_of_step(session) / item.step.median;
    rows.push_back({item.which.name(), util::fixed(positions / item.step.median, 0),
                    util::fixed(positions / item.step.highest, 0),
                    util::fixed(positions / item.step.lowest, 0),
                    util::fixed(item.step.median * 1e3, 1), util::fixed(flops / 1e9, 0),
                    percent_of(flops, result.ceiling.median),
                    util::fixed(item.ratio.median, 3) + " (" + util::fixed(item.ratio.lowest, 3) +
                        " .. " + util::fixed(item.ratio.highest, 3) + ")"});
  }
  util::print_table(out, rows, "rrrrrrrl", "  ");
}

std::string milliseconds(double seconds) {
  return seconds > 0 ? util::fixed(seconds * 1e3, 2) : kNothing;
}

std::string giga(double work, double seconds) {
  const std::optional<double> rate = rate_of(work, seconds);
  return rate ? util::fixed(*rate / 1e9, 0) : kNothing;
}

void print_parts(std::ostream& out, const Session& session, const CaseResult& item) {
  const double step = step_seconds_of(item.parts);
  out << "\nWhere a step of bag " << item.which.name() << " goes (" << util::fixed(step * 1e3, 1)
      << " ms per step while recorded, " << util::fixed(item.step.median * 1e3, 1)
      << " ms timed)\n";
  std::vector<util::TableRow> rows = {
      {"part", "forward", "backward", "weight", "share", "forward, backward, weight"},
      {"", "ms", "ms", "grad ms", "", ""}};
  const StepCosts step_costs = costs_of(session, item.which);
  for (const PartTimes& part : item.parts) {
    std::string rates;
    const auto cost = cost_of(part.name, session.model(), step_costs);
    if (cost && cost->forward > 0) {
      rates = giga(cost->forward, part.forward) + ", " + giga(cost->backward, part.backward) +
              ", " + giga(cost->weight_gradient, part.weight_gradient) +
              (cost->unit == CostUnit::kFlops ? " GFLOP/s" : " GB/s");
    }
    rows.push_back({part.name, milliseconds(part.forward), milliseconds(part.backward),
                    milliseconds(part.weight_gradient),
                    util::fixed(100 * part.total() / step, 1) + " %", rates});
  }
  util::print_table(out, rows, "lrrrrl", "  ");
}

}  // namespace

util::Json settings(const Session& session) {
  const model::ModelConfig& model = session.model();
  const train::RunConfig& config = session.config();
  util::Json cases = util::Json::array();
  for (const Case& item : session.cases()) {
    cases.push_back({{"case", item.name()},
                     {"bag_size", item.bags.bag_size},
                     {"target_size", item.bags.target_size},
                     {"slot_weights", item.slot_weights}});
  }
  return {{"parameters", model::parameter_count(model)},
          {"flops_per_position", model::flops_per_position(model, config.train.sequence_length)},
          {"vocab_size", model.vocab_size},
          {"hidden_size", model.hidden_size},
          {"num_layers", model.num_layers},
          {"num_heads", model.num_heads},
          {"num_kv_heads", model.num_kv_heads},
          {"head_dim", model.head_dim},
          {"ffn_size", model.ffn_size},
          {"tied", model.tied()},
          {"qk_norm", model.has_qk_norm()},
          {"rows", config.train.rows_per_step()},
          {"sequence_length", config.train.sequence_length},
          {"micro_batch", session.micro_batch()},
          {"recompute_every", config.train.recompute_every},
          {"precision", train::name_of(config.train.precision)},
          {"device", session.on_cpu() ? "cpu" : "cuda"},
          {"threads", session.threads()},
          {"learning_rate", config.optim.learning_rate},
          {"beta1", config.optim.beta1},
          {"beta2", config.optim.beta2},
          {"eps", config.optim.eps},
          {"weight_decay", config.optim.weight_decay},
          {"clip_norm", config.optim.clip_norm},
          {"cases", cases}};
}

util::Json to_json(const Session& session, const Result& result, const train::Machine& machine) {
  util::Json versions;
  for (const auto& [name, version] : machine.versions) versions[name] = version;
  util::Json json{{"settings", settings(session)},
                  {"machine", {{"cpu", machine.cpu}, {"kernels", machine.kernels}}},
                  {"versions", versions},
                  {"first_step_seconds", result.first_step_seconds},
                  {"peak_memory_bytes", result.peak_memory_bytes},
                  {"ceiling_flops", to_json(result.ceiling)},
                  {"cases", util::Json::array()}};
  for (const CaseResult& item : result.cases) {
    json["cases"].push_back(to_json(session, item, result.ceiling.median));
  }
  return json;
}

void print_settings(std::ostream& out, const Session& session, const train::Machine& machine) {
  const model::ModelConfig& model = session.model();
  const train::TrainConfig& train = session.config().train;
  const double flops = model::flops_per_position(model, train.sequence_length);
  out << "model        d " << model.hidden_size << ", " << model.num_layers << " layers, "
      << model.num_heads << " heads (" << model.num_kv_heads << " kv), ffn " << model.ffn_size
      << ", vocabulary " << model.vocab_size << (model.tied() ? ", tied" : "") << ": "
      << util::format_count(model::parameter_count(model)) << " parameters\n"
      << "batch        " << train.rows_per_step() << " rows of " << train.sequence_length
      << " positions, random ids; micro-batch " << session.micro_batch() << " rows\n"
      << "compute      " << train::name_of(train.precision)
      << (session.on_cpu() ? " on cpu, " : " on cuda, ") << session.threads()
      << (session.threads() == 1 ? " thread; " : " threads; ") << machine.cpu << '\n'
      << "kernels      " << machine.kernels << '\n'
      << "FLOPs        " << util::format_count(static_cast<std::int64_t>(flops))
      << " per position: 6 x (parameters without the input embedding) + 6 x layers x positions per "
         "row x heads x head_dim (causal attention)\n";
}

void print_result(std::ostream& out, const Session& session, const Result& result) {
  out << "ceiling      " << util::fixed(result.ceiling.median / 1e9, 0) << " GFLOP/s ("
      << util::fixed(result.ceiling.lowest / 1e9, 0) << " .. "
      << util::fixed(result.ceiling.highest / 1e9, 0)
      << "): products of packed blocks in cache, measured alternately with the blocks below\n"
      << "first step   done " << util::fixed(result.first_step_seconds, 2)
      << " s after the process started\n"
      << "peak memory  " << util::format_bytes(static_cast<std::uint64_t>(result.peak_memory_bytes))
      << "\n\n";
  print_cases(out, session, result);
  if (!session.on_cpu()) return;
  print_parts(out, session, result.cases.front());
  for (std::size_t index = 1; index < result.cases.size(); ++index) {
    out << (index == 1 ? "The same for bag " : ", ") << result.cases[index].which.name();
  }
  if (result.cases.size() > 1) out << " in the JSON (--json)\n";
}

}  // namespace superpose::bench
