// The sender's reply for a message that could not be stored: the one place where the queue's Status becomes
// an SMTP reply. Pure; thread-safe.
#pragma once

#include "absl/status/status.h"
#include "common/smtp/reply.h"

namespace goniec::inbound {

// `status` is not OK: of storing a chunk, or of the commit.
//   kUnavailable        451  not stored, try again
//   kDeadlineExceeded   451  no answer: it may be stored (RFC 1047)
//   kResourceExhausted  451  the queue is full
//   kAborted            452  no memory for mail on its way in
//   kInvalidArgument    452  more envelope than a record takes
//   anything else       451  ours to mend; not stored
smtp::Reply ReplyForFailure(const absl::Status& status);

// True if chunks of the body must stay after a commit that ended so: the record that refers to them may be
// stored, and a record whose body is gone is a lost mail. Chunks without a record end by their time to live.
bool MustKeepBody(const absl::Status& commit);

}  // namespace goniec::inbound
