#include "common/smtp/idna.h"

#include <idn2.h>

#include <cstdint>
#include <memory>

#include "common/base/text.h"

namespace goniec::smtp {
namespace {

bool HasNonAscii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return true;
  }
  return false;
}

std::string_view TakeLabel(std::string_view* name) {
  const size_t dot = name->find('.');
  const std::string_view label = name->substr(0, dot);
  name->remove_prefix(dot == std::string_view::npos ? name->size() : dot + 1);
  return label;
}

// True if both names have the same number of labels and every non-ASCII one has become an A-label.
bool LabelsCorrespond(std::string_view utf8, std::string_view ascii) {
  while (!utf8.empty() && !ascii.empty()) {
    const std::string_view before = TakeLabel(&utf8);
    const std::string_view after = TakeLabel(&ascii);
    if (HasNonAscii(before) ? after.substr(0, 4) != "xn--" : !EqualsIgnoreCase(before, after)) return false;
  }
  return utf8.empty() && ascii.empty();
}

}  // namespace

absl::StatusOr<std::string> ToAsciiDomain(std::string_view utf8) {
  absl::Status bad = absl::InvalidArgumentError("the domain is not a valid internationalised name");
  if (utf8.find('\0') != std::string_view::npos || !IsValidUtf8(utf8)) return bad;
  const std::string input(utf8);
  uint8_t* output = nullptr;
  const int result = idn2_lookup_u8(reinterpret_cast<const uint8_t*>(input.c_str()), &output,
                                    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<uint8_t, void (*)(void*)> owner(output, idn2_free);
  if (result != IDN2_OK) return bad;
  std::string ascii = AsciiLower(reinterpret_cast<const char*>(output));
  if (!LabelsCorrespond(utf8, ascii)) return bad;
  return ascii;
}

}  // namespace goniec::smtp
