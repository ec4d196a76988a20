// RFC 3207 in the engine: what is offered, dropped and forgotten.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/inbound/session/scripted_shell.h"

namespace goniec::inbound {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

SessionConfig TlsConfig() {
  SessionConfig config = ScriptedShell::DefaultConfig();
  config.tls_available = true;
  return config;
}

TEST(StartTls, IsOfferedUntilItIsOn) {
  ScriptedShell shell(TlsConfig());
  EXPECT_THAT(shell.Say("EHLO c\r\n"), HasSubstr("250-STARTTLS\r\n"));
  EXPECT_THAT(shell.Say("STARTTLS\r\n"), StartsWith("220 2.0.0"));
  ASSERT_TRUE(shell.upgrading);
  shell.upgrading = false;
  shell.session().TlsStarted({"TLSv1.3", "X"});
  EXPECT_THAT(shell.Say("EHLO c\r\n"), Not(HasSubstr("STARTTLS")));
  EXPECT_THAT(shell.Say("STARTTLS\r\n"), StartsWith("503 5.5.1"));
}

TEST(StartTls, DropsWhatWasPipelinedBehindIt) {
  ScriptedShell shell(TlsConfig());
  EXPECT_THAT(shell.Say("EHLO c\r\nSTARTTLS\r\nEHLO injected\r\nMAIL FROM:<evil@x>\r\nRCPT TO"),
              Not(HasSubstr("2.1.0")));
  ASSERT_TRUE(shell.upgrading);
  shell.upgrading = false;
  shell.session().TlsStarted({"TLSv1.3", "X"});
  EXPECT_THAT(shell.Say("NOOP\r\n"), StartsWith("250 2.0.0")) << "not behind half an injected line";
  EXPECT_THAT(shell.Say("MAIL FROM:<a@b>\r\n"), StartsWith("503 5.5.1")) << "EHLO is forgotten";
}

TEST(StartTls, ForgetsTheTransaction) {
  ScriptedShell shell(TlsConfig());
  shell.Say("EHLO c\r\nMAIL FROM:<a@b>\r\nSTARTTLS\r\n");
  ASSERT_TRUE(shell.upgrading);
  EXPECT_FALSE(shell.session().IsIdle());
  shell.upgrading = false;
  shell.session().TlsStarted({"TLSv1.3", "X"});
  EXPECT_TRUE(shell.session().IsIdle());
  EXPECT_THAT(shell.Say("EHLO d\r\nRCPT TO:<r@a.example>\r\n"), HasSubstr("503 5.5.1"));
}

TEST(StartTls, IsSeenInTheProtocol) {
  ScriptedShell shell(TlsConfig());
  shell.Say("EHLO c\r\nSTARTTLS\r\n");
  shell.upgrading = false;
  shell.session().TlsStarted({"TLSv1.3", "X"});
  shell.Say("EHLO d\r\nMAIL FROM:<a@b>\r\nRCPT TO:<r@a.example>\r\nDATA\r\n.\r\n");
  shell.Say("MAIL FROM:<a@b> SMTPUTF8\r\nRCPT TO:<r@a.example>\r\nDATA\r\n.\r\n");
  ASSERT_EQ(shell.stored.size(), 2U);
  EXPECT_EQ(shell.stored[0].protocol, "ESMTPS");
  EXPECT_EQ(shell.stored[0].hello, "d");
  EXPECT_EQ(shell.stored[1].protocol, "UTF8SMTPS");
}

TEST(StartTls, TakesNoArgumentAndNeedsEhlo) {
  ScriptedShell shell(TlsConfig());
  EXPECT_THAT(shell.Say("STARTTLS\r\n"), StartsWith("503 5.5.1"));
  EXPECT_THAT(shell.Say("EHLO c\r\nSTARTTLS now\r\n"), HasSubstr("501 5.5.4"));
  EXPECT_FALSE(shell.upgrading);
}

}  // namespace
}  // namespace goniec::inbound
