// The values of structured fields made ASCII (RFC 2047 §5: encoded words stand in phrases and comments,
// nowhere else). Called by field_writer.cc. Pure; no recursion; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/mail/field_grammar.h"

namespace goniec::mail {

// `value`, which has text beyond ASCII in it, with that text encoded. kInvalidArgument with a phrase for the
// end of "… value …" if it stands where it cannot be encoded, or if the value is not well-formed. `grammar`
// is not kUnstructured.
absl::StatusOr<std::string> EncodeStructured(FieldGrammar grammar, std::string_view value);

}  // namespace goniec::mail
