#include "outbound/consume/held_mail.h"

#include <gtest/gtest.h>

#include <optional>

namespace goniec::outbound {
namespace {

class HeldMailTest : public ::testing::Test {
 protected:
  std::shared_ptr<HeldMail> Hold() {
    total_ = HeldMail::CostOf(1000);
    return std::make_shared<HeldMail>(queue::v1::Mail(), total_,
                                      [this](const InHand& change) { total_ += change; });
  }
  InHand total_;
};

TEST_F(HeldMailTest, WaitsUntilAllItsLegsHaveBegun) {
  auto mail = Hold();
  std::optional<HeldMail::Leg> one(mail);
  std::optional<HeldMail::Leg> two(mail);
  one->Begin(true);
  EXPECT_EQ(total_.waiting_mails, 1);
  two->Begin(true);
  EXPECT_EQ(total_.waiting_mails, 0);
  EXPECT_EQ(total_.waiting_bytes, 0);
  EXPECT_EQ(total_.mails, 1);
  EXPECT_EQ(total_.bytes, 1000 + kBytesAMail);
  two->Begin(false);
  EXPECT_EQ(total_.waiting_mails, 1);
  EXPECT_EQ(total_.waiting_bytes, 1000 + kBytesAMail);
}

TEST_F(HeldMailTest, ALegThatEndsWithoutABeginningWaitsNoMore) {
  auto mail = Hold();
  std::optional<HeldMail::Leg> one(mail);
  std::optional<HeldMail::Leg> two(mail);
  one.reset();
  EXPECT_EQ(total_.waiting_mails, 1);
  two.reset();
  EXPECT_EQ(total_.waiting_mails, 0);
  EXPECT_EQ(total_.mails, 1);
}

TEST_F(HeldMailTest, NothingIsLeftOfItWhenTheLastLetsGo) {
  auto mail = Hold();
  {
    HeldMail::Leg one(mail);
    one.Begin(true);
    one.Begin(false);
    mail.reset();
    EXPECT_EQ(total_.mails, 1);
  }
  mail = nullptr;
  EXPECT_EQ(total_.mails, 0);
  EXPECT_EQ(total_.bytes, 0);
  EXPECT_EQ(total_.waiting_mails, 0);
  EXPECT_EQ(total_.waiting_bytes, 0);
}

}  // namespace
}  // namespace goniec::outbound
