// The header section of a message (RFC 5322 §2.2), field by field, as views of the message: nothing is copied
// and nothing is decoded. Used where a message comes in raw and by tests. Does not judge what a field says.
// Pure functions and values; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace goniec::mail {

// Far beyond what mail programs write, and little enough to list its fields in memory.
inline constexpr std::size_t kMaxHeaderSection = 512 * 1024;

// Views of the message that was scanned.
struct HeaderField {
  // Without the colon and the white space that old software writes before it.
  std::string_view name;
  // What is behind the colon, with folds; without the final CR LF.
  std::string_view value;
  // The whole field with its folds and final CR LF.
  std::string_view line;
};

struct HeaderSection {
  std::vector<HeaderField> fields;
  // Behind the empty line; empty if there is none.
  std::string_view body;
};

// `message` has CR LF line ends only and outlives the result. kInvalidArgument if a line of the header
// section is neither a field nor the continuation of one (the message says which line and never quotes it),
// or if the section is longer than kMaxHeaderSection.
absl::StatusOr<HeaderSection> ScanHeaders(std::string_view message);

// The first field of this name (any case), or null.
const HeaderField* FindField(const HeaderSection& section, std::string_view name);
int CountFields(const HeaderSection& section, std::string_view name);

// The value on one line: line ends removed (the white space behind them stays), trimmed.
std::string Unfold(std::string_view value);

// Printable ASCII without colon (RFC 5322 §3.6.8).
bool IsFieldName(std::string_view name);

// Why a caller may not write this field into a composed message: a phrase that goes on "is …". Nothing if it
// may.
std::optional<std::string_view> WhyReserved(std::string_view name);

}  // namespace goniec::mail
