// Text helpers that every module shares: the bridge between std::string_view and the distribution's
// absl::string_view, and the one way to show bytes of a peer to a person. Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace goniec {

// Debian 12's Abseil has a string_view of its own; newer ones alias std's. Valid as long as `text` is.
inline absl::string_view ToAbsl(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}
inline std::string_view FromAbsl(absl::string_view text) {
  return std::string_view(text.data(), text.size());
}

// ASCII only, as the mail protocols compare (RFC 5321 §2.4); bytes above 127 stay as they are.
std::string AsciiLower(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string_view TrimAsciiSpace(std::string_view text);

// Bytes of a peer for a log line or an error: control characters and bytes that are not valid UTF-8 become
// \xNN, and at most `limit` bytes of output are kept (then "…" follows).
std::string Printable(std::string_view bytes, size_t limit = 200);

bool IsValidUtf8(std::string_view bytes);

// True if both are the same; the time taken depends on the lengths only (for secrets).
bool ConstantTimeEquals(std::string_view a, std::string_view b);

}  // namespace goniec
