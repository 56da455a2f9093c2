#include "corpus/prepare/preparation_journal.h"

#include "util/error.h"
#include "util/files.h"
#include "util/json_fields.h"

namespace superpose::corpus {
namespace {

constexpr std::int64_t kJournalSchema = 1;

}  // namespace

void write_journal(const std::filesystem::path& folder, const PreparationJournal& journal) {
  util::Json json = {{"schema", kJournalSchema}};
  json.update(util::fields_to_json(journal));
  util::write_file_atomic(folder / kJournalName, json.dump(1) + "\n");
}

std::optional<PreparationJournal> read_journal(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kJournalName;
  if (!std::filesystem::exists(path)) return std::nullopt;
  const util::Json json = util::parse_json(util::read_file(path), path.string());
  util::require(json.is_object() && json.value("schema", util::Json()) == kJournalSchema,
                path.string(), ": schema must be ", kJournalSchema);
  return util::fields_from_json<PreparationJournal>(json, path.string());
}

}  // namespace superpose::corpus
