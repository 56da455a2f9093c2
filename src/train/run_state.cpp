#include "train/run_state.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "util/error.h"
#include "util/hash.h"

namespace superpose::train {
namespace {

util::Json to_json(const Clocks& clocks) {
  return util::Json{{"positions", clocks.positions},
                    {"raw_tokens", clocks.raw_tokens},
                    {"seconds", clocks.seconds},
                    {"wait_seconds", clocks.wait_seconds},
                    {"evaluation_seconds", clocks.evaluation_seconds},
                    {"checkpoint_seconds", clocks.checkpoint_seconds}};
}

Clocks clocks_from_json(const util::Json& json) {
  Clocks clocks;
  json.at("positions").get_to(clocks.positions);
  json.at("raw_tokens").get_to(clocks.raw_tokens);
  json.at("seconds").get_to(clocks.seconds);
  json.at("wait_seconds").get_to(clocks.wait_seconds);
  json.at("evaluation_seconds").get_to(clocks.evaluation_seconds);
  json.at("checkpoint_seconds").get_to(clocks.checkpoint_seconds);
  return clocks;
}

util::Json to_json(const std::vector<data::Consumption>& consumed) {
  util::Json list = util::Json::array();
  for (const data::Consumption& stretch : consumed) {
    list.push_back({{"bag_size", stretch.bag_size},
                    {"target_size", stretch.target_size},
                    {"sequence_length", stretch.sequence_length},
                    {"rows", stretch.rows}});
  }
  return list;
}

std::vector<data::Consumption> consumed_from_json(const util::Json& list) {
  std::vector<data::Consumption> consumed;
  for (const util::Json& entry : list) {
    data::Consumption& stretch = consumed.emplace_back();
    entry.at("bag_size").get_to(stretch.bag_size);
    entry.at("target_size").get_to(stretch.target_size);
    entry.at("sequence_length").get_to(stretch.sequence_length);
    entry.at("rows").get_to(stretch.rows);
  }
  return consumed;
}

util::Json to_json(const std::vector<util::Setting>& settings, bool operational) {
  util::Json object = util::Json::object();
  for (const util::Setting& setting : settings) {
    if (setting.operational == operational) object[setting.key] = setting.value;
  }
  return object;
}

void append_settings(const util::Json& object, bool operational,
                     std::vector<util::Setting>& settings) {
  for (const auto& [key, value] : object.items()) {
    settings.push_back({key, value.get<std::string>(), operational});
  }
}

std::uint64_t hash_from_hex(const std::string& text, std::string_view who) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  util::require(error == std::errc() && end == text.data() + text.size() && !text.empty(), who,
                ": data.ids_hash must be hexadecimal, got ", text);
  return value;
}

std::map<std::string, std::string> fixed_settings(const std::vector<util::Setting>& settings) {
  std::map<std::string, std::string> fixed;
  for (const util::Setting& setting : settings) {
    if (!setting.operational) fixed[setting.key] = setting.value;
  }
  return fixed;
}

}  // namespace

util::Json to_json(const RunState& state) {
  return util::Json{{"schema", kStateSchema},
                    {"step", state.step},
                    {"phase", state.phase},
                    {"optimizer_updates", state.optimizer_updates},
                    {"data",
                     {{"fingerprint", state.corpus_fingerprint},
                      {"lanes", state.layout.lanes},
                      {"block_tokens", state.layout.block_tokens},
                      {"consumed", to_json(state.consumed)},
                      {"ids_hash", util::hex64(state.clocks.ids_hash)}}},
                    {"clocks", to_json(state.clocks)},
                    {"environment", to_json(state.environment)},
                    {"settings", to_json(state.settings, false)},
                    {"operational_settings", to_json(state.settings, true)}};
}

RunState run_state_from_json(const util::Json& json, std::string_view who) {
  try {
    const auto schema = json.at("schema").get<std::int64_t>();
    util::require(schema == kStateSchema, who, ": schema ", schema, " is not known here, expected ",
                  kStateSchema);
    RunState state;
    json.at("step").get_to(state.step);
    json.at("phase").get_to(state.phase);
    json.at("optimizer_updates").get_to(state.optimizer_updates);
    const util::Json& data = json.at("data");
    data.at("fingerprint").get_to(state.corpus_fingerprint);
    data.at("lanes").get_to(state.layout.lanes);
    data.at("block_tokens").get_to(state.layout.block_tokens);
    state.consumed = consumed_from_json(data.at("consumed"));
    state.clocks = clocks_from_json(json.at("clocks"));
    state.clocks.ids_hash = hash_from_hex(data.at("ids_hash").get<std::string>(), who);
    state.environment = environment_from_json(json.at("environment"));
    append_settings(json.at("settings"), false, state.settings);
    append_settings(json.at("operational_settings"), true, state.settings);
    return state;
  } catch (const util::Json::exception& error) {
    util::fail(who, ": not a state of this program, ", error.what());
  }
}

std::vector<std::string> setting_differences(const std::vector<util::Setting>& checkpoint,
                                             const std::vector<util::Setting>& recipe) {
  const std::map<std::string, std::string> before = fixed_settings(checkpoint);
  const std::map<std::string, std::string> now = fixed_settings(recipe);
  std::vector<std::string> result;
  for (const auto& [key, value] : before) {
    const auto found = now.find(key);
    if (found == now.end()) {
      result.push_back(key + " (checkpoint " + value + ", recipe has no such key)");
    } else if (found->second != value) {
      result.push_back(key + " (checkpoint " + value + ", recipe " + found->second + ")");
    }
  }
  for (const auto& [key, value] : now) {
    if (!before.contains(key)) {
      result.push_back(key + " (checkpoint has no such key, recipe " + value + ")");
    }
  }
  return result;
}

std::string setting_value(const std::vector<util::Setting>& settings, std::string_view key) {
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const util::Setting& setting) { return setting.key == key; });
  return found == settings.end() ? std::string() : found->value;
}

}  // namespace superpose::train
