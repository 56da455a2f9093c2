#include "report/page/run_tables.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "report/page/html.h"
#include "report/words/text.h"
#include "util/text.h"

namespace superpose::report {
namespace {

class Facts {
 public:
  void add(const std::string& name, std::string value, std::string sub = "") {
    if (value.empty()) return;
    table_.rows.push_back({{name, ""}, {std::move(value), std::move(sub)}});
  }
  std::string html() {
    table_.css_class = "plain settings";
    return table_.rows.empty() ? "" : table(table_);
  }

 private:
  HtmlTable table_;
};

std::string duration(double seconds) { return seconds > 0 ? util::format_duration(seconds) : ""; }

// The time that the records count; of an unfinished run, up to the last of them.
double worked_seconds(const metrics::RunRecords& records) {
  double seconds = 0;
  if (!records.steps.empty()) seconds = records.steps.back().elapsed_seconds;
  if (!records.validations.empty()) {
    seconds = std::max(seconds, records.validations.back().elapsed_seconds);
  }
  if (records.final_scores) seconds = std::max(seconds, records.final_scores->elapsed_seconds);
  return seconds;
}

// As TOML text, without the quotes of a string; "" for what is empty.
std::string setting_of(const Run& run, std::string_view key) {
  for (const util::Setting& setting : run.records.header.settings) {
    if (setting.key != key || setting.value == "\"\"" || setting.value == "[]") continue;
    const std::string& value = setting.value;
    const bool is_text = value.size() > 2 && value.front() == '"' && value.back() == '"';
    return is_text ? value.substr(1, value.size() - 2) : value;
  }
  return "";
}

std::string passes(const util::NumberPairs& sources) {
  std::vector<std::string> parts;
  for (const auto& [name, epochs] : sources) {
    parts.push_back(name + " " + util::fixed(epochs, 2));
  }
  return util::join(parts, ", ");
}

}  // namespace

std::string time_table(const Run& run) {
  const metrics::RunRecords& records = run.records;
  Facts facts;
  facts.add("In all", duration(worked_seconds(records)), "steps, evaluation and checkpoints");
  if (!records.steps.empty()) {
    const metrics::StepRecord& last = records.steps.back();
    facts.add("Training steps", duration(last.seconds));
    if (last.seconds > 0) {
      facts.add("of these, waiting for data",
                last.wait_seconds > 0 ? duration(last.wait_seconds) : "none",
                util::fixed(100 * last.wait_seconds / last.seconds, 1) + " %");
    }
  }
  if (records.summary) {
    facts.add("Evaluation", duration(records.summary->evaluation_seconds));
    facts.add("Checkpoints", duration(records.summary->checkpoint_seconds));
  }
  facts.add("Started", records.header.started_at, "or last resumed");
  if (records.summary) facts.add("Finished", records.summary->finished_at);
  if (records.summary && records.summary->peak_memory_bytes > 0) {
    facts.add("Peak memory",
              util::format_bytes(static_cast<std::uint64_t>(records.summary->peak_memory_bytes)));
  }
  return facts.html();
}

std::string data_table(const Run& run) {
  const metrics::RunRecords& records = run.records;
  Facts facts;
  facts.add("Sources", setting_of(run, "data.sources"));
  facts.add("Sources", setting_of(run, "data.python_distributions"),
            "the Python sources of these packages");
  facts.add("Sources", setting_of(run, "mixture"), "a mixture");
  facts.add("Tokenizer", setting_of(run, "data.tokenizer"));
  facts.add("Held out", setting_of(run, "data.validation"));
  facts.add("Held out", setting_of(run, "data.validation_share"), "share of the documents");
  facts.add("Validation sets", setting_of(run, "validation"));
  const std::int64_t epoch = records.header.train_tokens;
  if (epoch > 0) facts.add("One pass", util::with_commas(epoch) + " raw tokens");
  if (!records.steps.empty()) {
    const metrics::StepRecord& last = records.steps.back();
    if (last.raw_tokens > 0) facts.add("Read", util::with_commas(last.raw_tokens) + " raw tokens");
    if (last.epoch > 0) facts.add("Passes", util::fixed(last.epoch, 2));
    facts.add("Passes over each source", passes(last.source_epochs));
  }
  facts.add("Data fingerprint", records.header.fingerprints.data);
  facts.add("Validation fingerprint", records.header.fingerprints.validation);
  return facts.html();
}

}  // namespace superpose::report
