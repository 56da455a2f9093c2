#include "train/start.h"

#include <string_view>

#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"
#include "config/outline.h"
#include "corpus/data_config.h"
#include "train/checkpoints.h"
#include "train/run_folder.h"
#include "train/setting_changes.h"
#include "train/tokenizer_changes.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"
#include "util/json_fields.h"
#include "util/text.h"

namespace superpose::train {
namespace {

// Whether a branch must share the key with the run it leaves: with another seed or order other rows
// are read. What follows the end of an epoch may differ.
bool is_branch_key(std::string_view key) {
  constexpr std::string_view kData = "data.";
  if (key == "train.seed") return true;
  return key.starts_with(kData) && key != "data.when_exhausted" &&
         config::role_of<corpus::DataConfig>(key.substr(kData.size())) == config::DataRole::kOrder;
}

std::filesystem::path corpus_file(const std::filesystem::path& checkpoint) {
  return checkpoint / checkpoint::kCorpusFile;
}

// The whole file; empty where there is none.
std::string read_if_there(const std::filesystem::path& file) {
  return std::filesystem::exists(file) ? util::read_file(file) : std::string();
}

// A run that has checkpoints resumes from its own, and --from is there because the command is
// repeated. That it names another run than it did is worth a word.
void note_unused(const std::filesystem::path& start_from, const std::filesystem::path& own,
                 std::vector<std::string>& warnings) {
  const RunState state =
      run_state_from_json(checkpoint::open(own, checkpoint::Check::kSizes).state, own.string());
  const std::string began = state.parents.empty() ? "" : state.parents.back().folder;
  std::error_code error;
  const auto whole = [&error](const std::filesystem::path& path) {
    return std::filesystem::weakly_canonical(path, error).string();
  };
  if (!began.empty() && whole(began).starts_with(whole(start_from))) return;
  warnings.push_back("--from " + start_from.string() +
                     " is not used: this run has checkpoints of its own, and began " +
                     (began.empty() ? "without --from" : "with --from " + began));
}

// Everything that rank 0 found, as the others get it.
util::Json look(const std::filesystem::path& checkpoints,
                const std::optional<std::filesystem::path>& start_from) {
  std::vector<std::string> warnings;
  const auto refused = [&](const std::filesystem::path& folder, const std::string& why) {
    const std::string who = "checkpoint " + folder.string();
    const bool says_who = why.starts_with(who + ": ");
    warnings.push_back(
        who + " is not valid and was skipped: " + (says_who ? why.substr(who.size() + 2) : why));
  };
  const auto newest = checkpoint::latest_valid(checkpoints, refused);
  util::require(newest || warnings.empty(), "run folder ", checkpoints.parent_path().string(),
                ": it has checkpoints but none is valid (", util::join(warnings, "; "),
                "); remove them to start again from the beginning");
  Start::Kind kind = Start::Kind::kFresh;
  std::filesystem::path folder;
  if (newest) {
    kind = Start::Kind::kResume;
    folder = *newest;
  } else if (start_from) {
    kind = Start::Kind::kBranch;
    folder = checkpoint::locate(*start_from);
  }
  if (newest && start_from) note_unused(*start_from, *newest, warnings);
  util::Json found = {
      {"kind", static_cast<int>(kind)}, {"checkpoint", folder.string()}, {"warnings", warnings}};
  if (kind == Start::Kind::kFresh) return found;
  // A resume's was verified just now.
  const bool is_branch = kind == Start::Kind::kBranch;
  const checkpoint::Loaded loaded =
      checkpoint::open(folder, is_branch ? checkpoint::Check::kHashes : checkpoint::Check::kSizes);
  found["state"] = loaded.state;
  found["weights_hash"] = loaded.weights_hash;
  found["config"] = util::read_file(folder / "config.json");
  found["corpus"] = read_if_there(corpus_file(folder));
  found["tokenizer"] = is_branch ? read_if_there(folder / "tokenizer.json") : std::string();
  return found;
}

Start start_from_json(const util::Json& found) {
  Start start;
  start.kind = static_cast<Start::Kind>(found.at("kind").get<int>());
  start.checkpoint = found.at("checkpoint").get<std::string>();
  found.at("warnings").get_to(start.warnings);
  if (start.kind == Start::Kind::kFresh) return start;
  start.state = run_state_from_json(found.at("state"),
                                    (start.checkpoint / "trainer" / "state.json").string());
  start.model = checkpoint::from_config_json(found.at("config").get<std::string>(),
                                             (start.checkpoint / "config.json").string());
  found.at("weights_hash").get_to(start.weights_hash);
  found.at("tokenizer").get_to(start.tokenizer_json);
  // Checkpoints of earlier versions lack it.
  if (const auto corpus = found.at("corpus").get<std::string>(); !corpus.empty()) {
    const std::string file = corpus_file(start.checkpoint).string();
    start.corpus =
        util::fields_from_json<corpus::CorpusRecord>(util::parse_json(corpus, file), file);
  }
  return start;
}

// The settings that a branch must share.
std::vector<util::Setting> branch_settings(const std::vector<util::Setting>& settings) {
  std::vector<util::Setting> kept;
  for (const util::Setting& setting : settings) {
    if (is_branch_key(setting.key)) kept.push_back(setting);
  }
  return kept;
}

void require_unchanged(const std::vector<std::string>& changes, const std::string& who,
                       const std::string& what_to_do) {
  if (changes.empty()) return;
  util::fail(who, ": these settings differ from the checkpoint's:\n  ", util::join(changes, "\n  "),
             "\n", what_to_do);
}

std::vector<std::string> branch_changes(const Start& start, const StartExpectation& expected) {
  return setting_changes(branch_settings(start.state.settings), branch_settings(expected.settings));
}

std::string changes_since(const corpus::CorpusRecord& then, const corpus::CorpusRecord& now) {
  return then.files.empty() ? "" : ": " + corpus::describe_changes(then.files, now.files);
}

std::string changed_files(const Start& start, const corpus::CorpusRecord& now) {
  return changes_since(start.corpus, now);
}

void check_corpus(const Start& start, const corpus::CorpusRecord& now, const std::string& who,
                  const std::string& what_to_do) {
  util::require(start.state.corpus_fingerprint == now.fingerprint, who,
                ": the corpus must be the same, its fingerprint was ",
                start.state.corpus_fingerprint, " and is ", now.fingerprint,
                changed_files(start, now), what_to_do);
  // A branch may be measured on other text; one curve may not.
  if (start.kind != Start::Kind::kResume || start.corpus.files.empty()) return;
  util::require(start.corpus.validation_fingerprint == now.validation_fingerprint, who,
                ": the text of the validation sets must be the same, its fingerprint was ",
                start.corpus.validation_fingerprint, " and is ", now.validation_fingerprint,
                changed_files(start, now), what_to_do);
}

// Weights know ids alone, so the same id must stand for the same text.
void check_tokenizer(Start& start, const std::string& now, const std::string& who) {
  if (start.tokenizer_json == now && !now.empty()) return;
  if (start.tokenizer_json.empty() || now.empty()) {
    start.warnings.push_back(
        std::string(start.tokenizer_json.empty() ? "the checkpoint" : "this corpus") +
        " has no tokenizer.json: that its ids mean what they meant cannot be checked");
    return;
  }
  const std::string file = (start.checkpoint / "tokenizer.json").string();
  check_same_ids(start.tokenizer_json, now, who, file);
}

void add_parent(Start& start, const char* kind, std::int64_t first_step) {
  start.state.parents.push_back(
      {kind, start.checkpoint.string(), start.state.step, first_step, start.weights_hash});
}

void check_resume(const Start& start, const StartExpectation& expected, const std::string& who) {
  const std::string from = "--from " + start.checkpoint.string();
  const bool can_branch =
      branch_changes(start, expected).empty() && model_changes(start.model, expected.model).empty();
  require_unchanged(setting_changes(start.state.settings, expected.settings), who,
                    can_branch ? "Set them back to resume, start a new run with another run.dir, "
                                 "or continue from these weights with another run.dir and " +
                                     from
                               : "Set them back to resume, or start a new run with another "
                                 "run.dir");
  check_corpus(
      start, expected.corpus, who,
      "; to train on other text from there, begin a stage with another run.dir and " + from);
}

void make_branch(Start& start, const StartExpectation& expected, const std::string& who) {
  require_unchanged(branch_changes(start, expected), who,
                    "A branch reads the same corpus on from where the checkpoint stands. Set them "
                    "back, or start without --from");
  add_parent(start, "branch", start.state.step);
}

void make_stage(Start& start, const StartExpectation& expected, const std::string& who) {
  check_tokenizer(start, expected.tokenizer_json, who);
  start.kind = Start::Kind::kStage;
  RunState& state = start.state;
  add_parent(start, "stage", expected.continues_schedule ? state.step : 0);
  state.consumed.clear();
  state.sources.clear();
  state.layout = {};
  state.clocks.ids_hash = 0;
  if (expected.continues_schedule) return;
  state.step = 0;
  state.clocks = {};
}

}  // namespace

Start find_start(const std::filesystem::path& checkpoints,
                 const std::optional<std::filesystem::path>& start_from,
                 distributed::Collective& collective) {
  std::string text;
  if (collective.rank() == 0) text = look(checkpoints, start_from).dump();
  text = collective.broadcast_text(text, 0);
  return start_from_json(util::parse_json(text, "start of the run"));
}

void settle_start(Start& start, const StartExpectation& expected) {
  if (start.kind == Start::Kind::kFresh) return;
  const bool resumes = start.kind == Start::Kind::kResume;
  const std::string who =
      (resumes ? "resume from checkpoint " : "start from checkpoint ") + start.checkpoint.string();
  const std::int64_t saved_step = start.state.step;
  if (resumes) {
    check_resume(start, expected, who);
  } else if (start.state.corpus_fingerprint == expected.corpus.fingerprint) {
    make_branch(start, expected, who);
  } else {
    if (!expected.may_start_stage) check_corpus(start, expected.corpus, who, "");
    make_stage(start, expected, who);
  }
  require_unchanged(model_changes(start.model, expected.model), who,
                    "The weights have the checkpoint's shape");
  util::require(resumes || start.state.step < expected.total_steps, who,
                ": the schedule must continue beyond its ", saved_step,
                " steps, got train.steps = ", expected.total_steps);
}

std::string describe(const Start& start) {
  const std::string from = " from " + start.checkpoint.string();
  switch (start.kind) {
    case Start::Kind::kFresh:
      return "";
    case Start::Kind::kResume:
      return "resumes" + from;
    case Start::Kind::kBranch:
      return "branches" + from + ": same corpus, position in it kept";
    case Start::Kind::kStage:
      return "new stage" + from +
             ": weights and optimizer continue, another corpus from its start, " +
             (start.state.step > 0 ? "steps counted on after " + std::to_string(start.state.step)
                                   : "steps from 0");
  }
  return "";
}

std::string text_changes(const std::filesystem::path& run_folder, const corpus::CorpusRecord& now) {
  const auto all = checkpoint::list(checkpoints_folder(run_folder));
  if (all.empty()) return "";
  const std::filesystem::path file = corpus_file(all.back());
  const std::string text = read_if_there(file);
  if (text.empty()) return "";
  return changes_since(util::fields_from_json<corpus::CorpusRecord>(
                           util::parse_json(text, file.string()), file.string()),
                       now);
}

}  // namespace superpose::train
