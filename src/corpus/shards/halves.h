// The two halves of a validation set.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace superpose::corpus {

// The half of each validation document, a letter A or B, by a hash of its content hash; where
// chance leaves a half of several documents empty, every other one in the order of that hash.
std::string draw_halves(std::span<const std::uint64_t> contents);

}  // namespace superpose::corpus
