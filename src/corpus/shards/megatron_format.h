// Numbers of Megatron-LM's .idx layout that writer and reader share.
#pragma once

#include <cstdint>
#include <string_view>

namespace superpose::corpus {

inline constexpr std::string_view kIndexMagic{"MMIDIDX\0\0", 9};
inline constexpr std::uint64_t kIndexVersion = 1;
inline constexpr std::uint8_t kDtypeU16 = 8;
inline constexpr std::uint8_t kDtypeI32 = 4;

}  // namespace superpose::corpus
