// The files of an installed Python distribution.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace superpose::corpus {

// The first field of each line of a RECORD file (CSV as in PyPA's "Recording installed projects").
std::vector<std::string> parse_record(std::string_view text);

// The files inside `site_packages` that an installed distribution's RECORD lists, as paths below
// it, in RECORD's order. Its name is compared as PyPI does it: case and runs of "-_." are all one.
// Throws util::Error where the folder or the distribution is not there.
std::vector<std::string> distribution_files(const std::filesystem::path& site_packages,
                                            std::string_view name);

}  // namespace superpose::corpus
