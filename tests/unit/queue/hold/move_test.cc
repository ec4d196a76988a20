// Where mails go that leave a record in hand, and what of them goes together.
#include "common/queue/hold/move.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/queue/events/events.h"
#include "common/queue/model/record_check.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr char kRecordId[] = "01aryz6s41tsv4rrffq69g5f";
const WallTime kAccepted{std::chrono::hours(500'000)};
const WallTime kAt = kAccepted + std::chrono::minutes(5);
constexpr std::size_t kRoom = 1 << 20;

v1::Record MakeRecord() {
  v1::Record record;
  record.set_record_id(kRecordId);
  for (int i = 0; i < 3; ++i) {
    v1::Mail& mail = *record.add_mails();
    mail.set_message_id(absl::StrCat(kRecordId, "0", i));
    mail.set_mail_class(v1::MAIL_CLASS_TRANSACTIONAL);
    mail.set_tenant("acme");
    for (std::uint32_t index = 0; index < 3; ++index) {
      v1::Recipient& recipient = *mail.add_recipients();
      recipient.set_index(index);
      recipient.set_address(absl::StrCat("r", index, "@sink.test"));
    }
    mail.set_recipient_count(3);
    *mail.mutable_accept_time() = ToProto(kAccepted);
    *mail.mutable_expire_time() = ToProto(kAccepted + std::chrono::hours(5 - i));
    mail.set_inline_body("body");
  }
  return record;
}

Move Held(const v1::Record& record, int mail, const std::vector<std::uint32_t>& positions,
          const std::string& site = "site1", std::uint32_t attempts = 1) {
  return MakeMove(record, record.mails(mail), positions, ToHeld{.site = site}, attempts);
}
// On the shelf of what comes back in a minute.
Move Later(const v1::Record& record, int mail, std::int64_t minute) {
  return MakeMove(record, record.mails(mail), {0}, ToHeld{.site = kLaterShelf, .minute = minute}, 1);
}
Move Waiting(const v1::Record& record, int mail, const std::vector<std::uint32_t>& positions) {
  return MakeMove(record, record.mails(mail), positions, ToWait{"sink.test", kAt}, 1);
}

// "0:0,2 1:1": mails with their recipients.
std::string Shown(const Move& move) {
  std::string shown;
  for (const v1::Mail& mail : move.record.mails()) {
    absl::StrAppend(&shown, shown.empty() ? "" : " ", mail.message_id().substr(25), ":");
    for (const v1::Recipient& recipient : mail.recipients()) {
      absl::StrAppend(&shown, shown.ends_with(':') ? "" : ",", recipient.index());
    }
  }
  return shown;
}
std::vector<std::string> Shown(const std::vector<Move>& moves) {
  std::vector<std::string> shown;
  for (const Move& move : moves) {
    shown.push_back(move.into_wait() ? "wait " : std::get<ToHeld>(move.to).site + " ");
    shown.back() += Shown(move);
  }
  return shown;
}

std::string Header(const OutgoingMessage& message, const std::string& name) {
  for (const auto& [key, value] : message.headers) {
    if (key == name) return value;
  }
  return "";
}

TEST(MakeMove, TakesTheRecipientsOneGenerationOn) {
  const v1::Record record = MakeRecord();
  const Move move = MakeMove(record, record.mails(1), {0, 2}, ToWait{"sink.test", kAt}, 4);
  EXPECT_EQ(Shown(move), "1:0,2");
  EXPECT_EQ(move.record.record_id(), kRecordId);
  EXPECT_EQ(move.record.mails(0).generation(), 1U);
  EXPECT_EQ(move.record.mails(0).attempts(), 4U);
  EXPECT_EQ(move.record.mails(0).inline_body(), "body");
}

struct TogetherCase {
  const char* name;
  std::vector<Move> moves;
  std::vector<std::string> together;
};

class TogetherTest : public testing::TestWithParam<TogetherCase> {};

TEST_P(TogetherTest, JoinsWhatGoesToOneShelf) {
  EXPECT_EQ(Shown(Together(GetParam().moves, kRoom)), GetParam().together);
}

INSTANTIATE_TEST_SUITE_P(
    All, TogetherTest, testing::ValuesIn([] {
      const v1::Record record = MakeRecord();
      v1::Record older = record;
      older.mutable_mails(0)->set_generation(4);
      return std::vector<TogetherCase>{
          {"Nothing", {}, {}},
          {"OneMail", {Held(record, 0, {0})}, {"site1 0:0"}},
          {"SeveralMails", {Held(record, 0, {0}), Held(record, 2, {1, 2})}, {"site1 0:0 2:1,2"}},
          {"SeveralDomainsOfAMail",
           {Held(record, 0, {0}), Held(record, 1, {0}), Held(record, 0, {2})},
           {"site1 0:0,2 1:0"}},
          {"EveryShelfItsOwn",
           {Held(record, 0, {0}), Held(record, 1, {0}, "site2"), Held(record, 2, {0})},
           {"site1 0:0 2:0", "site2 1:0"}},
          {"EveryMinuteItsOwn",
           {Later(record, 0, 7), Later(record, 1, 8), Later(record, 2, 7)},
           {"later 0:0 2:0", "later 1:0"}},
          {"CopiesInWaitStayAlone",
           {Waiting(record, 0, {0}), Held(record, 0, {1}), Waiting(record, 1, {0}), Held(record, 1, {1})},
           {"wait 0:0", "site1 0:1 1:1", "wait 1:0"}},
          {"AMailIsInARecordOnce",
           {Held(record, 0, {0}), Held(record, 0, {1}, "site1", 2), Held(record, 1, {0}),
            Held(record, 0, {2}, "site1", 2)},
           {"site1 0:0 1:0", "site1 0:1,2"}},
          {"GenerationsAreNotMixed", {Held(record, 0, {0}), Held(older, 0, {1})}, {"site1 0:0", "site1 0:1"}},
      };
    }()),
    [](const auto& info) { return info.param.name; });

TEST(Together, ARecordStaysWithinItsSize) {
  const v1::Record record = MakeRecord();
  const std::size_t one = Held(record, 0, {0, 1, 2}).record.ByteSizeLong();
  const std::vector<Move> moves = {Held(record, 0, {0, 1, 2}), Held(record, 1, {0, 1, 2}),
                                   Held(record, 2, {0, 1, 2})};
  EXPECT_THAT(Shown(Together(moves, 2 * one)), ElementsAre("site1 0:0,1,2 1:0,1,2", "site1 2:0,1,2"));
  EXPECT_THAT(Together(moves, 0), SizeIs(3)) << "each alone, whatever its size";
}

TEST(Together, WhatItsMailsCountForIsKeptUntilItIsStored) {
  const v1::Record record = MakeRecord();
  std::vector<Move> moves = {Held(record, 0, {0}), Held(record, 1, {0})};
  const auto one = std::make_shared<const int>(1);
  const auto other = std::make_shared<const int>(2);
  moves[0].in_hand = {one};
  moves[1].in_hand = {other};
  const std::vector<Move> together = Together(std::move(moves), kRoom);
  EXPECT_EQ(one.use_count(), 2);
  EXPECT_EQ(other.use_count(), 2);
}

TEST(EncodeMove, ACopyInWaitHasItsSchedule) {
  const v1::Record record = MakeRecord();
  const OutgoingMessage message = EncodeMove(Waiting(record, 1, {2}), 3);
  EXPECT_EQ(message.subject, "wait.3.transactional.acme.01aryz6s41tsv4rrffq69g5f01.1.test.sink");
  EXPECT_EQ(Header(message, kHeaderMessageId), "01aryz6s41tsv4rrffq69g5f01.1.2");
  EXPECT_EQ(Header(message, kHeaderSchedule), "@at 2027-01-15T08:05:00.000000000Z");
  EXPECT_EQ(Header(message, kHeaderScheduleTarget),
            "due.3.transactional.acme.01aryz6s41tsv4rrffq69g5f01.1.test.sink");
}

TEST(EncodeMove, ARecordOnAShelfLiesInTheMinuteOfItsEarliestExpiry) {
  const v1::Record record = MakeRecord();
  const Move move = Together({Held(record, 0, {0}), Held(record, 2, {1})}, kRoom).at(0);
  const OutgoingMessage message = EncodeMove(move, 3);
  EXPECT_EQ(message.subject,
            absl::StrCat("held.3.transactional.site1.acme.", SlotOf(kRecordId), ".", 500'003 * 60));
  EXPECT_EQ(Header(message, kHeaderSchedule), "");
  v1::Record stored;
  ASSERT_TRUE(stored.ParseFromString(*message.payload));
  EXPECT_TRUE(CheckRecord(stored, message.subject).ok()) << CheckRecord(stored, message.subject);
  EXPECT_TRUE(CheckRecord(stored, ReleasedSubject(message.subject)).ok());
}

TEST(EncodeMove, WhatWaitsOnAShelfLiesInTheMinuteInWhichItComesBack) {
  const OutgoingMessage message = EncodeMove(Later(MakeRecord(), 1, 30'000'017), 3);
  EXPECT_EQ(message.subject,
            absl::StrCat("held.3.transactional.later.acme.", SlotOf(kRecordId), ".30000017"));
}

struct OverflowCase {
  const char* name;
  std::chrono::seconds due_in;
  std::chrono::seconds expires_in;
  std::string to;
};

class OverflowTest : public testing::TestWithParam<OverflowCase> {};

TEST_P(OverflowTest, GoesToTheShelfForItsTime) {
  v1::Record record = MakeRecord();
  *record.mutable_mails(0)->mutable_expire_time() = ToProto(kAccepted + GetParam().expires_in);
  Move move = MakeMove(record, record.mails(0), {0}, ToWait{"sink.test", kAccepted + GetParam().due_in}, 1);
  PutOnShelf(move, kAccepted);
  const std::string subject = EncodeMove(move, 0).subject;
  EXPECT_EQ(subject.substr(0, subject.find('.')), GetParam().to.substr(0, 4));
  if (!move.into_wait()) {
    EXPECT_EQ(absl::StrCat("held +", *std::get<ToHeld>(move.to).minute - MinuteOf(kAccepted)), GetParam().to);
  }
}

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
// kAccepted is the first moment of a minute.
INSTANTIATE_TEST_SUITE_P(
    All, OverflowTest,
    testing::Values(OverflowCase{"NeverBeforeItsTime", minutes(10), hours(24), "held +11"},
                    OverflowCase{"NorMoreThanAMinuteLater", minutes(10) + seconds(59), hours(24), "held +11"},
                    OverflowCase{"NotIntoAMinuteThatMayBeOver", seconds(1), hours(24), "wait"},
                    OverflowCase{"TheLastAttemptBeforeExpiryIsOnTime", hours(2), hours(2) + seconds(90),
                                 "wait"}),
    [](const auto& info) { return info.param.name; });

// `due`: minutes from now, of one mail each; what lies where then.
std::vector<std::string> Gathered(const std::vector<int>& due, hours life = hours(24)) {
  v1::Record record = MakeRecord();
  std::vector<Move> moves;
  for (const int each : due) {
    v1::Mail mail = record.mails(0);
    *mail.mutable_expire_time() = ToProto(kAccepted + life);
    moves.push_back(MakeMove(record, mail, {0}, ToWait{"sink.test", kAccepted + minutes(each)}, 1));
  }
  GatherOnShelf(moves, kAccepted);
  std::vector<std::string> places;
  for (const Move& move : moves) {
    const auto* held = std::get_if<ToHeld>(&move.to);
    places.push_back(held == nullptr ? "wait" : absl::StrCat("+", *held->minute - MinuteOf(kAccepted)));
  }
  return places;
}

TEST(GatherOnShelf, ManyOfARecordWaitTogether) {
  EXPECT_THAT(Gathered({5, 5, 5}), testing::Each("wait")) << "few";
  EXPECT_THAT(Gathered({5, 5, 5, 5}), testing::Each("+6"));
  EXPECT_THAT(Gathered({5, 6, 6, 5}), testing::Each("+7"));
  EXPECT_THAT(Gathered({4, 5, 6, 5, 6, 4}), testing::ElementsAre("wait", "+7", "+7", "+7", "+7", "wait"));
  EXPECT_THAT(Gathered({32, 36, 40, 45}), testing::Each("wait")) << "nothing is shared";
  EXPECT_THAT(Gathered({1, 5, 5, 5}), testing::Each("wait")) << "one is due soon, and three are few";
  EXPECT_THAT(Gathered({1, 5, 5, 5, 5}), testing::ElementsAre("wait", "+6", "+6", "+6", "+6"));
  EXPECT_THAT(Gathered({54, 54, 54, 54}, hours(1)), testing::Each("wait")) << "their last attempt is on time";
  EXPECT_THAT(Gathered({53, 53, 53, 52}, hours(1)), testing::Each("+54"));
}

// By its id a repeated publish is dropped: it must not be that of another move.
TEST(EncodeMove, TheIdSaysWhichRecipientsMovedAndToWhichGeneration) {
  const v1::Record record = MakeRecord();
  v1::Record older = record;
  for (v1::Mail& mail : *older.mutable_mails()) mail.set_generation(1);
  const std::vector<Move> different = {
      Held(record, 0, {0}),
      Held(record, 0, {1}),
      Held(record, 0, {0, 1}),
      Held(record, 1, {0}),
      Held(older, 0, {0}),
      Together({Held(record, 0, {0}), Held(record, 1, {0})}, kRoom).at(0),
      Together({Held(record, 0, {0}), Held(record, 1, {0, 1})}, kRoom).at(0),
  };
  std::set<std::string> ids;
  for (const Move& move : different) ids.insert(Header(EncodeMove(move, 0), kHeaderMessageId));
  EXPECT_EQ(ids.size(), different.size());
  EXPECT_EQ(Header(EncodeMove(Held(record, 0, {0}), 0), kHeaderMessageId),
            Header(EncodeMove(different[0], 0), kHeaderMessageId));
}

}  // namespace
}  // namespace goniec::queue
