// How a record ends: what is stored, in what order, and whether it is acknowledged.
#include "common/queue/hold/settlement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <string>
#include <vector>

#include "tests/integration/queue/hold/hold_fixture.h"

namespace goniec::queue {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::IsEmpty;

class SettlementTest : public HoldFixture {
 protected:
  // Stored in READY and pulled.
  void Take(const v1::Record& record) {
    record_ = record;
    StoreAt(ReadySubjectOf(record), record);
    delivery_ = Pull("READY_0", "transactional", 1);
    ASSERT_NE(delivery_, nullptr);
  }

  // Opens `legs`, has them ended by `end`, and waits until the record has left our hands.
  void Settle(int legs, const std::function<void(Settlement&)>& end) {
    std::promise<void> closed;
    OnExecutor([&] {
      const auto settlement =
          std::make_shared<Settlement>(*context_, delivery_, 0, [&] { closed.set_value(); });
      for (int leg = 0; leg < legs; ++leg) settlement->OpenLeg();
      settlement->Start();
      end(*settlement);
    });
    closed.get_future().wait();
    Api("INFO");  // what was said to the broker before has come
  }

  v1::Event EventOf(int mail, v1::EventType type, std::vector<std::uint32_t> positions,
                    std::uint32_t generation = 1) {
    v1::Event event = MakeEvent(record_.mails(mail), type, positions, std::chrono::system_clock::now());
    event.set_generation(generation);
    return event;
  }
  Settlement::LegEnd Delivered(int mail, std::vector<std::uint32_t> positions) {
    return {{EventOf(mail, v1::EVENT_TYPE_DELIVERED, std::move(positions), 0)}, std::nullopt, nullptr};
  }
  Settlement::LegEnd Waiting(int mail, std::vector<std::uint32_t> positions, const std::string& domain) {
    return {{EventOf(mail, v1::EVENT_TYPE_DEFERRED, positions)},
            MakeMove(record_, record_.mails(mail), positions,
                     ToWait{domain, std::chrono::system_clock::now() + hours(1)}, 1),
            nullptr};
  }
  Settlement::LegEnd Held(int mail, std::vector<std::uint32_t> positions, const std::string& site) {
    return {{EventOf(mail, v1::EVENT_TYPE_HELD, positions)},
            MakeMove(record_, record_.mails(mail), positions, ToHeld{.site = site}, 1),
            nullptr};
  }

  // The publishes among what was asked of the broker, by the first part of their subjects.
  std::vector<std::string> Published() const {
    std::vector<std::string> shown;
    for (const std::string& subject : watched_->requests()) {
      if (!subject.starts_with("$")) shown.push_back(subject.substr(0, subject.find('.')));
    }
    return shown;
  }

  v1::Record record_;
  std::shared_ptr<Delivery> delivery_;
};

TEST_F(SettlementTest, AMoveIsStoredBehindItsEventAndTheRecordAcknowledgedLast) {
  Take(MakeRecord(1));
  Settle(2, [&](Settlement& settlement) {
    settlement.EndLeg(Waiting(0, {0}, "first.test"));
    settlement.EndLeg(Delivered(0, {1}));
  });
  EXPECT_THAT(Published(), ElementsAre("event", "wait"));
  EXPECT_TRUE(test::WaitUntil([&] { return Stored("READY_0") == 0; }));
  const v1::Record copy = RecordIn("WAIT_0");
  ASSERT_EQ(copy.mails_size(), 1);
  EXPECT_EQ(copy.mails(0).generation(), 1U);
  EXPECT_EQ(copy.mails(0).recipients_size(), 1);
}

TEST_F(SettlementTest, MailsForOneShelfMoveInOnePublish) {
  Take(MakeRecord(3, 0, 3'000));
  Settle(4, [&](Settlement& settlement) {
    settlement.EndLeg(Held(0, {0}, "site1"));
    settlement.EndLeg(Held(1, {0, 1}, "site1"));
    settlement.EndLeg(Held(2, {0}, "site2"));
    settlement.EndLeg(Held(0, {1}, "site1"));
  });
  EXPECT_THAT(Published(), ElementsAre("event", "held", "held"));
  EXPECT_TRUE(test::WaitUntil([&] { return Stored("READY_0") == 0; }));
  EXPECT_EQ(First("HELD_0").subject,
            HeldSubject({0, MailClass::kTransactional, "site1", "default"}, SlotOf(record_.record_id()),
                        MinuteOf(FromProto(record_.mails(0).expire_time()))));
  const v1::Record shelved = RecordIn("HELD_0");
  EXPECT_EQ(shelved.record_id(), record_.record_id());
  ASSERT_EQ(shelved.mails_size(), 2);
  EXPECT_EQ(shelved.mails(0).message_id(), record_.mails(0).message_id());
  EXPECT_EQ(shelved.mails(0).recipients_size(), 2);
  EXPECT_EQ(shelved.mails(1).inline_body().size(), 3'000U) << "bodies stay with their mails";
  EXPECT_EQ(RecordIn("HELD_0", 2).mails_size(), 1);
  for (const v1::Mail& mail : record_.mails()) {
    const auto status = RunToEnd(finder_->Find("default", mail.message_id()));
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_EQ(status->recipients.at(0).state, RecipientState::kHeld);
    EXPECT_EQ(RunToEnd(finder_->FindCopies("default", mail.message_id()))->size(), 1U);
  }
}

TEST_F(SettlementTest, ManyMailsThatWaitForAnHourDoSoInOneRecord) {
  Take(MakeRecord(5, 0, 3'000));
  Settle(5, [&](Settlement& settlement) {
    for (int mail = 0; mail < 5; ++mail) settlement.EndLeg(Waiting(mail, {0, 1}, "first.test"));
  });
  EXPECT_THAT(Published(), ElementsAre("event", "held"));
  const v1::Record shelved = RecordIn("HELD_0");
  ASSERT_EQ(shelved.mails_size(), 5);
  EXPECT_EQ(shelved.mails(4).inline_body().size(), 3'000U) << "bodies stay with their mails";
  const auto status = RunToEnd(finder_->Find("default", record_.mails(3).message_id()));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->recipients.at(0).state, RecipientState::kDeferred);
}

// Who dies meanwhile has told of what was delivered.
TEST_F(SettlementTest, WhatEndsWhileAMoveIsStoredIsToldAtOnce) {
  Take(MakeRecord(3));
  std::promise<void> closed;
  asio::steady_timer mark(context_->executor, asio::steady_timer::time_point::max());
  std::promise<void> moving;
  context_->see_to_mark = [&](ShelfPlace, std::string) -> asio::awaitable<absl::Status> {
    moving.set_value();
    asio::error_code cancelled;
    co_await mark.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    co_return absl::OkStatus();
  };
  std::shared_ptr<Settlement> settlement;
  OnExecutor([&] {
    settlement = std::make_shared<Settlement>(*context_, delivery_, 0, [&] { closed.set_value(); });
    for (int leg = 0; leg < 3; ++leg) settlement->OpenLeg();
    settlement->Start();
    settlement->EndLeg(Held(0, {0, 1}, "site1"));
  });
  moving.get_future().wait();
  OnExecutor([&] { settlement->EndLeg(Delivered(1, {0})); });
  const auto is_told = [&](int mail) {
    const auto status = RunToEnd(finder_->FoldEvents("default", record_.mails(mail).message_id()));
    return status.ok() && !status->recipients.empty() &&
           status->recipients.at(0).state == RecipientState::kDelivered;
  };
  EXPECT_TRUE(test::WaitUntil([&] { return is_told(1); }));
  OnExecutor([&] { settlement->EndLeg(Delivered(2, {0})); });
  EXPECT_TRUE(test::WaitUntil([&] { return is_told(2); }));
  OnExecutor([] {});
  std::future<void> end = closed.get_future();
  EXPECT_EQ(end.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "the move comes first";
  EXPECT_EQ(Stored("READY_0"), 1U);
  OnExecutor([&] { mark.cancel(); });
  end.wait();
  EXPECT_EQ(Stored("HELD_0"), 1U);
  EXPECT_TRUE(test::WaitUntil([&] { return Stored("READY_0") == 0; }));
}

TEST_F(SettlementTest, ABodyLeavesOnceForAllCopiesOfItsMail) {
  Take(MakeRecord(2, 0, 3'000));
  Settle(3, [&](Settlement& settlement) {
    settlement.EndLeg(Waiting(0, {0}, "first.test"));
    settlement.EndLeg(Held(0, {1}, "site1"));
    settlement.EndLeg(Held(1, {0, 1}, "site1"));
  });
  EXPECT_THAT(Published(), ElementsAre("event", "body", "wait", "held"));
  const v1::Record shelved = RecordIn("HELD_0");
  ASSERT_EQ(shelved.mails_size(), 2);
  EXPECT_EQ(shelved.mails(0).body_reference().body_id(),
            RecordIn("WAIT_0").mails(0).body_reference().body_id());
  EXPECT_TRUE(shelved.mails(0).has_body_reference());
  EXPECT_FALSE(shelved.mails(1).has_body_reference());
}

TEST_F(SettlementTest, AReturnedLegTakesTheRecordBackAndWhatEndedIsTold) {
  Take(MakeRecord(1));
  Settle(2, [&](Settlement& settlement) {
    settlement.EndLeg(Delivered(0, {0}));
    settlement.ReturnLeg();
  });
  EXPECT_THAT(Published(), ElementsAre("event"));
  const auto again = Pull("READY_0", "transactional", 2);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->info().delivery_count, 2U);
  const auto status = RunToEnd(finder_->FoldEvents("default", record_.mails(0).message_id()));
  EXPECT_EQ(status->recipients.at(0).state, RecipientState::kDelivered);
}

TEST_F(SettlementTest, WithoutALeaseNothingMovesAndOnlyWhatHappenedIsTold) {
  Take(MakeRecord(3));
  OnExecutor([&] { delivery_->Forfeit(); });
  Settle(3, [&](Settlement& settlement) {
    settlement.EndLeg(Delivered(0, {0, 1}));
    settlement.EndLeg(Held(1, {0, 1}, "site1"));
    settlement.EndLeg(Waiting(2, {0}, "first.test"));
  });
  EXPECT_THAT(Published(), ElementsAre("event"));
  EXPECT_EQ(Stored("HELD_0") + Stored("WAIT_0"), 0U);
  EXPECT_EQ(Stored("READY_0"), 1U);
  v1::EventRecord told;
  ASSERT_TRUE(told.ParseFromString(First("EVENTS_0").data));
  ASSERT_EQ(told.events_size(), 1);
  EXPECT_EQ(told.events(0).type(), v1::EVENT_TYPE_DELIVERED);
}

TEST_F(SettlementTest, AMoveWhoseAnswerIsLostIsStoredOnce) {
  Take(MakeRecord(2));
  LossyBroker lossy(*broker_, "held.");
  lossy.lose = 2;
  SettlementContext context{
      lossy, *finder_, config_, tasks_, stalled_, executor_, context_->domain_of, context_->give_up};
  std::promise<void> closed;
  OnExecutor([&] {
    const auto settlement = std::make_shared<Settlement>(context, delivery_, 0, [&] { closed.set_value(); });
    settlement->OpenLeg();
    settlement->OpenLeg();
    settlement->Start();
    settlement->EndLeg(Held(0, {0, 1}, "site1"));
    settlement->EndLeg(Held(1, {0, 1}, "site1"));
  });
  closed.get_future().wait();
  EXPECT_LT(lossy.lose, 0);
  EXPECT_EQ(Stored("HELD_0"), 1U);
  EXPECT_TRUE(test::WaitUntil([&] { return Stored("READY_0") == 0; }));
}

TEST_F(SettlementTest, AShelfHasItsMarkBeforeItHasARecord) {
  Take(MakeRecord(1));
  std::vector<std::string> marked;
  int failing = 2;
  context_->see_to_mark = [&](ShelfPlace place, std::string name) -> asio::awaitable<absl::Status> {
    EXPECT_EQ(place, (ShelfPlace{0, MailClass::kTransactional, "site1", "default"}));
    marked.push_back(name + (Published() == std::vector<std::string>{"event"} ? " before" : " after"));
    co_return failing-- > 0 ? absl::UnavailableError("no leader") : absl::OkStatus();
  };
  Settle(1, [&](Settlement& settlement) {
    Settlement::LegEnd end = Held(0, {0, 1}, "site1");
    std::get<ToHeld>(end.move->to).site_name = "mx:mx.test:25";
    settlement.EndLeg(std::move(end));
  });
  EXPECT_THAT(marked, ElementsAre("mx:mx.test:25 before", "mx:mx.test:25 before", "mx:mx.test:25 before"));
  EXPECT_THAT(Published(), ElementsAre("event", "held"));
  EXPECT_TRUE(test::WaitUntil([&] { return Stored("READY_0") == 0; }));
}

TEST_F(SettlementTest, WithoutALeaseNobodyWaitsForAMark) {
  Take(MakeRecord(1));
  context_->see_to_mark = [&](ShelfPlace, std::string) -> asio::awaitable<absl::Status> {
    delivery_->Forfeit();
    co_return absl::OkStatus();
  };
  Settle(1, [&](Settlement& settlement) { settlement.EndLeg(Held(0, {0, 1}, "site1")); });
  EXPECT_THAT(Published(), ElementsAre("event"));
  EXPECT_EQ(Stored("HELD_0"), 0U);
  EXPECT_EQ(Stored("READY_0"), 1U);
}

TEST_F(SettlementTest, WhatWaitHasNoRoomForGoesToTheShelfForItsTime) {
  Take(MakeRecord(2, 0, 3'000));
  context_->waiting_full = [] { return true; };
  context_->see_to_mark = [](ShelfPlace place, std::string) -> asio::awaitable<absl::Status> {
    ADD_FAILURE() << "a mark for " << place.site;
    co_return absl::OkStatus();
  };
  Settle(3, [&](Settlement& settlement) {
    settlement.EndLeg(Waiting(0, {0}, "first.test"));
    settlement.EndLeg(Waiting(1, {1}, "second.test"));
    settlement.EndLeg(Waiting(0, {1}, "second.test"));
  });
  EXPECT_THAT(Published(), ElementsAre("event", "held"));
  EXPECT_EQ(Stored("WAIT_0"), 0U);
  const std::optional<OnShelf> shelf = ParseHeld(First("HELD_0").subject);
  ASSERT_TRUE(shelf.has_value());
  EXPECT_EQ(shelf->place.site, kLaterShelf);
  const std::int64_t due = MinuteOf(std::chrono::system_clock::now() + hours(1));
  EXPECT_TRUE(shelf->minute == due + 1 || shelf->minute == due) << shelf->minute - due;
  const v1::Record record = RecordIn("HELD_0");
  ASSERT_EQ(record.mails_size(), 2);
  EXPECT_EQ(record.mails(0).recipients_size(), 2);
  const auto status = RunToEnd(finder_->Find("default", record_.mails(0).message_id()));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->recipients.at(0).state, RecipientState::kDeferred) << "it waits, wherever that is";
}

TEST_F(SettlementTest, ARecordThatLeavesNothingToTellLeavesANote) {
  Take(MakeRecord(1));
  Settle(0, [](Settlement&) {});
  EXPECT_TRUE(test::WaitUntil([&] { return Stored("READY_0") == 0; }));
  v1::EventRecord note;
  ASSERT_TRUE(note.ParseFromString(First("EVENTS_0").data));
  EXPECT_THAT(note.events(), IsEmpty());
  EXPECT_EQ(note.ready().sequence(), delivery_->info().stream_sequence);
}

TEST_F(SettlementTest, AnAcceptanceDoesNotWaitForALegThatTakesLong) {
  Take(MakeRecord(1));
  std::promise<void> closed;
  std::shared_ptr<Settlement> settlement;
  OnExecutor([&] {
    settlement = std::make_shared<Settlement>(*context_, delivery_, 0, [&] { closed.set_value(); });
    settlement->OpenLeg();
    settlement->Accepted({AcceptedEvent(record_.mails(0))});
    settlement->Start();
  });
  EXPECT_TRUE(test::WaitUntil([&] { return Stored("EVENTS_0") == 1; }));
  EXPECT_EQ(Stored("READY_0"), 1U);
  OnExecutor([&] { std::exchange(settlement, nullptr)->EndLeg(Delivered(0, {0, 1})); });
  closed.get_future().wait();
  EXPECT_EQ(Stored("EVENTS_0"), 2U);
  EXPECT_TRUE(test::WaitUntil([&] { return Stored("READY_0") == 0; }));
}

}  // namespace
}  // namespace goniec::queue
