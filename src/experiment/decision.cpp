#include "experiment/decision.h"

#include "util/error.h"
#include "util/json.h"
#include "util/json_fields.h"

namespace superpose::experiment {

std::string on_first_rank(distributed::Collective& collective,
                          const std::function<std::string()>& work) {
  std::string text;
  if (collective.rank() == 0) {
    try {
      text = "+" + work();
    } catch (const util::Error& error) {
      text = std::string("-") + error.what();
    }
  }
  text = collective.broadcast_text(text, 0);
  util::require(text.starts_with('+'), text.substr(1));
  return text.substr(1);
}

std::string to_text(const Decision& decision) { return util::fields_to_json(decision).dump(); }

Decision decision_from_text(const std::string& text) {
  return util::fields_from_json<Decision>(util::parse_json(text, "compare"), "compare");
}

}  // namespace superpose::experiment
