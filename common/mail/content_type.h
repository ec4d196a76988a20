// MIME types as callers write them (RFC 2045 §5.1). Used to check attachments before they are composed, and
// to compose them. Pure; thread-safe.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace goniec::mail {

// type/subtype and any parameters (`name=token` or `name="text"`), ASCII. kInvalidArgument with a phrase for
// a person; also for multipart/* and message/*, which must not be encoded (RFC 2046 §5.2.1) and so cannot be
// attached.
absl::Status CheckContentType(std::string_view text);

// The type, then each parameter as written, of a text that CheckContentType took. Views of it.
std::vector<std::string_view> PartsOfContentType(std::string_view text);

}  // namespace goniec::mail
