// What the program learns from its surroundings: the one place outside distributed/ that reads the
// environment.
#pragma once

#include <filesystem>
#include <string>

#include "train/run_config.h"

namespace superpose::cli {

// $HOME; empty where that is not an absolute path.
std::filesystem::path home_folder();

// Folder of prepared corpora: $XDG_CACHE_HOME/superpose, else $HOME/.cache/superpose; empty where
// neither is an absolute path.
std::filesystem::path default_cache_dir();

// site-packages of the torch whose libtorch this process uses.
std::filesystem::path default_site_packages();

// This program's file; empty where the system does not say.
std::filesystem::path program_file();

// Whether there is such a program: a path, or a name that PATH has.
bool has_program(const std::string& name);

// Undoes for programs started from here what superpose.sh.in did to LD_LIBRARY_PATH.
void restore_library_path();

// Plotly's script for the report: next to an installed or built binary (../share/superpose), else
// in site-packages. Throws util::Error naming both folders.
std::filesystem::path plotly_script();

// Fills the folders that a recipe left empty; the cache only where there is a default.
void fill_folders(train::RunConfig& config);

// Lets only some of the CPU kernels be used: `wanted` as --isa takes it; where that is empty,
// SUPERPOSE_ISA of the environment, else the best of this CPU. Throws util::Error for a level that
// the CPU or the build lacks.
void choose_isa(const std::string& wanted);

// What choose_isa() would choose: "auto" or a level.
std::string wanted_isa(const std::string& wanted);

// Columns of the terminal that standard output is; 0 where it is not one.
int terminal_columns();

// What becomes of output whose reader has gone away (`| head`, a dead `tee`, a closed terminal).
enum class LostOutput {
  kDropped,      // the work continues to its end: for commands that write files
  kEndsProcess,  // by SIGPIPE, quietly, as other programs: for those whose output is the result
};
// Sets it for this process, whatever it inherited. With kDropped a file beyond the limit of
// `ulimit -f` is an error like a full disk, too.
void set_lost_output(LostOutput fate);

// `code`, once standard output is written to its end. Throws util::Error where it cannot be, as on
// a full disk.
int finish_output(int code);

// Puts into the environment what libraries read once, when they are loaded, and starts the program
// again (same process, same arguments) if anything was missing there. What the user set stays.
//
//   GLIBC_TUNABLES  malloc keeps blocks below 32 MiB that a step frees for the next step, in place
//                   of giving them back to the kernel, which costs a page fault for each 4 KiB when
//                   they are used again (docs/adr/0010-step-memory.md)
//   GOMP_SPINCOUNT  how long a thread spins at the end of a parallel region before it sleeps.
//                   libgomp's own 300,000 makes a step more than ten times slower as soon as
//                   anything else wants one of the cores (docs/benchmarks/2026-11-23-threads.md)
void prepare_process(char** argv);

}  // namespace superpose::cli
