#include "outbound/outcome/expiry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace goniec::outbound {
namespace {

using testing::ElementsAre;

queue::v1::Outcome Reply(std::uint32_t code, const std::string& enhanced) {
  queue::v1::Outcome outcome;
  outcome.set_remote_host("mx.test");
  outcome.set_remote_ip("192.0.2.1");
  outcome.set_phase(queue::v1::PHASE_RCPT);
  outcome.set_reply_code(code);
  outcome.set_enhanced_code(enhanced);
  outcome.set_text("mailbox full");
  outcome.set_reason(queue::v1::REASON_REPLY);
  return outcome;
}

queue::v1::Outcome Unconnected() {
  queue::v1::Outcome outcome;
  outcome.set_remote_ip("192.0.2.1");
  outcome.set_phase(queue::v1::PHASE_CONNECT);
  outcome.set_text("connection refused");
  outcome.set_reason(queue::v1::REASON_CONNECTION_FAILED);
  return outcome;
}

TEST(ExpiredAfter, KeepsTheLastAttemptAndSaysThatTheTimeIsOver) {
  const queue::v1::Outcome last = Reply(452, "4.2.2");
  const queue::v1::Outcome expired = ExpiredAfter(&last);
  EXPECT_EQ(expired.reason(), queue::v1::REASON_EXPIRED);
  EXPECT_EQ(expired.last_reason(), queue::v1::REASON_REPLY);
  EXPECT_EQ(expired.reply_code(), 452U);
  EXPECT_EQ(expired.enhanced_code(), "4.2.2");
  EXPECT_EQ(expired.remote_host(), "mx.test");
  EXPECT_EQ(expired.remote_ip(), "192.0.2.1");
  EXPECT_EQ(expired.phase(), queue::v1::PHASE_RCPT);
  EXPECT_EQ(expired.text(), "mailbox full");
}

TEST(ExpiredAfter, AConnectionThatWasNeverOpenedIsACauseToo) {
  const queue::v1::Outcome last = Unconnected();
  const queue::v1::Outcome expired = ExpiredAfter(&last);
  EXPECT_EQ(expired.last_reason(), queue::v1::REASON_CONNECTION_FAILED);
  EXPECT_EQ(expired.enhanced_code(), "4.4.7");
  EXPECT_EQ(expired.text(), "connection refused");
}

TEST(ExpiredAfter, WithoutAnAttemptSaysSo) {
  const queue::v1::Outcome expired = ExpiredAfter(nullptr);
  EXPECT_EQ(expired.reason(), queue::v1::REASON_EXPIRED);
  EXPECT_EQ(expired.last_reason(), queue::v1::REASON_UNSPECIFIED);
  EXPECT_EQ(expired.text(), "the time for delivery was over before the first attempt");
  EXPECT_EQ(ExpiredAfter(&expired).SerializeAsString(), expired.SerializeAsString());
}

std::vector<std::string> Shown(const Result& ended, const LastOutcomes& last) {
  std::vector<std::string> shown;
  for (const Result& result : ExpiredResults(ended, last)) {
    std::string line = queue::v1::Reason_Name(result.outcome.last_reason()) + " " +
                       std::to_string(result.outcome.reply_code());
    for (const std::uint32_t position : result.recipients) line += " " + std::to_string(position);
    shown.push_back(line);
  }
  return shown;
}

TEST(ExpiredResults, EachRecipientHasItsOwnCause) {
  const LastOutcomes last = {{0, Reply(452, "4.2.2")}, {2, Reply(452, "4.2.2")}, {3, Unconnected()}};
  EXPECT_THAT(Shown({Verdict::kNotTried, {}, {0, 1, 2, 3}}, last),
              testing::UnorderedElementsAre("REASON_REPLY 452 0 2", "REASON_UNSPECIFIED 0 1",
                                            "REASON_CONNECTION_FAILED 0 3"));
}

TEST(ExpiredResults, AnAttemptJustMadeIsTheLastOne) {
  EXPECT_THAT(Shown({Verdict::kTemporary, Unconnected(), {0, 1}}, {{0, Reply(452, "4.2.2")}}),
              ElementsAre("REASON_CONNECTION_FAILED 0 0 1"));
}

TEST(ExpiredResults, WhatKeptUsFromTryingCountsOnlyWithoutAnAttempt) {
  queue::v1::Outcome busy;
  busy.set_reason(queue::v1::REASON_LOOKUP_BUSY);
  EXPECT_THAT(Shown({Verdict::kNotTried, busy, {0, 1}}, {{0, Reply(452, "4.2.2")}}),
              testing::UnorderedElementsAre("REASON_REPLY 452 0", "REASON_LOOKUP_BUSY 0 1"));
}

}  // namespace
}  // namespace goniec::outbound
