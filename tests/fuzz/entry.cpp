#include <cstddef>
#include <cstdint>

#include "fuzz/targets.h"

// What libFuzzer calls. SUPERPOSE_FUZZ_TARGET: name of one function of targets.h.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  superpose::fuzz::SUPERPOSE_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
