// What the program learns from its surroundings: the one place outside distributed/ that reads the
// environment.
#pragma once

#include <filesystem>

#include "train/run_config.h"

namespace superpose::cli {

// $HOME; empty where that is not an absolute path.
std::filesystem::path home_folder();

// Folder of prepared corpora: $XDG_CACHE_HOME/superpose, else $HOME/.cache/superpose; empty where
// neither is an absolute path.
std::filesystem::path default_cache_dir();

// site-packages of the environment that the program was built against.
std::filesystem::path default_site_packages();

// This program's file; empty where the system does not say.
std::filesystem::path program_file();

// Plotly's script for the report: beside an installed or built binary (../share/superpose), else in
// site-packages. Throws util::Error naming both places.
std::filesystem::path plotly_script();

// Fills the folders that a recipe left empty; the cache only where there is a default.
void fill_folders(train::RunConfig& config);

// Columns of the terminal that standard output is; 0 where it is none.
int terminal_columns();

// Puts into the environment what libraries read once, when they are loaded, and starts the program
// again (same process, same arguments) if anything was missing there. What the user set stays.
//
//   GLIBC_TUNABLES  malloc keeps blocks below 32 MiB that a step frees for the next step, in place
//                   of giving them back to the kernel, which costs a page fault for each 4 KiB when
//                   they come again (docs/adr/0010-step-memory.md)
//   GOMP_SPINCOUNT  how long a thread spins at the end of a parallel region before it sleeps.
//                   libgomp's own 300,000 makes a step more than ten times slower as soon as
//                   anything else wants one of the cores (docs/benchmarks/2026-11-23-threads.md)
void prepare_process(char** argv);

}  // namespace superpose::cli
