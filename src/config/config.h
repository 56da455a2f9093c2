// Any plain struct with one `visit` as a recipe (TOML), and back.
//
// The struct lives with its owner, needs no header of this module, and describes itself by
//
//   template <class Self, class Visitor>
//   static void visit(Self& self, Visitor& v) {
//     v.field("eps", self.eps, "AdamW's epsilon");               // part of the experiment
//     v.operational("threads", self.threads, "CPU threads");     // may change at a resume
//     v.choice("schedule", self.schedule, kNames, "its shape");  // enum class, values 0, 1, ...
//     v.section("model", self.model, "the decoder");             // a visitable struct: [model]
//     v.list("phases", self.phases, "in order");                 // vector of them: [[phases]];
//                                                                // operational where all keys are
//     v.added().field("z_loss", self.z_loss, "weight");          // a key that old versions lack
//     v.corpus().field("include", self.include, "globs");        // decides what a corpus holds
//     v.order().field("lanes", self.lanes, "lanes");             // decides which rows are read
//   }
//
// A key (choice, section, list) added after runs were made with a version that lacks it is marked
// by added(): at its default it is not among the settings, so that their fingerprints stay. An
// added section counts as one key: any change in it brings all of its keys.
//
// Field types:
//
//   bool, std::int64_t, double, std::string
//   std::vector of the last three
//   std::optional of the two numbers     "auto" = empty
//   std::map<std::string, std::string>   dotted recipe key -> TOML text of its value
//
// Names are bare TOML keys. A struct may have `void validate() const` that throws util::Error
// "<key>: rule, got value"; the key is written in full or relative to the struct.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/outline.h"
#include "config/reader.h"
#include "config/synonyms.h"
#include "util/setting.h"

namespace superpose::config {

// One `--key value` of the command line. `value` is TOML, or a bare word for a key that holds text,
// a choice or "auto". A list is replaced as a whole ("phases", "[{share = 0.3, bag_size = 4}]") or
// changed in place ("phases[0].bag_size").
struct Override {
  std::string key;
  std::string value;
  std::string origin = "";  // named in errors; "" = "--<key>"
};

// Assigns to `target` what the recipe holds, then the overrides in their order, then calls every
// validate(). What is named nowhere keeps its value. Throws util::Error and leaves `target` alone
// where the text is not TOML, a key is unknown, a type is wrong or validate() refuses:
//
//   "recipe.toml:12: optim.learning_rte: unknown key, did you mean optim.learning_rate?"
//   "--train.steps: expected an integer, got a string: \"many\""
//
// What errors suggest comes from the synonyms first.
template <class T>
void read(T& target, const std::string& file_name, const std::string& toml_text,
          const std::vector<Override>& overrides = {}, const Synonyms& synonyms = {}) {
  T result = target;
  ReadLog log(known_keys(Outliner::outline(target)), synonyms);
  Reader::read_struct(parse_toml(file_name, toml_text), "", log, result);
  for (const Override& override : overrides) {
    const std::string origin = override.origin.empty() ? "--" + override.key : override.origin;
    Reader::read_struct(nest(override.key, parse_value(origin, override.value)), "", log, result);
  }
  Validator::validate_struct("", log, result);
  target = std::move(result);
}

// The whole struct as TOML that read() turns into an equal one.
template <class T>
std::string to_toml(const T& object) {
  return outline_toml(Outliner::outline(object));
}

// The same with each key's meaning as a comment: a recipe that a newcomer can start from.
template <class T>
std::string describe(const T& defaults) {
  return outline_description(Outliner::outline(defaults));
}

// The keys one by one, sections flattened to dotted names; a list of structs is one key with an
// inline value. Without the added keys that are at their defaults.
template <class T>
std::vector<util::Setting> settings(const T& object) {
  return outline_settings(Outliner::outline(object));
}

}  // namespace superpose::config
