#include "common/config/units.h"

#include <array>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::config {
namespace {

struct Unit {
  std::string_view suffix;
  uint64_t factor;
};

// Largest first, as they are chosen for printing.
constexpr std::array kTimeUnits = {Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000},
                                   Unit{"s", 1'000}, Unit{"ms", 1}};
constexpr std::array kSizeUnits = {Unit{"GiB", 1ULL << 30}, Unit{"MiB", 1ULL << 20}, Unit{"KiB", 1ULL << 10},
                                   Unit{"B", 1}};

constexpr std::string_view kTimeExample = "use for example 250ms, 30s, 5m, 4h or 5d";
constexpr std::string_view kSizeExample = "use for example 25MiB";

template <size_t N>
absl::StatusOr<uint64_t> Parse(std::string_view text, const std::array<Unit, N>& units, uint64_t max,
                               std::string_view what, std::string_view example) {
  const auto wrong = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", Printable(text, 80), "\" ", ToAbsl(why), ToAbsl(what), "; ", ToAbsl(example)));
  };
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.begin(), text.end(), number);
  if (error == std::errc::result_out_of_range) return wrong("is too large for ");
  if (error != std::errc()) return wrong("is not ");
  const std::string_view suffix(stop, static_cast<size_t>(end - stop));
  if (suffix.empty() && number == 0) return 0;
  if (suffix.empty()) return wrong("has no unit, so it is not ");
  for (const Unit& unit : units) {
    if (suffix != unit.suffix) continue;
    if (number > max / unit.factor) return wrong("is too large for ");
    return number * unit.factor;
  }
  return wrong("is not ");
}

template <size_t N>
std::string Format(uint64_t value, const std::array<Unit, N>& units) {
  for (const Unit& unit : units) {
    if (value >= unit.factor && value % unit.factor == 0)
      return absl::StrCat(value / unit.factor, ToAbsl(unit.suffix));
  }
  return absl::StrCat(value, ToAbsl(units.back().suffix));
}

}  // namespace

absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  // A century, so that sums of durations and time points stay far from overflow in nanoseconds.
  const auto value = Parse(text, kTimeUnits, 36'525ULL * 86'400'000, "a time span", kTimeExample);
  if (!value.ok()) return value.status();
  return std::chrono::milliseconds(static_cast<int64_t>(*value));
}

std::string FormatDuration(std::chrono::milliseconds value) {
  return Format(static_cast<uint64_t>(value.count()), kTimeUnits);
}

absl::StatusOr<ByteCount> ParseByteCount(std::string_view text) {
  const auto value = Parse(text, kSizeUnits, uint64_t{1} << 60, "a size", kSizeExample);
  if (!value.ok()) return value.status();
  return ByteCount{*value};
}

std::string FormatByteCount(ByteCount value) {
  return Format(value.bytes, kSizeUnits);
}

}  // namespace goniec::config
