// The MIME body of a composed message: which parts stand in which multiparts, and how each is encoded. Called
// by compose.cc only; knows no header field but those of MIME. Thread-safe.
#pragma once

#include "common/mail/compose.h"
#include "common/mail/gmime.h"

namespace goniec::mail {

// text alone, html alone, or alternative(text, html); html with inline attachments is related(html,
// attachments); with other attachments all of that stands first in mixed(…). Never null. `draft` must outlive
// the result, which reads the attachments' content where it lies.
GOwned<GMimeObject> BuildMimeTree(const Draft& draft);

}  // namespace goniec::mail
