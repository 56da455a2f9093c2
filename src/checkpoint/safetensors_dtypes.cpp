#include "checkpoint/safetensors_dtypes.h"

#include <algorithm>
#include <array>
#include <utility>

namespace superpose::checkpoint {
namespace {

using c10::ScalarType;
using NamedType = std::pair<std::string_view, ScalarType>;

constexpr std::array kTypes = {
    NamedType{"BOOL", ScalarType::Bool},
    NamedType{"U8", ScalarType::Byte},
    NamedType{"I8", ScalarType::Char},
    NamedType{"U16", ScalarType::UInt16},
    NamedType{"I16", ScalarType::Short},
    NamedType{"U32", ScalarType::UInt32},
    NamedType{"I32", ScalarType::Int},
    NamedType{"U64", ScalarType::UInt64},
    NamedType{"I64", ScalarType::Long},
    NamedType{"F16", ScalarType::Half},
    NamedType{"BF16", ScalarType::BFloat16},
    NamedType{"F32", ScalarType::Float},
    NamedType{"F64", ScalarType::Double},
    NamedType{"C64", ScalarType::ComplexFloat},
    NamedType{"F8_E4M3", ScalarType::Float8_e4m3fn},
    NamedType{"F8_E5M2", ScalarType::Float8_e5m2},
};

}  // namespace

std::optional<ScalarType> scalar_type(std::string_view dtype) {
  const auto* const found = std::find_if(kTypes.begin(), kTypes.end(),
                                         [&](const auto& type) { return type.first == dtype; });
  return found == kTypes.end() ? std::nullopt : std::optional(found->second);
}

std::string_view dtype_name(ScalarType scalar) {
  const auto* const found = std::find_if(kTypes.begin(), kTypes.end(),
                                         [&](const auto& type) { return type.second == scalar; });
  return found == kTypes.end() ? std::string_view() : found->first;
}

}  // namespace superpose::checkpoint
