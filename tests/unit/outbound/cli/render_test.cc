#include "outbound/cli/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace goniec::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::Message Example() {
  v1::Message message;
  message.set_message_id("01arz3ndektsv4rrffq69g5fav");
  message.mutable_create_time()->set_seconds(1'800'000'000);
  v1::RecipientStatus& done = *message.add_recipients();
  done.set_address("a@one.test");
  done.set_state(v1::RecipientStatus::DELIVERED);
  done.set_attempts(1);
  done.mutable_end_time()->set_seconds(1'800'000'001);
  v1::Outcome& outcome = *done.mutable_last_outcome();
  outcome.set_reply_code(250);
  outcome.set_enhanced_code("2.0.0");
  outcome.set_text("Ok\x1b[31m");
  outcome.set_remote_host("mx.one.test");
  outcome.set_remote_ip("192.0.2.1");
  outcome.set_remote_port(25);
  outcome.mutable_tls()->set_version("TLSv1.3");
  outcome.mutable_latency()->set_nanos(31'000'000);
  v1::RecipientStatus& next = *message.add_recipients();
  next.set_address("jürgen@two.test");
  next.set_state(v1::RecipientStatus::DEFERRED);
  next.mutable_last_outcome()->set_reason(v1::Outcome::DNS_TEMPORARY);
  return message;
}

TEST(Render, MessageAsAnAlignedTable) {
  EXPECT_EQ(MessageText(Example()),
            "Message     01arz3ndektsv4rrffq69g5fav\n"
            "From        <>\n"
            "Accepted    2027-01-15 08:00:00 UTC\n"
            "\n"
            "RECIPIENT        STATE      ATTEMPTS  WHEN                     LAST OUTCOME\n"
            "a@one.test       DELIVERED  1         2027-01-15 08:00:01 UTC  250 2.0.0 Ok\\x1b[31m, from "
            "mx.one.test "
            "[192.0.2.1]:25, TLSv1.3, 31 ms\n"
            "jürgen@two.test  DEFERRED   0                                  dns temporary\n");
}

TEST(Render, AnExpiredMailShowsItsCauseAndThatTheTimeWasOver) {
  v1::Outcome outcome;
  outcome.set_reply_code(452);
  outcome.set_enhanced_code("4.2.2");
  outcome.set_text("mailbox full");
  outcome.set_remote_host("mx.one.test");
  outcome.set_reason(v1::Outcome::EXPIRED);
  outcome.set_last_reason(v1::Outcome::REPLY);
  EXPECT_EQ(OutcomeText(outcome),
            "452 4.2.2 mailbox full, from mx.one.test, then the time for delivery was over");
  v1::Outcome silent;
  silent.set_reason(v1::Outcome::EXPIRED);
  silent.set_last_reason(v1::Outcome::TIMEOUT);
  EXPECT_EQ(OutcomeText(silent), "timeout, then the time for delivery was over");
}

TEST(Render, JsonIsOneLineWithTheProtosNames) {
  const std::string json = Json(Example());
  EXPECT_THAT(json, HasSubstr("\"state\":\"DELIVERED\""));
  EXPECT_THAT(json, HasSubstr("\"message_id\":\"01arz3ndektsv4rrffq69g5fav\""));
  EXPECT_THAT(json, HasSubstr("\"attempts\":0"));
  EXPECT_EQ(json.find('\n'), json.size() - 1);
}

TEST(Render, DurabilitySaysWhatItIs) {
  v1::Durability durability;
  EXPECT_EQ(DurabilityText(durability), "replicas unknown, sync unknown");
  durability.set_replicas(1);
  durability.set_sync(v1::Durability::LAZY);
  EXPECT_THAT(DurabilityText(durability), HasSubstr("1 replica, lazy"));
  durability.set_replicas(3);
  durability.set_sync(v1::Durability::FSYNC);
  EXPECT_EQ(DurabilityText(durability), "3 replicas, fsync");
}

TEST(Render, ServerInfoOfAServerThatKnowsLittle) {
  v1::ServerInfo info;
  info.set_version("0.1.0");
  info.set_tenant("default");
  info.mutable_limits()->mutable_max_life()->set_seconds(5 * 86400);
  EXPECT_THAT(ServerInfoText(info), HasSubstr("Serving     no\n"));
  EXPECT_THAT(ServerInfoText(info), HasSubstr("5d of life"));
}

}  // namespace
}  // namespace goniec::cli
