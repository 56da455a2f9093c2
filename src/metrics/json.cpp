#include "metrics/json.h"

#include <array>
#include <cmath>
#include <string_view>
#include <type_traits>

#include "util/error.h"

namespace superpose::metrics {
namespace {

using util::Json;

constexpr std::array<std::string_view, 5> kEventNames = {"resume", "checkpoint", "switch",
                                                         "warning", "error"};

// Each record lists its fields once, for writing and for reading: required(name, field) or
// optional(name, field).

template <class Phase, class Visitor>
requires std::is_same_v<std::remove_const_t<Phase>, PhaseInfo>
void visit_fields(Phase& phase, Visitor& v) {
  v.required("first_step", phase.first_step);
  v.required("num_steps", phase.num_steps);
  v.required("bag_size", phase.bag_size);
  v.required("target_size", phase.target_size);
}

template <class Prints, class Visitor>
requires std::is_same_v<std::remove_const_t<Prints>, Fingerprints>
void visit_fields(Prints& fingerprints, Visitor& v) {
  v.required("recipe", fingerprints.recipe);
  v.required("data", fingerprints.data);
  v.required("validation", fingerprints.validation);
}

template <class One, class Visitor>
requires std::is_same_v<std::remove_const_t<One>, util::Setting>
void visit_fields(One& setting, Visitor& v) {
  v.required("key", setting.key);
  v.required("value", setting.value);
  v.optional("operational", setting.operational);
}

template <class Header, class Visitor>
requires std::is_same_v<std::remove_const_t<Header>, RunHeader>
void visit_fields(Header& h, Visitor& v) {
  v.optional("run_name", h.run_name);
  v.optional("arm", h.arm);
  v.required("seed", h.seed);
  v.optional("learning_rate", h.learning_rate);
  v.optional("budget", h.budget);
  v.optional("model", h.model);
  v.optional("parameters", h.parameters);
  v.required("flops_per_position", h.flops_per_position);
  v.optional("positions_per_step", h.positions_per_step);
  v.optional("sequence_length", h.sequence_length);
  v.optional("total_steps", h.total_steps);
  v.optional("train_tokens", h.train_tokens);
  v.required("phases", h.phases);
  v.optional("threads", h.threads);
  v.optional("ranks", h.ranks);
  v.optional("device", h.device);
  v.optional("precision", h.precision);
  v.optional("cpu", h.cpu);
  v.optional("versions", h.versions);
  v.optional("settings", h.settings);
  v.required("fingerprints", h.fingerprints);
  v.optional("command", h.command);
  v.optional("started_at", h.started_at);
}

template <class Step, class Visitor>
requires std::is_same_v<std::remove_const_t<Step>, StepRecord>
void visit_fields(Step& s, Visitor& v) {
  v.required("step", s.step);
  v.optional("phase", s.phase);
  v.optional("bag_size", s.bag_size);
  v.optional("target_size", s.target_size);
  v.optional("loss", s.loss);
  v.optional("is_bag_loss", s.is_bag_loss);
  v.optional("learning_rate", s.learning_rate);
  v.optional("gradient_norm", s.gradient_norm);
  v.optional("positions", s.positions);
  v.optional("raw_tokens", s.raw_tokens);
  v.optional("seconds", s.seconds);
  v.optional("wait_seconds", s.wait_seconds);
  v.optional("positions_per_second", s.positions_per_second);
  v.optional("raw_tokens_per_second", s.raw_tokens_per_second);
  v.optional("wait_share", s.wait_share);
  v.optional("epoch", s.epoch);
}

template <class Validation, class Visitor>
requires std::is_same_v<std::remove_const_t<Validation>, ValidationRecord>
void visit_fields(Validation& r, Visitor& v) {
  v.required("step", r.step);
  v.required("positions", r.positions);
  v.required("raw_tokens", r.raw_tokens);
  v.required("seconds", r.seconds);
  v.required("loss", r.loss);
  v.optional("loss_half_a", r.loss_half_a);
  v.optional("loss_half_b", r.loss_half_b);
  v.optional("perplexity", r.perplexity);
  v.optional("bits_per_byte", r.bits_per_byte);
  v.optional("evaluation_seconds", r.evaluation_seconds);
}

template <class Event, class Visitor>
requires std::is_same_v<std::remove_const_t<Event>, EventRecord>
void visit_fields(Event& e, Visitor& v) {
  v.required("step", e.step);
  v.required("event", e.kind);
  v.optional("text", e.text);
}

template <class Summary, class Visitor>
requires std::is_same_v<std::remove_const_t<Summary>, SummaryRecord>
void visit_fields(Summary& s, Visitor& v) {
  v.required("step", s.step);
  v.optional("positions", s.positions);
  v.optional("raw_tokens", s.raw_tokens);
  v.optional("seconds", s.seconds);
  v.optional("wait_seconds", s.wait_seconds);
  v.optional("evaluation_seconds", s.evaluation_seconds);
  v.optional("checkpoint_seconds", s.checkpoint_seconds);
  v.optional("epochs", s.epochs);
  v.optional("peak_memory_bytes", s.peak_memory_bytes);
  v.optional("finished_at", s.finished_at);
}

class Writer {
 public:
  explicit Writer(Json& out) : out_(out) {}

  template <class T>
  void required(const char* name, const T& value) {
    out_[name] = encode(value);
  }
  template <class T>
  void optional(const char* name, const T& value) {
    required(name, value);
  }
  void optional(const char* name, const std::optional<double>& value) {
    if (value) required(name, *value);
  }

 private:
  template <class T>
  static Json encode(const T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return value;
    } else if constexpr (std::is_same_v<T, EventKind>) {
      return kEventNames.at(static_cast<std::size_t>(value));
    } else {
      Json object = Json::object();
      Writer writer(object);
      visit_fields(value, writer);
      return object;
    }
  }
  template <class T>
  static Json encode(const std::vector<T>& values) {
    Json array = Json::array();
    for (const T& value : values) array.push_back(encode(value));
    return array;
  }
  static Json encode(const std::vector<std::pair<std::string, std::string>>& pairs) {
    Json object = Json::object();
    for (const auto& [name, text] : pairs) object[name] = text;
    return object;
  }

  Json& out_;
};

class Reader {
 public:
  Reader(const Json& in, std::string where) : in_(in), where_(std::move(where)) {
    util::require(in.is_object(), where_, ": must be a JSON object, got ", in.type_name());
  }

  template <class T>
  void required(const char* name, T& value) {
    const auto found = in_.find(name);
    util::require(found != in_.end() && !found->is_null(), where_, ": missing field '", name, "'");
    decode(*found, name, value);
  }
  template <class T>
  void optional(const char* name, T& value) {
    const auto found = in_.find(name);
    if (found != in_.end() && !found->is_null()) decode(*found, name, value);
  }
  void optional(const char* name, std::optional<double>& value) {
    const auto found = in_.find(name);
    if (found != in_.end() && !found->is_null()) decode(*found, name, value.emplace());
  }

 private:
  [[noreturn]] void wrong(const char* name, const char* expected, const Json& got) const {
    util::fail(where_, ": field '", name, "': expected ", expected, ", got ",
               got.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 60));
  }

  void decode(const Json& json, const char* name, std::string& value) const {
    if (!json.is_string()) wrong(name, "text", json);
    value = json.get<std::string>();
  }
  void decode(const Json& json, const char* name, bool& value) const {
    if (!json.is_boolean()) wrong(name, "true or false", json);
    value = json.get<bool>();
  }
  void decode(const Json& json, const char* name, double& value) const {
    if (!json.is_number()) wrong(name, "a number", json);
    value = json.get<double>();
  }
  void decode(const Json& json, const char* name, std::int64_t& value) const {
    constexpr double kExactInteger = 9007199254740992.0;  // 2^53: a double beyond may not be whole
    if (json.is_number_float()) {                         // other trainers write 4096.0
      const double number = json.get<double>();
      if (std::trunc(number) != number || std::abs(number) > kExactInteger) {
        wrong(name, "a whole number", json);
      }
      value = static_cast<std::int64_t>(number);
      return;
    }
    if (!json.is_number_integer()) wrong(name, "a whole number", json);
    value = json.get<std::int64_t>();
  }
  void decode(const Json& json, const char* name, EventKind& value) const {
    for (std::size_t i = 0; i < kEventNames.size(); ++i) {
      if (json == kEventNames[i]) {
        value = static_cast<EventKind>(i);
        return;
      }
    }
    wrong(name, "resume, checkpoint, switch, warning or error", json);
  }
  void decode(const Json& json, const char* name,
              std::vector<std::pair<std::string, std::string>>& pairs) const {
    if (!json.is_object()) wrong(name, "an object of texts", json);
    pairs.clear();
    for (const auto& [key, text] : json.items()) {
      pairs.emplace_back(key, std::string());
      decode(text, key.c_str(), pairs.back().second);
    }
  }
  template <class T>
  void decode(const Json& json, const char* name, std::vector<T>& values) const {
    if (!json.is_array()) wrong(name, "a list", json);
    values.clear();
    for (const Json& item : json) decode(item, name, values.emplace_back());
  }
  template <class T>
  void decode(const Json& json, const char* name, T& record) const {
    Reader reader(json, where_ + ": " + name);
    visit_fields(record, reader);
  }

  const Json& in_;
  std::string where_;
};

template <class T>
Json write_record(const char* kind, const T& record) {
  Json json;
  json["kind"] = kind;
  if constexpr (std::is_same_v<T, RunHeader>) json["schema"] = kSchema;
  Writer writer(json);
  visit_fields(record, writer);
  return json;
}

template <class T>
Record read_record(const Json& json, const std::string& where) {
  T record;
  Reader reader(json, where);
  visit_fields(record, reader);
  return record;
}

void check_schema(const Json& json, const std::string& where) {
  const auto schema = json.find("schema");
  util::require(schema != json.end(), where, ": header: missing field 'schema'");
  util::require(schema->is_number_integer() && schema->get<std::int64_t>() >= 1, where,
                ": header: field 'schema': expected a whole number >= 1, got ", schema->dump());
  util::require(schema->get<std::int64_t>() <= kSchema, where, ": header: schema must be at most ",
                kSchema, " for this version, got ", schema->dump());
}

}  // namespace

Json to_json(const Record& record) {
  struct Visit {
    Json operator()(const RunHeader& r) const { return write_record("header", r); }
    Json operator()(const StepRecord& r) const { return write_record("step", r); }
    Json operator()(const ValidationRecord& r) const { return write_record("validation", r); }
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
    return read_record<RunHeader>(json, where + ": header");
  }
  if (*kind == "step") return read_record<StepRecord>(json, where + ": step");
  if (*kind == "validation") {
    Record record = read_record<ValidationRecord>(json, where + ": validation");
    ValidationRecord& validation = std::get<ValidationRecord>(record);
    if (validation.perplexity == 0) validation.perplexity = std::exp(validation.loss);
    return record;
  }
  if (*kind == "event") return read_record<EventRecord>(json, where + ": event");
  if (*kind == "summary") return read_record<SummaryRecord>(json, where + ": summary");
  util::fail(where, ": field 'kind': expected header, step, validation, event or summary, got ",
             kind->dump());
}

}  // namespace superpose::metrics
