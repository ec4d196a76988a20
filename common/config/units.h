// Values of configuration keys: the text forms of time spans and sizes, and the type of a size. The forms
// carry their unit, because a bare number is how somebody's 30 seconds become 30 milliseconds. Pure;
// thread-safe.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace goniec {

// A number of bytes. Convert on purpose: `size.bytes`.
struct ByteCount {
  uint64_t bytes = 0;
  constexpr auto operator<=>(const ByteCount&) const = default;
};
constexpr ByteCount KiB(uint64_t n) {
  return {n << 10};
}
constexpr ByteCount MiB(uint64_t n) {
  return {n << 20};
}
constexpr ByteCount GiB(uint64_t n) {
  return {n << 30};
}

namespace config {

// "250ms", "30s", "5m", "4h", "5d"; whole numbers only. The error says what is wrong and gives an example.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text);
std::string FormatDuration(std::chrono::milliseconds value);

// "100B", "512KiB", "25MiB", "2GiB"; whole numbers only. Powers of two; KB and MB are refused as ambiguous.
absl::StatusOr<ByteCount> ParseByteCount(std::string_view text);
std::string FormatByteCount(ByteCount value);

}  // namespace config
}  // namespace goniec
