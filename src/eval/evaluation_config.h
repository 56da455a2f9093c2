// Which held-out text is scored, how much of it, and how often.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "corpus/readers/read_options.h"
#include "corpus/tokens/token_format.h"
#include "util/error.h"

namespace superpose::eval {

// An entry of [[evaluation.tasks]]: a task that is scored during the run.
struct TaskChoice {
  std::string name = {};
  std::string data = {};
  std::int64_t every = 1000;
  std::int64_t samples = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.operational("name", self.name,
                  "a task of superpose eval, or the path of a TOML file; NAME@N has N answered "
                  "examples in front of each question");
    v.operational("data", self.data, "folder of its data; empty = that of the TOML file");
    v.operational("every", self.every,
                  "steps between scores, the first before step 1; 0 = only at the end, as always");
    v.operational("samples", self.samples, "first rows of each group of the task; 0 = all");
  }

  void validate() const;
};

// Section [evaluation] of a recipe.
struct EvaluationConfig {
  std::int64_t every = 250;
  std::int64_t windows = 256;
  std::int64_t final_windows = 4096;
  double document_cap = 0;
  std::vector<std::string> prompts = {};
  std::int64_t sample_tokens = 64;
  std::vector<TaskChoice> tasks = {};

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.operational("every", self.every, "steps between validations; 0 = only before and after");
    v.field(
        "windows", self.windows,
        "windows scored of each validation set, at most; half from each of the two halves (A, B) "
        "of its documents");
    v.added().field("final_windows", self.final_windows,
                    "windows of each set scored when the run is done, at most; 0 = none");
    v.added().field(
        "document_cap", self.document_cap,
        "also report a final loss in which no document counts for more than this share; "
        "0 = off");
    v.added().operational("prompts", self.prompts,
                          "texts that the model continues at each validation, by its likeliest "
                          "tokens");
    v.added().operational("sample_tokens", self.sample_tokens,
                          "tokens of such a continuation, at most");
    v.added().list("tasks", self.tasks, "tasks that are scored now and then, and at the end");
  }

  void validate() const {
    util::require(every >= 0, "evaluation.every: must be >= 0, got ", every);
    util::require(windows >= 2, "evaluation.windows: must be >= 2, one for each half, got ",
                  windows);
    util::require(final_windows >= 0, "evaluation.final_windows: must be >= 0, got ",
                  final_windows);
    util::require(document_cap >= 0 && document_cap < 1,
                  "evaluation.document_cap: must be >= 0 and < 1, got ", document_cap);
    check_samples();
  }

 private:
  void check_samples() const;
};

// An entry of [[validation]]: held-out text with a loss of its own.
struct ValidationSetConfig {
  std::string name = "held_out";
  std::vector<std::string> sources = {};
  std::string format = {};
  std::string document_separator = {};
  std::string text_field = {};

  // Whether the set is the documents that [data] holds out.
  bool is_held_out() const { return sources.empty(); }

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("name", self.name, "what the set is called in records and report; [a-z0-9_-]");
    v.field("sources", self.sources,
            "its files, folders, globs, read as data.sources are; empty = what [data] holds out");
    v.field("format", self.format, "overrides data.format; empty = as there");
    v.field("document_separator", self.document_separator,
            "overrides data.document_separator; empty = as there");
    v.field("text_field", self.text_field, "overrides data.text_field; empty = as there");
  }

  void validate() const {
    const auto is_allowed = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    util::require(!name.empty() && std::all_of(name.begin(), name.end(), is_allowed),
                  "name: must be of the letters a-z, digits, _ and -, got \"", name, "\"");
    util::require(format.empty() || corpus::token_format_of(format), "format: must be one of ",
                  corpus::token_format_list(), ", got \"", format, "\"");
    corpus::unescape_separator("document_separator", document_separator);
    util::require(
        !is_held_out() || (format.empty() && document_separator.empty() && text_field.empty()),
        "sources: a set that is what [data] holds out is read as [data] says, so format, "
        "document_separator and text_field must be empty");
  }
};

// Throws util::Error unless there is a set, each has a name of its own, and one at most is what
// [data] holds out.
inline void check_validation_sets(const std::vector<ValidationSetConfig>& sets) {
  util::require(!sets.empty(), "validation: must name one set or more, got an empty list");
  for (std::size_t i = 0; i < sets.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const std::string key = "validation[" + std::to_string(i) + "].";
      util::require(sets[i].name != sets[j].name, key,
                    "name: must be unlike the other sets', got \"", sets[i].name, "\" twice");
      util::require(!sets[i].is_held_out() || !sets[j].is_held_out(), key,
                    "sources: one set at most may be what [data] holds out, got none in \"",
                    sets[j].name, "\" and \"", sets[i].name, "\"");
    }
  }
}

}  // namespace superpose::eval
