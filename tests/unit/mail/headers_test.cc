#include "common/mail/headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/mail/content_type.h"

namespace goniec::mail {
namespace {

using testing::ElementsAre;

TEST(HeaderSection, KeepsFoldedFieldsWhole) {
  const std::string message =
      "Subject: one\r\n two\r\nBcc : x@a.test\r\nX:\r\n\r\nbody\r\nTo: not a field\r\n";
  const auto section = ScanHeaders(message);
  ASSERT_TRUE(section.ok());
  ASSERT_EQ(section->fields.size(), 3u);
  EXPECT_EQ(section->fields[0].line, "Subject: one\r\n two\r\n");
  EXPECT_EQ(Unfold(section->fields[0].value), "one two");
  EXPECT_EQ(section->fields[1].name, "Bcc");
  EXPECT_EQ(section->fields[2].value, "");
  EXPECT_EQ(section->body, "body\r\nTo: not a field\r\n");
  EXPECT_EQ(CountFields(*section, "SUBJECT"), 1);
  EXPECT_EQ(FindField(*section, "To"), nullptr);
}

TEST(HeaderSection, RefusesWhatIsNoField) {
  for (const std::string message : {" folded\r\n\r\n", "hello\r\n\r\n", "A: b\r\nno colon here\r\n\r\n",
                                    "a b: c\r\n", ": empty\r\n", "From someone Mon\r\nA: b\r\n\r\n"}) {
    EXPECT_FALSE(ScanHeaders(message).ok()) << message;
  }
}

TEST(HeaderSection, IsLimited) {
  std::string message;
  while (message.size() <= kMaxHeaderSection) message += "A: b\r\n";
  EXPECT_FALSE(ScanHeaders(message + "\r\n").ok());
}

TEST(WhyReserved, CoversStructureTraceAndSignatures) {
  for (const char* name :
       {"From", "sender", "TO", "Cc", "Bcc", "Subject", "Date", "Message-Id", "MIME-Version", "Content-Type",
        "content-anything", "Received", "Return-Path", "DKIM-Signature", "ARC-Seal", "Authentication-Results",
        "Resent-Bcc", "Reply-To"}) {
    EXPECT_TRUE(WhyReserved(name)) << name;
  }
  for (const char* name :
       {"X-Anything", "List-Unsubscribe", "In-Reply-To", "References", "Precedence", "Froms"}) {
    EXPECT_FALSE(WhyReserved(name)) << name;
  }
}

TEST(ContentType, Table) {
  for (const char* good :
       {"text/csv", "image/svg+xml", "text/plain; charset=utf-8", "a/b;x=\"y; \\\"z\\\"\" ; q=1",
        "application/vnd.ms-excel.sheet.macroEnabled.12", "text/x;"}) {
    EXPECT_TRUE(CheckContentType(good).ok()) << good;
  }
  for (const char* bad :
       {"", "text", "text/", "/x", "text/plain charset", "text/plain; x", "te xt/plain", "a/b;x=\"y",
        "multipart/mixed", "Message/RFC822", "a/b; =c", "text/plain\r\nX: y", "a/b;x=\"\ry\""}) {
    EXPECT_FALSE(CheckContentType(bad).ok()) << bad;
  }
}

TEST(ContentType, HasParts) {
  EXPECT_THAT(PartsOfContentType("text/plain"), ElementsAre("text/plain"));
  EXPECT_THAT(PartsOfContentType("a/b ; x=\"y; \\\"z\\\";\";q=1;"),
              ElementsAre("a/b", "x=\"y; \\\"z\\\";\"", "q=1"));
}

}  // namespace
}  // namespace goniec::mail
