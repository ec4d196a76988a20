#include "inbound/session/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

#include "inbound/policy/recipient_policy.h"
#include "inbound/session/server_session.h"

namespace goniec::inbound {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class AcceptAll : public RecipientPolicy {
 public:
  [[nodiscard]] bool IsTrusted(const net::IpAddress&) const override { return true; }
  [[nodiscard]] std::optional<smtp::Reply> CheckSender(const PeerInfo&, const smtp::Path&) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::optional<smtp::Reply> CheckRecipient(const PeerInfo&, const smtp::Path&) const override {
    return std::nullopt;
  }
};

constexpr WallTime kTime{std::chrono::seconds(1700000000)};  // Tue, 14 Nov 2023 22:13:20 UTC

// The header of a mail that came by `commands` (up to RCPT).
std::string HeaderFor(const std::string& commands, const char* peer = "192.0.2.7", bool tls = false) {
  SessionConfig config;
  config.host_name = "mx.example";
  config.tls_available = true;
  const AcceptAll policy;
  ServerSession session(config, {net::IpAddress::Parse(peer).value()}, policy);
  if (tls) {
    session.Receive("EHLO x\r\nSTARTTLS\r\n");
    EXPECT_TRUE(std::holds_alternative<UpgradeTls>(session.Next()));
    session.TlsStarted({"TLSv1.3", "TLS_AES_256_GCM_SHA384"});
    EXPECT_TRUE(std::holds_alternative<NeedInput>(session.Next()));
  }
  const std::string input = commands + "DATA\r\n";
  session.Receive(input);
  const Step step = session.Next();
  EXPECT_TRUE(std::holds_alternative<OpenBody>(step)) << session.TakeOutput();
  return ReceivedHeader(*std::get<OpenBody>(step).transaction, config.host_name, session.peer(), kTime);
}

TEST(ReceivedHeader, NamesClientServerProtocolRecipientAndTime) {
  std::string expected =
      "Received: from c.example ([192.0.2.7])\r\n\tby mx.example with ESMTP id @\r\n\tfor <r@a.example>;\r\n"
      "\tTue, 14 Nov 2023 22:13:20 +0000\r\n";
  std::replace(expected.begin(), expected.begin() + 75, '@', '\0');
  EXPECT_EQ(HeaderFor("EHLO c.example\r\nMAIL FROM:<s@b>\r\nRCPT TO:<r@a.example>\r\n"), expected);
}

TEST(ReceivedHeader, HasOneNulForTheId) {
  const std::string header = HeaderFor("HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<r@a.example>\r\n");
  EXPECT_EQ(std::count(header.begin(), header.end(), '\0'), 1);
  EXPECT_THAT(header, HasSubstr("with SMTP id "));
}

TEST(ReceivedHeader, NamesNoneOfSeveralRecipients) {
  const std::string header =
      HeaderFor("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<r@a.example>\r\nRCPT TO:<q@a.example>\r\n");
  EXPECT_THAT(header, Not(HasSubstr("for")));
}

TEST(ReceivedHeader, TlsAndIpv6) {
  const std::string header =
      HeaderFor("EHLO c\r\nMAIL FROM:<> SMTPUTF8\r\nRCPT TO:<ü@a.example>\r\n", "2001:db8::7", true);
  EXPECT_THAT(header, HasSubstr("from c ([IPv6:2001:db8::7])\r\n"));
  EXPECT_THAT(header, HasSubstr("(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)"));
  EXPECT_THAT(header, HasSubstr("with UTF8SMTPS id "));
  EXPECT_THAT(header, HasSubstr("for <ü@a.example>;"));
}

TEST(ReceivedHeader, WhatTheClientCallsItselfCannotBreakTheHeader) {
  EXPECT_THAT(HeaderFor("EHLO a(b)<c>;\"d\\é\r\nMAIL FROM:<>\r\nRCPT TO:<r@a>\r\n"),
              HasSubstr("from a?b??c???d??? ("));
  EXPECT_THAT(HeaderFor("EHLO [192.0.2.1]\r\nMAIL FROM:<>\r\nRCPT TO:<r@a>\r\n"),
              HasSubstr("from [192.0.2.1] ("));
}

}  // namespace
}  // namespace goniec::inbound
