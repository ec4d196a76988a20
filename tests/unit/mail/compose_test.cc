// Composed messages, as Python's email package reads them.
#include "common/mail/compose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "tests/support/process.h"

namespace goniec::mail {
namespace {

using testing::HasSubstr;
using testing::Not;

NamedAddress Who(std::string_view address, std::string_view name = "") {
  auto mailbox = smtp::ParseMailbox(address);
  EXPECT_TRUE(mailbox.ok()) << address;
  return {*mailbox, name};
}

Draft BasicDraft() {
  Draft draft;
  draft.from = Who("ala@example.test");
  draft.to = {Who("kot@example.net")};
  draft.date =
      absl::ToChronoTime(absl::FromCivil(absl::CivilSecond(2026, 12, 1, 9, 5, 0), absl::UTCTimeZone()));
  return draft;
}

std::string Message(const Draft& draft) {
  const auto composed = Compose(draft);
  EXPECT_TRUE(composed.ok());
  return std::string(composed->message);
}

std::string AsPythonReads(const std::string& message) {
  const test::TempDir folder;
  const std::string file = folder.Write("message", message);
  const auto read = test::RunProcess({"/usr/bin/python3", GONIEC_READ_MAIL}, {.input_file = file});
  EXPECT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->status, 0) << read->output;
  return read->output;
}

void ExpectGoodLines(const std::string& message) {
  ASSERT_TRUE(message.ends_with("\r\n"));
  for (const absl::string_view line : absl::StrSplit(message, "\r\n")) {
    EXPECT_LE(line.size(), 998u);
    EXPECT_EQ(line.find_first_of("\r\n"), absl::string_view::npos) << line;
  }
}

TEST(Compose, PlainText) {
  Draft draft = BasicDraft();
  draft.subject = "Zażółć gęślą jaźń";
  draft.text = "Dzień dobry\r\n.\r\nFrom here = there   \nno end";
  const std::string message = Message(draft);
  ExpectGoodLines(message);
  EXPECT_EQ(AsPythonReads(message),
            "From: |ala@example.test\nTo: |kot@example.net\nDate: Tue, 01 Dec 2026 09:05:00 +0000\n"
            "Subject: Zażółć gęślą jaźń\n"
            "text/plain quoted-printable disposition=None name=None id=None "
            "Dzie\\u0144 dobry\\r\\n.\\r\\nFrom here = there   \\r\\nno end\\r\\n\n"
            "defects=0\n");
}

TEST(Compose, EverythingAtOnce) {
  Draft draft = BasicDraft();
  draft.from = Who("ala@example.test", "Ala, \"Kot\"");
  draft.sender = Who("bot@example.test", "Bot");
  draft.reply_to = {Who("answers@example.test"), Who("more@example.test", "Więcej")};
  for (int i = 0; i < 20; ++i) draft.to.push_back(Who("someone@long.domain.name.example.net", "Some Body"));
  draft.cc = {Who("\"strange local\"@bücher.test")};
  draft.subject = "Mixed";
  draft.text = "text\n";
  draft.html = "<img src=\"cid:logo@x\"><p>Привет, мир! Привет, мир!</p>\n";
  const std::string blob("\x00\x01\xff\r\n.\r\n", 8);
  const std::string name = "zażółć.csv";
  draft.attachments = {
      {.name = name, .content_type = "text/csv; charset=utf-8; header=present", .content = "a,b\r\n1,2\r\n"},
      {.name = "logo.png",
       .content_type = "image/png",
       .content = blob,
       .content_id = "logo@x",
       .is_inline = true},
      {.name = "empty.bin"}};
  draft.headers = {
      {"List-Unsubscribe", "<https://example.test/u?token=0123456789012345678901234567890123456789012345>"},
      {"X-Note", "naïve"},
      {"X-Empty", ""}};
  const std::string message = Message(draft);
  ExpectGoodLines(message);
  EXPECT_THAT(message,
              HasSubstr("<https://example.test/u?token=0123456789012345678901234567890123456789012345>"));
  const std::string read = AsPythonReads(message);
  EXPECT_THAT(read, HasSubstr("From: Ala, \"Kot\"|ala@example.test\nSender: Bot|bot@example.test\n"
                              "Reply-To: |answers@example.test\nReply-To: Więcej|more@example.test\n"));
  EXPECT_THAT(read, HasSubstr("Cc: |\"strange local\"@xn--bcher-kva.test\n"));
  EXPECT_THAT(read, HasSubstr("X-Note: naïve\n"));
  EXPECT_THAT(
      read,
      HasSubstr("multipart/mixed defects=0\n"
                "  multipart/alternative defects=0\n"
                "    text/plain quoted-printable disposition=None name=None id=None text\\r\\n\n"
                "    multipart/related defects=0\n"
                "      text/html base64 disposition=None name=None id=None <img src=\"cid:logo@x\"><p>"));
  EXPECT_THAT(
      read, HasSubstr("      image/png base64 disposition=inline name=logo.png id=<logo@x> 0001ff0d0a2e0d0a\n"
                      "  text/csv base64 disposition=attachment name=zażółć.csv id=None a,b\\r\\n1,2\\r\\n\n"
                      "  application/octet-stream base64 disposition=attachment name=empty.bin id=None \n"
                      "defects=0\n"));
}

TEST(Compose, LongNamesAndValuesStayBelowTheLineLimit) {
  Draft draft = BasicDraft();
  const std::string name = "ż" + std::string(250, 'n') + ".txt";
  const std::string run(900, 'r');
  const std::string subject(998, 's');
  draft.subject = subject;
  draft.headers = {{"X-Run", run}};
  draft.attachments = {{.name = name, .content = "x"}};
  const std::string message = Message(draft);
  ExpectGoodLines(message);
  const std::string read = AsPythonReads(message);
  EXPECT_THAT(read, HasSubstr("Subject: " + subject + "\n"));
  EXPECT_THAT(read, HasSubstr("X-Run: " + run + "\n"));
  EXPECT_THAT(read, HasSubstr("name=" + name));
}

TEST(Compose, NamesOfAttachmentsAreUtf8WithinTheLine) {
  Draft draft = BasicDraft();
  const std::string long_name =
      "Übersicht über die Größen der Räume im dritten Stock, Entwurf für Jürgen.pdf";
  draft.attachments = {{.name = "zażółć.csv"},    {.name = "отчёт.pdf"},       {.name = long_name},
                       {.name = "=?utf-8?q?x?="}, {.name = "a \"b\" (c).txt"}, {.name = "plain.txt"}};
  const std::string message = Message(draft);
  EXPECT_THAT(
      message,
      HasSubstr("Content-Disposition: attachment;\r\n filename*=UTF-8''za%C5%BC%C3%B3%C5%82%C4%87.csv\r\n"));
  EXPECT_THAT(
      message,
      HasSubstr("\r\n filename*0*=UTF-8''%C3%9Cbersicht%20%C3%BCber%20die%20Gr%C3%B6%C3%9Fen%20d;\r\n"));
  EXPECT_THAT(message, HasSubstr("\r\n filename*=UTF-8''%3D%3Futf-8%3Fq%3Fx%3F%3D\r\n"));
  EXPECT_THAT(message, HasSubstr("\r\n filename=\"a \\\"b\\\" (c).txt\"\r\n"));
  EXPECT_THAT(message, HasSubstr("\r\n filename=plain.txt\r\n"));
  for (const absl::string_view line : absl::StrSplit(message, "\r\n")) EXPECT_LE(line.size(), 76u) << line;
  const std::string read = AsPythonReads(message);
  for (const Attachment& attachment : draft.attachments)
    EXPECT_THAT(read, HasSubstr("name=" + std::string(attachment.name) + " "));
}

TEST(Compose, TheLastLineHasItsEndInEveryPart) {
  Draft draft = BasicDraft();
  draft.text = "no end";
  draft.html = "<p>no end";
  draft.attachments = {{.name = "no-end.txt", .content_type = "text/plain", .content = "no end"}};
  const std::string read = AsPythonReads(Message(draft));
  EXPECT_THAT(read, HasSubstr("id=None no end\\r\\n\n"));
  EXPECT_THAT(read, HasSubstr("id=None <p>no end\\r\\n\n"));
  EXPECT_THAT(read, HasSubstr("name=no-end.txt id=None no end\n"));
}

TEST(Compose, LongLinesOfTextAreEncoded) {
  Draft draft = BasicDraft();
  const std::string text(5000, 'a');
  draft.text = text;
  const std::string message = Message(draft);
  ExpectGoodLines(message);
  EXPECT_THAT(AsPythonReads(message), HasSubstr(" id=None " + text.substr(0, 200) + "\n"));
}

TEST(Compose, MessageIdNamesTheSendersDomainAndThePlaceholder) {
  Draft draft = BasicDraft();
  const auto from = Compose(draft);
  EXPECT_EQ(from->head, std::string("Message-ID: <") + '\0' + "@example.test>\r\n");
  draft.sender = Who("x@bücher.test");
  EXPECT_EQ(Compose(draft)->internet_message_id, std::string(1, '\0') + "@xn--bcher-kva.test");
  EXPECT_THAT(Message(draft), Not(HasSubstr("Message-ID")));
}

TEST(Compose, NeedsSmtpUtf8OnlyForLocalParts) {
  Draft draft = BasicDraft();
  draft.to = {Who("a@bücher.test")};
  draft.subject = "ü";
  auto composed = Compose(draft);
  EXPECT_FALSE(composed->smtputf8);
  EXPECT_THAT(std::string(composed->message), HasSubstr("To: a@xn--bcher-kva.test\r\n"));
  draft.to = {Who("jürgen@bücher.test", "Jürgen")};
  composed = Compose(draft);
  EXPECT_TRUE(composed->smtputf8);
  EXPECT_THAT(std::string(composed->message), HasSubstr("<jürgen@bücher.test>\r\n"));
}

TEST(Compose, WithoutVisibleRecipientsSaysSo) {
  Draft draft = BasicDraft();
  draft.to.clear();
  EXPECT_THAT(Message(draft), HasSubstr("To: undisclosed-recipients:;\r\n"));
}

TEST(Compose, WorksOnManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([] {
      Draft draft = BasicDraft();
      draft.text = "zażółć";
      draft.html = "<b>x</b>";
      draft.attachments = {{.name = "ż.bin", .content = "abc"}};
      for (int n = 0; n < 50; ++n) EXPECT_THAT(Message(draft), HasSubstr("YWJj"));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace goniec::mail
