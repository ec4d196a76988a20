// The MIME body of a composed message: which parts stand in which multiparts, and how each is encoded (RFC
// 2045, 2046). Called by compose.cc only; writes no header field but those of MIME. Thread-safe.
#pragma once

#include <string>

#include "common/mail/compose.h"

namespace goniec::mail {

// Appends to `message`, whose last field is MIME-Version: the fields of MIME, the empty line, the body. Text
// alone, html alone, or alternative(text, html); html with inline attachments is related(html, attachments);
// with other attachments all of that stands first in mixed(…).
void AppendMimeBody(const Draft& draft, std::string& message);

}  // namespace goniec::mail
