#include "common/mail/raw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/time.h"

namespace goniec::mail {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kReceived =
    std::string("Received: by mail.test with gRPC id ") + '\0' + ";\r\n\tTue, 01 Dec 2026 09:05:00 +0000\r\n";

absl::StatusOr<NormalizedRaw> Normalize(std::string_view raw) {
  const absl::Time now = absl::FromCivil(absl::CivilSecond(2026, 12, 1, 9, 5, 0), absl::UTCTimeZone());
  return NormalizeRaw(raw,
                      {.host = "mail.test", .fallback_domain = "mail.test", .now = absl::ToChronoTime(now)});
}

std::string Whole(const NormalizedRaw& message) {
  return message.head + message.header + std::string(message.body);
}

std::string Repeated(std::string_view piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece;
  return text;
}

constexpr std::string_view kComplete =
    "From: A <a@one.test>\r\nDate: Mon, 30 Nov 2026 10:00:00 +0100\r\nMessage-ID: <x.1@one.test>\r\n"
    "Subject: =?utf-8?q?=C3=A9?=\r\n\r\nline\r\n..dots\r\n\r\n";

TEST(NormalizeRaw, AddsOneReceivedFieldAndNothingElse) {
  const auto message = Normalize(kComplete);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(Whole(*message), kReceived + std::string(kComplete));
  EXPECT_EQ(message->owner, nullptr);
  EXPECT_EQ(message->internet_message_id, "x.1@one.test");
  ASSERT_EQ(message->originators.size(), 1u);
  EXPECT_THAT(message->originators[0].addresses, ElementsAre("a@one.test"));
  EXPECT_FALSE(message->eight_bit);
}

TEST(NormalizeRaw, AddsMissingDateAndMessageId) {
  const auto message = Normalize("From: a@bücher.test\r\n\r\nx\r\n");
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->head, kReceived + "Date: Tue, 01 Dec 2026 09:05:00 +0000\r\nMessage-ID: <" + '\0' +
                               "@xn--bcher-kva.test>\r\n");
  EXPECT_EQ(message->internet_message_id, std::string(1, '\0') + "@xn--bcher-kva.test");
  EXPECT_TRUE(message->smtputf8);
  EXPECT_TRUE(message->eight_bit);
  EXPECT_THAT(Normalize("X: y\r\n\r\n")->head, HasSubstr("@mail.test>"));
}

TEST(NormalizeRaw, RemovesHiddenAndReturnPathFieldsWithTheirFolds) {
  const auto message = Normalize(
      "Return-Path: <r@a.test>\r\nFrom: a@a.test\r\nBCC: secret@b.test,\r\n\tsecret2@b.test\r\nResent-Bcc : "
      "s@c.test\r\n"
      "To: t@a.test\r\nDate: x\r\nMessage-ID: y\r\n\r\nBcc: in the body\r\n");
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->header, "From: a@a.test\r\nTo: t@a.test\r\nDate: x\r\nMessage-ID: y\r\n\r\n");
  EXPECT_EQ(message->body, "Bcc: in the body\r\n");
  EXPECT_EQ(message->internet_message_id, "");
}

TEST(NormalizeRaw, MendsLineEnds) {
  struct Row {
    const char* name;
    std::string raw;
    std::string header_and_body;
  };
  for (const Row& row : std::vector<Row>{
           {"lone LF", "Date: x\nMessage-ID: y\n\na\nb\n", "Date: x\r\nMessage-ID: y\r\n\r\na\r\nb\r\n"},
           {"mixed", "Date: x\r\nMessage-ID: y\n\r\na\r\nb\n", "Date: x\r\nMessage-ID: y\r\n\r\na\r\nb\r\n"},
           {"empty lines", "Date: x\nMessage-ID: y\n\n\n\na",
            "Date: x\r\nMessage-ID: y\r\n\r\n\r\n\r\na\r\n"},
           {"no last end", "Date: x\r\nMessage-ID: y\r\n\r\na", "Date: x\r\nMessage-ID: y\r\n\r\na\r\n"},
           {"no body", "Date: x\r\nMessage-ID: y\r\n", "Date: x\r\nMessage-ID: y\r\n\r\n"},
           {"no body, no end", "Date: x\nMessage-ID: y", "Date: x\r\nMessage-ID: y\r\n\r\n"},
           {"smuggling", "Date: x\nMessage-ID: y\n\na\n.\nMAIL FROM:<x@y>\n",
            "Date: x\r\nMessage-ID: y\r\n\r\na\r\n.\r\nMAIL FROM:<x@y>\r\n"}}) {
    const auto message = Normalize(row.raw);
    ASSERT_TRUE(message.ok()) << row.name;
    EXPECT_EQ(message->header + std::string(message->body), row.header_and_body) << row.name;
  }
}

TEST(NormalizeRaw, Refuses) {
  struct Row {
    std::string name;
    std::string raw;
    std::string why;
  };
  for (const Row& row : std::vector<Row>{
           {"lone CR", "A: b\r\n\r\nx\ry\r\n", "CR without LF at octet 9"},
           {"CR at the end", "A: b\r\n\r\nx\r", "CR without LF"},
           {"CR CR LF", "A: b\r\r\n\r\n", "CR without LF"},
           {"NUL", std::string("A: b\r\n\r\nx\0y\r\n", 14), "NUL"},
           {"empty", "", "no header field"},
           {"no header", "\r\nbody\r\n", "no header field"},
           {"text only", "hello world\r\n", "line 1"},
           {"two From", "From: a@a.test\r\nFROM: b@b.test\r\n\r\n", "more than one From"},
           {"empty From", "From: \r\n\r\n", "without an address"},
           {"group of nobody", "From: g:;\r\n\r\n", "without an address"},
           {"long From", "From: " + std::string(20'000, 'x') + "\r\n\r\n", "has a From field that is longer"},
           {"long Sender", "Sender: " + std::string(20'000, '(') + "\r\n\r\n", "Sender field that is longer"},
           {"crowded From", "From: " + Repeated("a@b.test,", 101) + "\r\n\r\n", "more than 100 addresses"},
           {"Latin-1 header", "Subject: caf\xe9\r\n\r\n", "UTF-8"}}) {
    const auto message = Normalize(row.raw);
    ASSERT_FALSE(message.ok()) << row.name;
    EXPECT_EQ(message.status().code(), absl::StatusCode::kInvalidArgument) << row.name;
    EXPECT_THAT(std::string(message.status().message()), HasSubstr(row.why)) << row.name;
  }
}

TEST(NormalizeRaw, TellsEveryFieldThatNamesAnOriginator) {
  const auto message = Normalize(
      "FROM : A <a@one.test>,\r\n b@two.test\r\nSender: c@three.test\r\nsender: d@four.test\r\nReply-To: "
      "x@y.test\r\n"
      "Resent-From: g: e@five.test, f@six.test;\r\nResent-Sender:\r\n\r\nFrom: not@header.test\r\n");
  ASSERT_TRUE(message.ok());
  std::string told;
  for (const Originator& originator : message->originators) {
    told += originator.field + ":";
    for (const std::string& address : originator.addresses) told += " " + address;
    told += std::string(originator.malformed.empty() ? "\n" : " !\n");
  }
  EXPECT_EQ(told,
            "FROM: a@one.test b@two.test\nSender: c@three.test\nsender: d@four.test\n"
            "Resent-From: e@five.test f@six.test\nResent-Sender: !\n");
}

TEST(NormalizeRaw, KeepsBytesBeyondAsciiInTheBody) {
  const auto message = Normalize("Subject: x\r\n\r\ncaf\xe9\r\n");
  ASSERT_TRUE(message.ok());
  EXPECT_TRUE(message->eight_bit);
  EXPECT_FALSE(message->smtputf8);
  EXPECT_EQ(message->body, "caf\xe9\r\n");
}

}  // namespace
}  // namespace goniec::mail
