#include "inbound/publish/commit_reply.h"

#include "common/smtp/replies.h"

namespace goniec::inbound {

namespace replies = smtp::replies;

smtp::Reply ReplyForFailure(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return replies::kStoreUnknown;
    case absl::StatusCode::kResourceExhausted:
      return replies::kStoreFull;
    case absl::StatusCode::kAborted:
      return replies::kMemoryFull;
    case absl::StatusCode::kInvalidArgument:
      return replies::kTooManyRecipients;
    default:
      return replies::kNotStored;
  }
}

bool MustKeepBody(const absl::Status& commit) {
  return commit.ok() || absl::IsDeadlineExceeded(commit);
}

}  // namespace goniec::inbound
