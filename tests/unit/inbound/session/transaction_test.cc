// What an envelope takes is counted at its real cost. Dialogues about envelopes: server_session_test.cc.
#include "inbound/session/transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/unit/inbound/session/scripted_shell.h"

namespace goniec::inbound {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uint64_t kLimit = 2 << 20;

class EnvelopeMemory : public ::testing::Test {
 protected:
  EnvelopeMemory() : config_(ScriptedShell::DefaultConfig()) {
    config_.max_recipients = 1000;
    config_.max_envelope_size = size_t{160} * 1024;
  }
  std::unique_ptr<ServerSession> Session() {
    return std::make_unique<ServerSession>(config_, PeerInfo{}, policy_, nullptr,
                                           memory_.Client(net::IpAddress::V4({10, 0, 0, 1})));
  }
  static std::string Say(ServerSession& session, std::string_view bytes) {
    session.Receive(bytes);
    while (!std::holds_alternative<NeedInput>(session.Next())) {
    }
    return session.TakeOutput();
  }
  static std::string Rcpt(int i) { return "RCPT TO:<r" + std::to_string(i) + "@a.example>\r\n"; }

  SessionConfig config_;
  ExamplePolicy policy_;
  MailMemory memory_{kLimit};
};

TEST_F(EnvelopeMemory, ShortRecipientsCostWhatTheirObjectsCost) {
  const auto session = Session();
  EXPECT_THAT(Say(*session, "EHLO c\r\nMAIL FROM:<s@c.example>\r\n"), HasSubstr("250 2.1.0"));
  for (int i = 0; i < 1000; ++i) ASSERT_THAT(Say(*session, Rcpt(i)), StartsWith("250")) << i;
  // The objects alone: a mailbox, its place in the set, its copy in the record.
  EXPECT_GT(memory_.used(MemoryPart::kEnvelopes), 1000 * (sizeof(smtp::Mailbox) + sizeof(std::string) + 100));
  EXPECT_LT(memory_.used(MemoryPart::kEnvelopes), 1000U * 500);
  EXPECT_THAT(Say(*session, "RSET\r\n"), StartsWith("250"));
  EXPECT_EQ(memory_.used(), 0U);
}

TEST_F(EnvelopeMemory, WhatDoesNotFitIsRefusedAndTheMailGoesOnWithTheRest) {
  std::vector<std::unique_ptr<ServerSession>> sessions;
  std::string reply;
  while (reply.empty() || reply.starts_with("250")) {
    sessions.push_back(Session());
    reply = Say(*sessions.back(), "EHLO c\r\nMAIL FROM:<s@c.example>\r\n");
    for (int i = 0; i < 1000 && reply.find("452") == std::string::npos; ++i)
      reply = Say(*sessions.back(), Rcpt(i));
    ASSERT_LT(sessions.size(), 100U);
  }
  EXPECT_THAT(reply, HasSubstr("452 4.3.1 Too little memory"));
  EXPECT_LE(memory_.used(), kLimit / 4) << "one address has a quarter when it is alone";
  ServerSession& last = *sessions.back();
  last.Receive("DATA\r\n");
  EXPECT_TRUE(std::holds_alternative<OpenBody>(last.Next()));
  sessions.clear();
  EXPECT_EQ(memory_.used(), 0U);
}

TEST_F(EnvelopeMemory, WithoutRoomForASenderMailIsRefused) {
  MemoryHold others(memory_.Client(net::IpAddress::V4({10, 0, 0, 1})), MemoryPart::kBodies);
  while (others.Resize(others.size() + 64)) {
  }
  const auto session = Session();
  EXPECT_THAT(Say(*session, "EHLO c\r\nMAIL FROM:<s@c.example>\r\n"), HasSubstr("452 4.3.1"));
  EXPECT_TRUE(session->IsIdle());
  others.Release();
  EXPECT_THAT(Say(*session, "MAIL FROM:<s@c.example>\r\n"), StartsWith("250"));
}

}  // namespace
}  // namespace goniec::inbound
