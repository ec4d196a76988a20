#include "tests/support/load/mail_form.h"

#include <gtest/gtest.h>

#include <string>

namespace goniec::load {
namespace {

constexpr char kDate[] = "Fri, 27 Nov 2026 18:00:00 +0000";

std::string Content(const MailForm& form, std::uint64_t number) {
  const MailForm::Number digits = MailForm::NumberOf(number);
  return std::string(form.before()).append(digits.data(), digits.size()).append(form.after());
}

TEST(MailForm, ContentHasTheSizeThatWasAskedFor) {
  for (std::size_t size = 512; size < 760; ++size) {
    const MailForm form({.size = size}, "run", kDate);
    EXPECT_EQ(Content(form, 0).size(), size);
  }
}

TEST(MailForm, ContentIsLinesThatNeedNoDotStuffing) {
  const MailForm form({.size = 10'240}, "run", kDate);
  const std::string content = Content(form, 7);
  ASSERT_TRUE(content.ends_with("\r\n"));
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t end = content.find("\r\n", at);
    EXPECT_LE(end - at, 76U);
    EXPECT_NE(content[at], '.');
    at = end + 2;
  }
  EXPECT_NE(content.find("\r\n\r\n"), std::string::npos);
  EXPECT_EQ(content.find('\n'), content.find("\r\n") + 1);
}

TEST(MailForm, MailsOfARunDifferInTheirNumberOnly) {
  const MailForm form({}, "abc", kDate);
  EXPECT_NE(Content(form, 41).find("\r\nMessage-ID: <abc.0000000041@load.goniec.invalid>\r\n"),
            std::string::npos);
  EXPECT_EQ(Content(form, 9'999'999'999).find("9999999999"), form.before().size());
}

TEST(MailForm, TheEndAndQuitFollowTheContent) {
  const MailForm form({}, "run", kDate);
  EXPECT_EQ(form.after_and_end(), std::string(form.after()) + ".\r\n");
  EXPECT_EQ(form.after_end_and_quit(), std::string(form.after()) + ".\r\nQUIT\r\n");
}

TEST(MailForm, OneSenderAndOneRecipientStandAsTheyWereGiven) {
  const MailForm form({.from = "a@b.test", .to = "c@d.test"}, "run", kDate);
  EXPECT_EQ(form.Mail(0), "MAIL FROM:<a@b.test>\r\n");
  EXPECT_EQ(form.Mail(1), "MAIL FROM:<a@b.test>\r\n");
  EXPECT_EQ(form.rcpts_and_data(), "RCPT TO:<c@d.test>\r\nDATA\r\n");
}

TEST(MailForm, SeveralAreNumberedAndSendersTakeTurns) {
  const MailForm form({.from = "a@b.test", .to = "c@d.test", .senders = 2, .recipients = 3}, "run", kDate);
  EXPECT_EQ(form.Mail(0), "MAIL FROM:<a1@b.test>\r\n");
  EXPECT_EQ(form.Mail(1), "MAIL FROM:<a2@b.test>\r\n");
  EXPECT_EQ(form.Sender(2), "a1@b.test");
  EXPECT_EQ(form.Rcpt(2), "RCPT TO:<c3@d.test>\r\n");
  EXPECT_EQ(form.rcpts_and_data(),
            "RCPT TO:<c1@d.test>\r\nRCPT TO:<c2@d.test>\r\nRCPT TO:<c3@d.test>\r\nDATA\r\n");
}

// Longer addresses than the size leaves room for: a whole mail all the same.
TEST(MailForm, AHeaderLargerThanTheSizeIsKept) {
  const MailForm form(
      {.from = std::string(190, 'a') + "@b.test", .to = std::string(190, 'c') + "@d.test", .size = 512},
      "run", kDate);
  EXPECT_TRUE(Content(form, 0).ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace goniec::load
