#include "train/start.h"

#include <array>
#include <string_view>

#include "checkpoint/checkpoint.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"
#include "util/json_fields.h"
#include "util/text.h"

namespace superpose::train {
namespace {

constexpr std::array<std::string_view, 3> kKindNames = {"fresh", "resume", "branch"};

// Keys that a branch must share with the run it leaves: a seed's order of the data is another one.
constexpr std::array<std::string_view, 4> kBranchKeys = {
    "train.seed", "data.lanes", "data.block_tokens", "data.document_aware"};

struct Found {
  Start start;
  util::Json state;
  util::Json corpus = util::Json();  // null where the checkpoint does not have it
};

// trainer/corpus.json: checkpoints of earlier versions lack it.
util::Json read_corpus(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "trainer" / "corpus.json";
  if (!std::filesystem::exists(file)) return {};
  return util::parse_json(util::read_file(file), file.string());
}

Found look(const std::filesystem::path& checkpoints,
           const std::optional<std::filesystem::path>& start_from) {
  Found found;
  const auto refused = [&](const std::filesystem::path& folder, const std::string& why) {
    found.start.warnings.push_back("checkpoint " + folder.string() + " refused: " + why);
  };
  const auto newest = checkpoint::latest_valid(checkpoints, refused);
  util::require(newest || found.start.warnings.empty(), "run folder ",
                checkpoints.parent_path().string(), ": it has checkpoints but none is valid (",
                util::join(found.start.warnings, "; "), "); remove them to start anew");
  if (newest) {
    found.start.kind = Start::Kind::kResume;
    found.start.checkpoint = *newest;
    found.state = checkpoint::open(*newest, checkpoint::Check::kSizes).state;
  } else if (start_from) {
    found.start.kind = Start::Kind::kBranch;
    found.start.checkpoint = *start_from;
    found.state = checkpoint::open(*start_from).state;
  }
  if (!found.start.checkpoint.empty()) found.corpus = read_corpus(found.start.checkpoint);
  return found;
}

util::Json to_json(const Found& found) {
  return util::Json{{"kind", static_cast<int>(found.start.kind)},
                    {"checkpoint", found.start.checkpoint.string()},
                    {"warnings", found.start.warnings},
                    {"state", found.state},
                    {"corpus", found.corpus}};
}

Start start_from_json(const util::Json& json) {
  Start start;
  start.kind = static_cast<Start::Kind>(json.at("kind").get<int>());
  start.checkpoint = json.at("checkpoint").get<std::string>();
  json.at("warnings").get_to(start.warnings);
  if (start.kind != Start::Kind::kFresh) {
    start.state = run_state_from_json(json.at("state"),
                                      (start.checkpoint / "trainer" / "state.json").string());
  }
  if (const util::Json& corpus = json.at("corpus"); !corpus.is_null()) {
    start.corpus = util::fields_from_json<data::CorpusRecord>(
        corpus, (start.checkpoint / "trainer" / "corpus.json").string());
  }
  return start;
}

std::vector<std::string> branch_differences(const std::vector<util::Setting>& checkpoint,
                                            const std::vector<util::Setting>& recipe) {
  std::vector<std::string> result;
  for (const std::string_view key : kBranchKeys) {
    const std::string before = setting_value(checkpoint, key);
    const std::string now = setting_value(recipe, key);
    if (before == now) continue;
    result.push_back(std::string(key) + " (checkpoint " + before + ", recipe " + now + ")");
  }
  return result;
}

std::string changed_files(const Start& start, const data::CorpusRecord& now) {
  if (start.corpus.files.empty()) return "";
  return ": " + data::describe_changes(start.corpus.files, now.files);
}

void check_corpus(const Start& start, const data::CorpusRecord& now, const std::string& who) {
  util::require(start.state.corpus_fingerprint == now.fingerprint, who,
                ": the corpus must be the same, its fingerprint was ",
                start.state.corpus_fingerprint, " and is ", now.fingerprint,
                changed_files(start, now));
  // A branch may be measured on other text; one curve may not.
  if (start.kind != Start::Kind::kResume || start.corpus.files.empty()) return;
  util::require(start.corpus.validation_fingerprint == now.validation_fingerprint, who,
                ": the text of the validation sets must be the same, its fingerprint was ",
                start.corpus.validation_fingerprint, " and is ", now.validation_fingerprint,
                changed_files(start, now));
}

}  // namespace

Start find_start(const std::filesystem::path& checkpoints,
                 const std::optional<std::filesystem::path>& start_from,
                 distributed::Collective& collective) {
  std::string text;
  if (collective.rank() == 0) text = to_json(look(checkpoints, start_from)).dump();
  text = collective.broadcast_text(text, 0);
  return start_from_json(util::parse_json(text, "start of the run"));
}

void check_start(const Start& start, const StartExpectation& expected) {
  if (start.kind == Start::Kind::kFresh) return;
  const RunState& state = start.state;
  const std::string who = std::string(kKindNames[static_cast<std::size_t>(start.kind)]) +
                          " from checkpoint " + start.checkpoint.string();
  const bool resumes = start.kind == Start::Kind::kResume;
  const std::vector<std::string> changed =
      resumes ? setting_differences(state.settings, expected.settings)
              : branch_differences(state.settings, expected.settings);
  util::require(changed.empty(), who,
                ": these keys must be as they were: ", util::join(changed, ", "));
  check_corpus(start, expected.corpus, who);
  util::require(resumes || state.step < expected.total_steps, who,
                ": the schedule must go on beyond its ", state.step,
                " steps, got train.steps = ", expected.total_steps);
}

}  // namespace superpose::train
