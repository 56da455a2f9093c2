#include "corpus/sources/distributions.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <system_error>

#include "util/error.h"
#include "util/files.h"
#include "util/utf8.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

// PEP 503.
std::string normalized(std::string_view name) {
  std::string result;
  for (const char c : name) {
    const bool separator = c == '-' || c == '_' || c == '.';
    if (separator && result.ends_with('-')) continue;
    result += separator ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

// "Jinja2-3.1.6.dist-info" -> "jinja2"; nullopt for other folders.
std::optional<std::string> distribution_of(const fs::path& folder) {
  if (folder.extension() != ".dist-info") return std::nullopt;
  const std::string stem = folder.stem().string();
  return normalized(stem.substr(0, stem.find('-')));
}

fs::path find_metadata(const fs::path& site_packages, std::string_view name) {
  util::require(!site_packages.empty(),
                "data.site_packages: must name a folder where data.python_distributions is set");
  std::error_code error;
  fs::directory_iterator it(site_packages, error);
  util::require(!error, "data.site_packages: cannot read ", site_packages.string(), ": ",
                error.message());
  const std::string wanted = normalized(name);
  for (const fs::directory_entry& entry : it) {
    if (distribution_of(entry.path()) == wanted) return entry.path();
  }
  util::fail("data.python_distributions: ", name, " is not installed in ", site_packages.string());
}

bool lies_inside(const std::string& file) {
  return !file.empty() && !file.starts_with('/') &&
         !fs::path(file).lexically_normal().generic_string().starts_with("..");
}

}  // namespace

std::vector<std::string> parse_record(std::string_view text) {
  std::vector<std::string> names;
  text = util::without_byte_order_mark(text);
  while (!text.empty()) {
    std::string name;
    std::size_t i = 0;
    bool quoted = false;
    for (; i < text.size() && (quoted || (text[i] != ',' && text[i] != '\n')); ++i) {
      if (text[i] != '"') {
        name += text[i];
      } else if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        name += text[i++];
      } else {
        quoted = !quoted;
      }
    }
    while (name.ends_with('\r')) name.pop_back();
    if (!name.empty()) names.push_back(std::move(name));
    // Hash and size follow; neither can hold a line break.
    const std::size_t line_end = text.find('\n', i);
    text.remove_prefix(line_end == std::string_view::npos ? text.size() : line_end + 1);
  }
  return names;
}

std::vector<std::string> distribution_files(const fs::path& site_packages, std::string_view name) {
  const fs::path record = find_metadata(site_packages, name) / "RECORD";
  std::vector<std::string> files = parse_record(util::read_file(record));
  std::erase_if(files, [](const std::string& file) { return !lies_inside(file); });
  return files;
}

}  // namespace superpose::corpus
