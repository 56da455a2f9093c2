#include "train/run_state.h"

#include <algorithm>

#include "util/error.h"
#include "util/json_fields.h"

namespace superpose::train {
namespace {

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

}  // namespace

std::vector<data::StreamLayout> layouts_of(const RunState& state) {
  if (state.sources.empty()) return {state.layout};
  std::vector<data::StreamLayout> layouts;
  for (const SourceState& source : state.sources) layouts.push_back(source.layout);
  return layouts;
}

util::Json to_json(const RunState& state) {
  util::Json json = {{"schema", kStateSchema}};
  util::JsonWriter writer(json);
  RunState::visit(state, writer);
  json["settings"] = to_json(state.settings, false);
  json["operational_settings"] = to_json(state.settings, true);
  return json;
}

RunState run_state_from_json(const util::Json& json, const std::string& who) {
  try {
    const auto schema = json.at("schema").get<std::int64_t>();
    util::require(schema == kStateSchema, who, ": unsupported format version ", schema,
                  " (expected ", kStateSchema, ")");
    auto state = util::fields_from_json<RunState>(json, who);
    append_settings(json.at("settings"), false, state.settings);
    append_settings(json.at("operational_settings"), true, state.settings);
    return state;
  } catch (const util::Json::exception& error) {
    util::fail(who, ": not a state of this program, ", error.what());
  }
}

std::string setting_value(const std::vector<util::Setting>& settings, std::string_view key) {
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const util::Setting& setting) { return setting.key == key; });
  return found == settings.end() ? std::string() : found->value;
}

}  // namespace superpose::train
