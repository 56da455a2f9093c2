// Recipe settings as text, as records and checkpoints keep them.
#pragma once

#include <string>

namespace superpose::util {

// One key of a resolved recipe.
struct Setting {
  std::string key;           // dotted: "optim.learning_rate"
  std::string value;         // TOML text of the value: "0.003", "\"wsd\"", "[1, 2]"
  bool operational = false;  // may change when a run is resumed

  bool operator==(const Setting&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("key", self.key);
    v.required("value", self.value);
    v.optional("operational", self.operational);
  }
};

}  // namespace superpose::util
