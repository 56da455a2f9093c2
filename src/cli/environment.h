// What the program learns from its surroundings: the one place outside distributed/ that reads the
// environment.
#pragma once

#include <filesystem>

#include "train/run_config.h"

namespace superpose::cli {

// Folder of prepared corpora: $XDG_CACHE_HOME/superpose, else $HOME/.cache/superpose, else
// .superpose-cache.
std::filesystem::path default_cache_dir();

// site-packages of the environment that the program was built against.
std::filesystem::path default_site_packages();

// Plotly's script for the report: beside an installed or built binary (../share/superpose), else in
// site-packages. Throws util::Error naming both places.
std::filesystem::path plotly_script();

// Fills the folders that a recipe left empty.
void fill_folders(train::RunConfig& config);

// Whether standard output is a terminal: decides between a status line and plain lines.
bool output_is_terminal();

// Settings that must stand in the environment before libtorch's first allocation: huge pages for
// large tensors (THP_MEM_ALLOC_ENABLE=1), unless the user set them already.
void prepare_process();

}  // namespace superpose::cli
