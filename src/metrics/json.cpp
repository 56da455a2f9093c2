#include "metrics/json.h"

#include <cmath>
#include <type_traits>

#include "util/error.h"
#include "util/json_fields.h"

namespace superpose::metrics {
namespace {

using util::Json;

template <class T>
Json write_record(const char* kind, const T& record) {
  Json json;
  json["kind"] = kind;
  if constexpr (std::is_same_v<T, RunHeader>) json["schema"] = kSchema;
  util::JsonWriter writer(json);
  T::visit(record, writer);
  return json;
}

void check_schema(const Json& json, const std::string& where) {
  const auto schema = json.find("schema");
  util::require(schema != json.end(), where, ": header: missing field 'schema'");
  util::require(schema->is_number_integer() && schema->get<std::int64_t>() >= 1, where,
                ": header: field 'schema': expected a whole number >= 1, got ", schema->dump());
  util::require(schema->get<std::int64_t>() <= kSchema, where, ": header: schema must be at most ",
                kSchema, " for this version, got ", schema->dump());
}

FinalRecord read_final(const Json& json, const std::string& where) {
  auto record = util::fields_from_json<FinalRecord>(json, where);
  util::require(!record.sets.empty(), where, ": field 'sets': must hold one set or more");
  for (const FinalScore& set : record.sets) {
    util::require(set.document_nats.size() == set.document_tokens.size(), where, ": set ", set.name,
                  ": document_nats and document_tokens must be of the same length, got ",
                  set.document_nats.size(), " and ", set.document_tokens.size());
  }
  return record;
}

}  // namespace

Json to_json(const Record& record) {
  struct Visit {
    Json operator()(const RunHeader& r) const { return write_record("header", r); }
    Json operator()(const StepRecord& r) const { return write_record("step", r); }
    Json operator()(const ValidationRecord& r) const { return write_record("validation", r); }
    Json operator()(const TaskRecord& r) const { return write_record("task", r); }
    Json operator()(const FinalRecord& r) const { return write_record("final", r); }
    Json operator()(const EventRecord& r) const { return write_record("event", r); }
    Json operator()(const SummaryRecord& r) const { return write_record("summary", r); }
  };
  return std::visit(Visit{}, record);
}

Record from_json(const Json& json, const std::string& where) {
  util::require(json.is_object(), where, ": must be a JSON object, got ", json.type_name());
  const auto kind = json.find("kind");
  util::require(kind != json.end(), where, ": missing field 'kind'");
  if (*kind == "header") {
    check_schema(json, where);
    return util::fields_from_json<RunHeader>(json, where + ": header");
  }
  if (*kind == "step") return util::fields_from_json<StepRecord>(json, where + ": step");
  if (*kind == "validation") {
    auto record = util::fields_from_json<ValidationRecord>(json, where + ": validation");
    if (record.perplexity == 0) record.perplexity = std::exp(record.loss);
    for (SetScore& set : record.sets) {
      if (set.perplexity == 0) set.perplexity = std::exp(set.loss);
    }
    return record;
  }
  if (*kind == "task") return util::fields_from_json<TaskRecord>(json, where + ": task");
  if (*kind == "final") return read_final(json, where + ": final");
  if (*kind == "event") return util::fields_from_json<EventRecord>(json, where + ": event");
  if (*kind == "summary") return util::fields_from_json<SummaryRecord>(json, where + ": summary");
  util::fail(where,
             ": field 'kind': expected header, step, validation, task, final, event or summary, "
             "got ",
             kind->dump());
}

}  // namespace superpose::metrics
