// Parameters of MIME header fields (RFC 2045 §5.1), in UTF-8 and of any length (RFC 2231). Called by
// mime_body.cc. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace goniec::mail {

// What goes behind a field's value: `;\r\n name="value"`, or `;\r\n name*=UTF-8''value` with what a reader
// might take for something else in percent signs, in as many sections as it takes to keep every line within
// 76 columns. There is no second form for readers that do not know RFC 2231: which of two names a reader
// shows would be its choice. `name` is short; `value` is UTF-8 without control characters.
std::string WriteParameter(std::string_view name, std::string_view value);

}  // namespace goniec::mail
