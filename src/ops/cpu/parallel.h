// A guard for the sources with parallel loops: refuses to compile without OpenMP.
#pragma once

#ifndef _OPENMP
#error \
    "at::parallel_for is serial, silently, without -fopenmp: add this file to parallel_sources in CMakeLists.txt"
#endif

#include <ATen/Parallel.h>
