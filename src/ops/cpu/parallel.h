#pragma once

// For the sources with parallel loops, which CMakeLists.txt compiles with OpenMP.
#ifndef _OPENMP
#error \
    "at::parallel_for is serial, silently, without -fopenmp: add this file to parallel_sources in CMakeLists.txt"
#endif

#include <ATen/Parallel.h>
