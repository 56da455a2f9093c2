// The dtypes of the safetensors format as types of libtorch, and back.
#pragma once

#include <c10/core/ScalarType.h>

#include <optional>
#include <string_view>

namespace superpose::checkpoint {

// libtorch's type for a dtype of the format; nothing where libtorch has no tensor of it.
std::optional<c10::ScalarType> scalar_type(std::string_view dtype);

// The format's name for a type of libtorch; empty where it has none.
std::string_view dtype_name(c10::ScalarType scalar);

}  // namespace superpose::checkpoint
