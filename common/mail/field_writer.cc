#include "common/mail/field_writer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/mail/encoded_word.h"
#include "common/mail/field_grammar.h"
#include "common/mail/structured_field.h"

namespace goniec::mail {
namespace {

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < ' ' && c != '\t') || byte == 0x7F;
}

absl::StatusOr<std::string> Structured(FieldGrammar grammar, std::string_view value) {
  if (std::any_of(value.begin(), value.end(), IsControl))
    return absl::InvalidArgumentError("has a control octet, which this field cannot have");
  if (LongestSpaces(value) > kMaxSpaces)
    return absl::InvalidArgumentError(absl::StrCat("has more than ", kMaxSpaces, " spaces in a row"));
  if (IsAscii(value)) return std::string(TrimAsciiSpace(value));
  return EncodeStructured(grammar, value);
}

}  // namespace

absl::StatusOr<std::string> WriteField(std::string_view name, std::string_view value) {
  if (LongestRun(value) > kMaxRun)
    return absl::InvalidArgumentError(absl::StrCat("has more than ", kMaxRun, " octets without a space"));
  const FieldGrammar grammar = GrammarOf(name);
  // Behind "Name: ".
  const std::size_t column = name.size() + 2;
  if (grammar == FieldGrammar::kUnstructured) return FoldField(name, EncodeText(value, column));
  const absl::StatusOr<std::string> encoded = Structured(grammar, value);
  if (!encoded.ok()) return encoded.status();
  return FoldField(name, *encoded);
}

}  // namespace goniec::mail
