#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/queue/publish/publisher_fixture.h"

namespace goniec::queue {
namespace {

TEST_F(PublisherTest, ACommittedMailIsInTheStreamUnderItsId) {
  Make();
  const auto committed = CommitOne(MakeMail());
  ASSERT_TRUE(committed.ok()) << committed.status();
  const std::vector<v1::Record> records = StoredRecords();
  ASSERT_EQ(records.size(), 1U);
  const v1::Mail& mail = records[0].mails(0);
  EXPECT_EQ(mail.message_id(), committed->message_id);
  EXPECT_EQ(records[0].record_id(), committed->message_id.substr(0, kRecordIdLength));
  EXPECT_EQ(mail.head(), absl::StrCat("X-Id: ", committed->message_id, "\r\n"))
      << "the placeholder is the id now";
  EXPECT_EQ(mail.size_bytes(), mail.head().size() + 1'000);
  EXPECT_EQ(mail.recipient_count(), 1U);
  EXPECT_TRUE(mail.has_accept_time());
}

TEST_F(PublisherTest, ACrowdSharesFewRecords) {
  Make();
  Answers answers;
  for (int i = 0; i < 100; ++i) publisher_->Commit(MakeMail(), answers.Take());
  ASSERT_TRUE(test::WaitUntil([&] { return answers.size() == 100; }));
  std::set<std::string> ids;
  for (const auto& answer : answers.all()) {
    ASSERT_TRUE(answer.ok()) << answer.status();
    ids.insert(answer->message_id);
  }
  EXPECT_EQ(ids.size(), 100U);
  const std::vector<v1::Record> records = StoredRecords();
  EXPECT_LE(records.size(), 10U) << "100 mails, one commit in flight: far fewer records than mails";
  int mails = 0;
  for (const v1::Record& record : records) {
    EXPECT_LE(record.mails_size(), mail::kMaxMailsPerRecord);
    mails += record.mails_size();
  }
  EXPECT_EQ(mails, 100);
}

TEST_F(PublisherTest, NobodyIsAnsweredBeforeTheRecordIsAcknowledged) {
  Make();
  server_->Freeze();
  Answers answers;
  for (int i = 0; i < 10; ++i) publisher_->Commit(MakeMail(), answers.Take());
  // The first commit is on its way when its repetition is.
  ASSERT_TRUE(test::WaitUntil([&] { return publisher_->stats().resends > 0; }));
  EXPECT_EQ(answers.size(), 0U);
  server_->Thaw();
  ASSERT_TRUE(test::WaitUntil([&] { return answers.size() == 10; }));
  for (const auto& answer : answers.all()) EXPECT_TRUE(answer.ok()) << answer.status();
  std::size_t mails = 0;
  for (const v1::Record& record : StoredRecords()) mails += static_cast<std::size_t>(record.mails_size());
  EXPECT_EQ(mails, 10U) << "what was repeated is there once";
}

TEST_F(PublisherTest, ALostAnswerLeadsToTheSameRecordOnce) {
  Make();
  lossy_->lose = 2;
  const auto committed = CommitOne(MakeMail());
  ASSERT_TRUE(committed.ok()) << committed.status();
  EXPECT_EQ(publisher_->stats().resends, 2U);
  EXPECT_EQ(StoredRecords().size(), 1U);
}

TEST_F(PublisherTest, ARefusedCommitFailsItsOwnMailsAlone) {
  Make();
  std::atomic<int> publishes{0};
  lossy_->answer = [&](const std::string& subject) -> std::optional<IncomingMessage> {
    if (!subject.starts_with("ready.") || publishes++ != 0) return std::nullopt;
    IncomingMessage refusal;
    refusal.data = R"({"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}})";
    return refusal;
  };
  Answers first;
  Answers second;
  publisher_->Commit(MakeMail(), first.Take());
  ASSERT_TRUE(test::WaitUntil([&] { return first.size() == 1; }));
  publisher_->Commit(MakeMail(), second.Take());
  ASSERT_TRUE(test::WaitUntil([&] { return second.size() == 1; }));
  EXPECT_TRUE(absl::IsResourceExhausted(first.all()[0].status())) << first.all()[0].status();
  EXPECT_TRUE(second.all()[0].ok()) << second.all()[0].status();
  EXPECT_EQ(StoredRecords().size(), 1U);
}

TEST_F(PublisherTest, WithoutABrokerItRefusesAtOnceAndGoesOnWhenItIsBack) {
  Make();
  server_->Kill();
  ASSERT_TRUE(test::WaitUntil([&] { return !broker_->connected(); }));
  EXPECT_TRUE(absl::IsUnavailable(CommitOne(MakeMail()).status()));
  EXPECT_EQ(publisher_->stats().unknown, 0U) << "it was certain that nothing was sent";
  ASSERT_TRUE(server_->StartAgain().ok());
  ASSERT_TRUE(test::WaitUntil([&] { return broker_->connected(); }));
  EXPECT_TRUE(CommitOne(MakeMail()).ok());
}

TEST_F(PublisherTest, ACommitThatIsCutOffIsFinishedAfterTheRestart) {
  Make();
  server_->Freeze();
  Answers answers;
  publisher_->Commit(MakeMail(), answers.Take());
  ASSERT_TRUE(test::WaitUntil([&] { return publisher_->stats().resends > 0; }));
  server_->Thaw();
  server_->Kill();
  ASSERT_TRUE(server_->StartAgain().ok());
  ASSERT_TRUE(test::WaitUntil([&] { return answers.size() == 1; }));
  EXPECT_TRUE(answers.all()[0].ok()) << answers.all()[0].status();
  EXPECT_EQ(StoredRecords().size(), 1U);
}

TEST_F(PublisherTest, AnUnansweredCommitIsGivenUpAsUnknown) {
  config_.commit_repeat = std::chrono::milliseconds(100);
  config_.commit_limit = std::chrono::milliseconds(500);
  Make();
  server_->Freeze();
  Answers answers;
  publisher_->Commit(MakeMail(), answers.Take());
  ASSERT_TRUE(test::WaitUntil([&] { return answers.size() == 1; }));
  EXPECT_TRUE(absl::IsDeadlineExceeded(answers.all()[0].status())) << answers.all()[0].status();
  EXPECT_EQ(publisher_->stats().unknown, 1U);
  server_->Thaw();
}

TEST_F(PublisherTest, InAClusterACommitWaitsForTheStreamsNextLeader) {
  LeaderlessBroker& broker = MakeLeaderless();
  publisher_ = Publisher::Create(broker, config_, nullptr, clock_);
  broker.leaderless = 3;
  const auto committed = CommitOne(MakeMail());
  ASSERT_TRUE(committed.ok()) << committed.status();
  EXPECT_LE(broker.leaderless, 0);
  EXPECT_EQ(StoredRecords().size(), 1U);
}

TEST_F(PublisherTest, ACommitThatFindsNoLeaderIsGivenUpAsNotStored) {
  LeaderlessBroker& broker = MakeLeaderless();
  config_.commit_limit = std::chrono::milliseconds(500);
  publisher_ = Publisher::Create(broker, config_, nullptr, clock_);
  broker.leaderless = 1'000'000;
  const auto committed = CommitOne(MakeMail());
  EXPECT_TRUE(absl::IsUnavailable(committed.status())) << committed.status();
  EXPECT_EQ(publisher_->stats().unknown, 0U);
  EXPECT_GT(publisher_->stats().resends, 0U);
}

TEST_F(PublisherTest, OnASingleServerNobodyWaitsForALeader) {
  LeaderlessBroker& broker = MakeLeaderless();
  broker.in_cluster = false;
  publisher_ = Publisher::Create(broker, config_, nullptr, clock_);
  broker.leaderless = 1'000'000;
  EXPECT_TRUE(absl::IsUnavailable(CommitOne(MakeMail()).status()));
  EXPECT_EQ(publisher_->stats().resends, 0U);
}

// A server whose disk is full keeps the connection and answers no publish.
TEST_F(PublisherTest, ASilentStoreRefusesAtOnceUntilItAnswers) {
  config_.commit_repeat = std::chrono::milliseconds(50);
  Make();
  std::atomic<int> changes{0};
  std::atomic<bool> silent{false};
  publisher_->OnSilence([&](bool is) {
    silent = is;
    ++changes;
  });
  lossy_->lose = 1'000'000;
  Answers answers;
  publisher_->Commit(MakeMail(), answers.Take());
  ASSERT_TRUE(test::WaitUntil([&] { return publisher_->stats().resends > 0; }));
  EXPECT_TRUE(publisher_->Admit(MailClass::kTransactional).ok());  // not at the first lost answer
  clock_.Jump(config_.commit_limit / 2);
  ASSERT_TRUE(test::WaitUntil([&] { return silent.load(); }));
  EXPECT_TRUE(absl::IsUnavailable(publisher_->Admit(MailClass::kTransactional)));
  EXPECT_TRUE(absl::IsUnavailable(CommitOne(MakeMail()).status()));
  EXPECT_EQ(answers.size(), 0U);  // the one on its way is not given up for that
  lossy_->lose = 0;
  ASSERT_TRUE(test::WaitUntil([&] { return !silent; }));
  EXPECT_TRUE(CommitOne(MakeMail()).ok());
  ASSERT_TRUE(test::WaitUntil([&] { return answers.size() == 1; }));
  EXPECT_TRUE(answers.all()[0].ok());
  EXPECT_EQ(changes, 2);
}

TEST_F(PublisherTest, ARecordThatBecameOldBeforeItWasSentIsNotSent) {
  Make();
  // As if the process had been stopped between forming the record and sending it.
  lossy_->before = [&](const std::string& subject) {
    if (subject.starts_with("ready.")) clock_.Jump(config_.commit_limit);
  };
  EXPECT_TRUE(absl::IsUnavailable(CommitOne(MakeMail()).status()));
  EXPECT_EQ(publisher_->stats().unknown, 0U);
  EXPECT_THAT(StoredRecords(), IsEmpty());
}

TEST_F(PublisherTest, AFullQueueIsResourceExhausted) {
  config_.capacity_bytes = 1 << 20;
  ProvisionAll();
  Make();
  absl::Status last;
  for (int i = 0; i < 30 && last.ok(); ++i) last = CommitOne(MakeMail(100'000)).status();
  EXPECT_TRUE(absl::IsResourceExhausted(last)) << last;
}

TEST_F(PublisherTest, WhatWaitsIsBounded) {
  config_.pending_bytes = 50'000;
  Make();
  server_->Freeze();
  Answers answers;
  for (int i = 0; i < 6; ++i) publisher_->Commit(MakeMail(10'000), answers.Take());
  ASSERT_TRUE(test::WaitUntil([&] { return answers.size() == 2; }));
  for (const auto& answer : answers.all())
    EXPECT_TRUE(absl::IsResourceExhausted(answer.status())) << answer.status();
  EXPECT_LE(publisher_->stats().pending_bytes, 50'000U);
  server_->Thaw();
  ASSERT_TRUE(test::WaitUntil([&] { return answers.size() == 6; }));
  EXPECT_EQ(publisher_->stats().pending_bytes, 0U);
}

TEST_F(PublisherTest, AnEnvelopeOverTheLimitIsInvalid) {
  Make();
  v1::Mail mail = MakeMail();
  mail.set_head(std::string(kMaxEnvelopeBytes + 1, 'h'));
  EXPECT_TRUE(absl::IsInvalidArgument(CommitOne(std::move(mail)).status()));
}

TEST_F(PublisherTest, DrainRefusesWhatComesAndWaitsForWhatIsThere) {
  Make();
  server_->Freeze();
  Answers answers;
  publisher_->Commit(MakeMail(), answers.Take());
  std::atomic<bool> drained{false};
  publisher_->Drain([&] { drained = true; });
  ASSERT_TRUE(test::WaitUntil([&] { return publisher_->stats().resends > 0; }));
  EXPECT_FALSE(drained);
  publisher_->Commit(MakeMail(), answers.Take());
  ASSERT_TRUE(test::WaitUntil([&] { return answers.size() == 1; }));
  EXPECT_TRUE(absl::IsUnavailable(answers.all()[0].status()));
  server_->Thaw();
  ASSERT_TRUE(test::WaitUntil([&] { return drained.load(); }));
  EXPECT_EQ(answers.size(), 2U);
}

TEST_F(PublisherTest, DrainWaitsForMailThatPauses) {
  Make();
  server_->Freeze();
  Answers answers;
  // Both in one record: its thread is busy until they are there.
  asio::post(lossy_->executor(), [&] {
    publisher_->Commit(MakeMail(), answers.Take());
    publisher_->Commit(MakeMail(), answers.Take());
  });
  ASSERT_TRUE(test::WaitUntil([&] { return publisher_->stats().resends > 0; }));
  publisher_->Commit(MakeMail(), answers.Take());
  std::atomic<int> answered{-1};
  publisher_->Drain([&] { answered = static_cast<int>(answers.size()); });
  server_->Thaw();
  ASSERT_TRUE(test::WaitUntil([&] { return answered >= 0; }));
  EXPECT_EQ(answered, 3);
  EXPECT_EQ(publisher_->stats().mails, 3U);
}

// The end of a pause may lie between any two looks at the clock.
TEST_F(PublisherTest, AMailThatComesInAPauseIsSentWheneverItEnds) {
  const StridingClock clock;
  const auto look = [&clock](std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) (void)clock.Boot();
  };
  // A commit takes long enough for a pause of several looks.
  lossy_->answer = [&](const std::string& subject) -> std::optional<IncomingMessage> {
    if (subject.starts_with("ready.")) look(12);
    return std::nullopt;
  };
  publisher_ = Publisher::Create(*lossy_, config_, nullptr, clock);
  for (std::size_t round = 0; round < 40; ++round) {
    Answers answers;
    asio::post(lossy_->executor(), [&] {
      publisher_->Commit(MakeMail(), answers.Take());
      publisher_->Commit(MakeMail(), answers.Take());
    });
    ASSERT_TRUE(test::WaitUntil([&] { return answers.size() == 2; }));
    // Looks at the clock move it: the mail comes at another place of the pause in each round.
    look(round % 16);
    publisher_->Commit(MakeMail(), answers.Take());
    ASSERT_TRUE(test::WaitUntil([&] { return answers.size() == 3; })) << "round " << round;
    for (const auto& answer : answers.all()) EXPECT_TRUE(answer.ok()) << answer.status();
  }
}

// A refusal on the spot leaves its turn to others, the connection's return among them.
TEST_F(PublisherTest, WhoCommitsAgainAtOnceKeepsTheConnectionFromNothing) {
  Make();
  server_->Kill();
  ASSERT_TRUE(test::WaitUntil([&] { return !broker_->connected(); }));
  std::atomic<bool> stored{false};
  std::function<void(absl::StatusOr<Committed>)> again = [&](absl::StatusOr<Committed> answer) {
    if (answer.ok()) {
      stored = true;
    } else {
      publisher_->Commit(MakeMail(), again);
    }
  };
  publisher_->Commit(MakeMail(), again);
  ASSERT_TRUE(server_->StartAgain().ok());
  EXPECT_TRUE(test::WaitUntil([&] { return stored.load(); }));
}

}  // namespace
}  // namespace goniec::queue
