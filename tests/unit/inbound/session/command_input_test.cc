#include "inbound/session/command_input.h"

#include <gtest/gtest.h>

#include <string>

#include "common/smtp/limits.h"

namespace goniec::inbound {
namespace {

TEST(CommandInput, AnEndlessLineCostsNoMemory) {
  CommandInput input;
  const std::string piece(1000, 'x');
  for (int i = 0; i < 1000; ++i) {
    input.Give(piece);
    EXPECT_FALSE(input.TakeLine().has_value());
    input.Keep();
    EXPECT_LE(input.kept(), smtp::kMaxCommandLine);
  }
  input.Give("\r\nNOOP\r\n");
  EXPECT_EQ(input.TakeLine()->kind, CommandInput::LineKind::kTooLong);
  EXPECT_EQ(input.TakeLine()->text, "NOOP");
}

TEST(CommandInput, OctetsBehindALineAreThere) {
  CommandInput input;
  input.Give("DATA\r\nab");
  EXPECT_EQ(input.TakeLine()->text, "DATA");
  EXPECT_EQ(input.octets(), "ab");
  input.TakeOctets(1);
  EXPECT_EQ(input.octets(), "b");
}

TEST(CommandInput, DiscardForgetsHalfALine) {
  CommandInput input;
  input.Give("EHLO inj");
  EXPECT_FALSE(input.TakeLine().has_value());
  input.Keep();
  input.Discard();
  input.Give("NOOP\r\n");
  EXPECT_EQ(input.TakeLine()->text, "NOOP");
}

}  // namespace
}  // namespace goniec::inbound
