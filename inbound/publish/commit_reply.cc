#include "inbound/publish/commit_reply.h"

#include "common/queue/model/admission.h"
#include "common/smtp/replies.h"

namespace goniec::inbound {

namespace replies = smtp::replies;

namespace {

smtp::Reply ReplyForNoRoom(const absl::Status& status) {
  const std::optional<queue::Room> room = queue::RoomOf(status);
  if (room == queue::Room::kEvents) return replies::kEventsFull;
  if (room == queue::Room::kWaiting) return replies::kWaitingFull;
  return replies::kStoreFull;
}

}  // namespace

smtp::Reply ReplyForFailure(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return replies::kStoreUnknown;
    case absl::StatusCode::kResourceExhausted:
      return ReplyForNoRoom(status);
    case absl::StatusCode::kAborted:
      return replies::kMemoryFull;
    case absl::StatusCode::kOutOfRange:
      return replies::kTooMuchUnfinished;
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
