#include "inbound/publish/commit_reply.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/queue/model/admission.h"

namespace goniec::inbound {
namespace {

TEST(CommitReply, EveryFailureIsTemporaryAndSaysWhy) {
  const struct {
    const char* name;
    absl::Status status;
    int code;
    std::string enhanced;
  } kCases[] = {
      {"broker away", absl::UnavailableError(""), 451, "4.3.0"},
      {"no answer", absl::DeadlineExceededError(""), 451, "4.3.0"},
      {"queue full", absl::ResourceExhaustedError(""), 451, "4.3.1"},
      {"no memory here", absl::AbortedError(""), 452, "4.3.1"},
      {"too much envelope", absl::InvalidArgumentError(""), 452, "4.5.3"},
      {"our state", absl::FailedPreconditionError(""), 451, "4.3.0"},
      {"our bug", absl::InternalError(""), 451, "4.3.0"},
  };
  for (const auto& c : kCases) {
    const smtp::Reply reply = ReplyForFailure(c.status);
    EXPECT_EQ(reply.code, c.code) << c.name;
    EXPECT_EQ(reply.enhanced.ToString(), c.enhanced) << c.name;
    EXPECT_TRUE(reply.IsTemporary()) << c.name;
  }
}

TEST(CommitReply, AFullRoomIsNamed) {
  const struct {
    queue::Room room;
    const char* text;
  } kCases[] = {
      {queue::Room::kQueue, "The queue is full, try again later"},
      {queue::Room::kEvents, "The store of events is full, try again later"},
      {queue::Room::kWaiting, "Too much mail waits for its next attempt, try again later"},
  };
  for (const auto& c : kCases) {
    const smtp::Reply reply = ReplyForFailure(queue::FullStatus(c.room, 100));
    EXPECT_EQ(reply.code, 451);
    EXPECT_EQ(reply.enhanced.ToString(), "4.3.1");
    EXPECT_EQ(reply.lines, std::vector<std::string>{c.text});
  }
}

TEST(CommitReply, ARecordThatMayBeStoredKeepsItsBody) {
  EXPECT_TRUE(MustKeepBody(absl::OkStatus()));
  EXPECT_TRUE(MustKeepBody(absl::DeadlineExceededError("no answer")));
  EXPECT_FALSE(MustKeepBody(absl::UnavailableError("not stored")));
  EXPECT_FALSE(MustKeepBody(absl::ResourceExhaustedError("full")));
  EXPECT_FALSE(MustKeepBody(absl::InvalidArgumentError("too large")));
}

}  // namespace
}  // namespace goniec::inbound
