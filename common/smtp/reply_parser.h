// Reads the replies of a server as their bytes come: RFC 5321 §4.2, RFC 2034's enhanced codes. Used by the
// sending session. What it holds is bounded whatever the server sends; whether a reply fits the command is
// not its business. Confined to its session.
#pragma once

#include <string>
#include <string_view>

#include "common/smtp/reply.h"

namespace goniec::smtp {

class ReplyParser {
 public:
  enum class Progress {
    kNeedMore,
    kComplete,   // Take() it; the rest of the input belongs to the next reply
    kMalformed,  // not SMTP, or endless: nothing on this connection can be believed any more
  };

  // Takes from the front of `input` up to the end of one reply. A lone LF ends a line as well: servers that
  // say so exist, and no harm can come from it here.
  Progress Feed(std::string_view* input);

  // Once after kComplete. Long lines and replies of many lines have been cut (limits.h). All lines have the
  // same code (RFC 5321 §4.2.1), but that 2yz may vary: then the last one counts.
  Reply Take();

  // After kMalformed: what was wrong, a literal.
  std::string_view problem() const { return problem_; }
  // True between the first and the last byte of a reply.
  bool InReply() const { return bytes_ > 0; }

 private:
  Progress ParseLine();
  Progress Malformed(std::string_view problem);

  std::string line_;
  size_t line_bytes_ = 0;  // those not kept included
  Reply reply_;
  size_t bytes_ = 0;
  std::string_view problem_;
};

}  // namespace goniec::smtp
