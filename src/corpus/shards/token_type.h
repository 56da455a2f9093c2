// The number types of token files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace superpose::corpus {

// Little-endian whole numbers that token files consist of.
enum class TokenType : std::uint8_t { kU8, kI8, kU16, kI16, kU32, kI32, kU64, kI64 };

// Calls visit(Number{}) with the C++ type.
template <class Visit>
decltype(auto) with_token_type(TokenType type, const Visit& visit) {
  switch (type) {
    case TokenType::kU8:
      return visit(std::uint8_t{});
    case TokenType::kI8:
      return visit(std::int8_t{});
    case TokenType::kU16:
      return visit(std::uint16_t{});
    case TokenType::kI16:
      return visit(std::int16_t{});
    case TokenType::kU32:
      return visit(std::uint32_t{});
    case TokenType::kI32:
      return visit(std::int32_t{});
    case TokenType::kU64:
      return visit(std::uint64_t{});
    case TokenType::kI64:
      return visit(std::int64_t{});
  }
  __builtin_unreachable();
}

inline std::size_t token_bytes(TokenType type) {
  return with_token_type(type, [](auto number) { return sizeof number; });
}

// The number in 32 or 64 unsigned bits: what is negative becomes larger than any vocabulary.
template <class Number>
using Unsigned = std::conditional_t<sizeof(Number) == 8, std::uint64_t, std::uint32_t>;
template <class Number>
Unsigned<Number> to_unsigned(Number number) {
  using Signed = std::conditional_t<sizeof(Number) == 8, std::int64_t, std::int32_t>;
  if constexpr (std::is_signed_v<Number>) {
    return static_cast<Unsigned<Number>>(static_cast<Signed>(number));
  } else {
    return number;
  }
}

}  // namespace superpose::corpus
