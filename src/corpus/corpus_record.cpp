#include "corpus/corpus_record.h"

#include <filesystem>
#include <map>

#include "corpus/sources/source_record.h"
#include "util/text.h"

namespace superpose::corpus {
namespace {

constexpr std::size_t kNamesShown = 5;

std::string sentence(const char* verb, const std::vector<std::string>& names) {
  return verb + (" " + name_some(names));
}

}  // namespace

std::string name_some(std::vector<std::string> names) {
  const std::size_t more = names.size() > kNamesShown ? names.size() - kNamesShown : 0;
  names.resize(names.size() - more);
  std::string text = util::join(names, ", ");
  if (more > 0) text += " and " + std::to_string(more) + " more";
  return text;
}

void append_files(const std::string& prefix, const SourceRecord& source,
                  std::vector<CorpusFile>& files) {
  const std::filesystem::path name = prefix + source.name;
  files.push_back({name.string(), source.bytes, source.hash});
  for (const FileRecord& file : source.beside) {
    const std::filesystem::path last = std::filesystem::path(file.path).filename();
    files.push_back({(name.parent_path() / last).string(), file.bytes, file.hash});
  }
}

std::string describe_changes(const std::vector<CorpusFile>& before,
                             const std::vector<CorpusFile>& now) {
  std::multimap<std::string, CorpusFile> left;
  for (const CorpusFile& file : before) left.emplace(file.name, file);
  std::vector<std::string> changed, added, removed;
  std::vector<CorpusFile> unmatched;
  // Files of one name may stand in different folders: equal ones are pairs first.
  for (const CorpusFile& file : now) {
    auto [it, end] = left.equal_range(file.name);
    while (it != end && it->second != file) ++it;
    if (it != end) {
      left.erase(it);
    } else {
      unmatched.push_back(file);
    }
  }
  for (const CorpusFile& file : unmatched) {
    const auto old = left.find(file.name);
    (old == left.end() ? added : changed).push_back(file.name);
    if (old != left.end()) left.erase(old);
  }
  for (const auto& [name, file] : left) removed.push_back(name);

  std::vector<std::string> parts;
  if (!changed.empty()) parts.push_back(sentence("changed", changed));
  if (!removed.empty()) parts.push_back(sentence("removed", removed));
  if (!added.empty()) parts.push_back(sentence("added", added));
  return parts.empty() ? "every file is as it was, their order or the way of reading them is not"
                       : util::join(parts, "; ");
}

}  // namespace superpose::corpus
