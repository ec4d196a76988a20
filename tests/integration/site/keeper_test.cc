// Several workers' view of sites, and their keepers, on a real queue. The test is the workers' delivery: it
// says what failed and what worked, and takes what is released.
#include "outbound/site/keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <future>
#include <nlohmann/json.hpp>

#include "common/base/task_group.h"
#include "common/mail/ulid.h"
#include "common/net/io_threads.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/kv.h"
#include "common/queue/hold/shelf_marks.h"
#include "common/queue/model/stream_settings.h"
#include "common/queue/model/timestamps.h"
#include "outbound/route/route.h"
#include "outbound/route/router.h"
#include "outbound/site/breaker.h"
#include "outbound/site/cluster.h"
#include "outbound/site/pacing.h"
#include "tests/integration/queue/real_queue.h"
#include "tests/support/fake_resolver.h"

namespace goniec::outbound {
namespace {

using queue::MailClass;
using queue::ShelfPlace;
using Word = queue::v1::SiteWord;

constexpr char kSite[] = "mx:mx.site.test:25";
constexpr std::chrono::milliseconds kPeriod{500};

queue::v1::Outcome Refused() {
  queue::v1::Outcome outcome;
  outcome.set_reason(queue::v1::REASON_CONNECTION_FAILED);
  outcome.set_text("connection refused");
  return outcome;
}

// What a worker has of sites, on a thread of its own.
class Fellow {
 public:
  Fellow(queue::Broker& broker, const std::string& name, std::size_t slots = 1'000)
      : broker_(broker), name_(name), presence_(broker, executor_, tasks_, name, kPeriod) {
    resolver_.Mx("moved.test", {"10 mx.elsewhere.test"});
    resolver_.Addresses("mx.elsewhere.test", {"93.184.216.34"});
    resolver_.Mx("site.test", {"10 mx.site.test"});
    resolver_.Addresses("mx.site.test", {"93.184.216.35"});
    On([this, slots] {
      cluster_ =
          std::make_unique<Cluster>(ClusterParts{executor_, broker_, tasks_, presence_, name_, metrics_});
      marks_ = std::make_unique<queue::ShelfMarks>(broker_, executor_, tasks_);
      keeper_ = std::make_unique<Keeper>(
          KeeperParts{executor_, broker_, *marks_, *cluster_, router_, metrics_, 1, slots});
      cluster_->Start([this] { settled_ = true; });
      keeper_->Start();
    });
  }
  ~Fellow() { Die(); }

  // Says and does nothing more, as after SIGKILL.
  void Die() {
    if (cluster_ == nullptr) return;
    On([this] {
      keeper_->Stop();
      cluster_->Stop();
      marks_->Stop();
      presence_.Stop();
    });
    EXPECT_TRUE(keeper_->WaitFor(std::chrono::seconds(20)));
    EXPECT_TRUE(tasks_.WaitFor(std::chrono::seconds(20)));
    On([this] {
      keeper_.reset();
      marks_.reset();
      cluster_.reset();
    });
  }

  SiteWord View(const std::string& site = kSite) {
    SiteWord view;
    On([&] { view = cluster_->WordOf(site); });
    return view;
  }
  bool Becomes(SiteState state, const std::string& site = kSite) {
    return test::WaitUntil([&] { return View(site).state == state; });
  }
  // WordOf() right after the call.
  SiteWord Failed(std::uint64_t epoch, const std::string& site = kSite) {
    SiteWord view;
    On([&] {
      cluster_->Failed(site, epoch, Refused());
      view = cluster_->WordOf(site);
    });
    return view;
  }
  void Worked(std::uint64_t epoch, const std::string& site = kSite) {
    On([&] { cluster_->Worked(site, epoch); });
  }
  void Contradict(std::uint64_t epoch) {
    On([&] { cluster_->Contradict(kSite, epoch); });
  }
  bool Keeps(const std::string& site = kSite) {
    bool keeps = false;
    On([&] { keeps = cluster_->IsKeeper(SiteToken(site)); });
    return keeps;
  }
  bool KnowsMembers(std::size_t members) {
    return test::WaitUntil([&] {
      std::size_t known = 0;
      On([&] { known = cluster_->members().confirmed ? cluster_->members().names.size() : 0; });
      return known == members && settled_;
    });
  }
  std::future<absl::StatusOr<std::optional<Word>>> BeginProbe(WallTime now) {
    std::future<absl::StatusOr<std::optional<Word>>> begun;
    On([&] {
      begun = asio::co_spawn(executor_,
                             cluster_->words().Change(SiteToken(kSite),
                                                      [this, now](const std::optional<Word>& word) {
                                                        return outbound::BeginProbe(word, name_, now);
                                                      }),
                             asio::use_future);
    });
    return begun;
  }
  void SeeToMark(const ShelfPlace& place, const std::string& site = kSite) {
    EXPECT_TRUE(asio::co_spawn(executor_, marks_->SeeTo(place, site), asio::use_future).get().ok());
  }
  std::string Metrics() { return metrics_.Render(); }

 private:
  void On(const std::function<void()>& run) {
    std::promise<void> done;
    asio::post(executor_, [&] {
      run();
      done.set_value();
    });
    done.get_future().get();
  }

  queue::Broker& broker_;
  const std::string name_;
  observe::Metrics metrics_;
  net::IoThreads thread_{1};
  asio::any_io_executor executor_ = thread_.context(0).get_executor();
  TaskGroup tasks_;
  test::FakeResolver resolver_;
  Router router_{RouteConfig(), resolver_, {}};
  queue::Presence presence_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<queue::ShelfMarks> marks_;
  std::unique_ptr<Keeper> keeper_;
  std::atomic<bool> settled_{false};
};

class KeeperTest : public queue::RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
  }

  static ShelfPlace Place(MailClass mail_class = MailClass::kTransactional, const std::string& site = kSite) {
    return {0, mail_class, SiteToken(site), "default"};
  }
  // A record with one mail on the site's shelf.
  void StoreOnShelf(const std::string& domain = "site.test", MailClass mail_class = MailClass::kTransactional,
                    const std::string& site = kSite) {
    const WallTime now = std::chrono::system_clock::now();
    queue::v1::Record record;
    record.set_record_id(mail::NewRecordId(now));
    queue::v1::Mail& mail = *record.add_mails();
    mail.set_message_id(mail::MessageIdOf(record.record_id(), 0));
    mail.add_recipients()->set_address("somebody@" + domain);
    mail.set_generation(1);
    Store({queue::HeldSubject(Place(mail_class, site), queue::SlotOf(record.record_id()),
                              queue::MinuteOf(now + std::chrono::hours(1))),
           std::make_shared<const std::string>(record.SerializeAsString()),
           {}});
  }
  void StoreOnShelf(int records) {
    for (int i = 0; i < records; ++i) StoreOnShelf();
  }
  std::uint64_t OnShelf() { return Stored("HELD_0"); }
  std::uint64_t Released() { return Stored("WAIT_0"); }
  std::uint64_t Stored(const std::string& stream) {
    return nlohmann::json::parse(Api("STREAM.INFO." + stream))["state"]["messages"];
  }
  // As a worker that is through with all that was released.
  void TakeReleased() { (void)Api("STREAM.PURGE.WAIT_0"); }
  // The shelf empties while a worker takes what is released; returns the most that was released at a time.
  std::uint64_t EmptyTheShelf() {
    std::uint64_t most = 0;
    EXPECT_TRUE(test::WaitUntil([&] {
      most = std::max(most, Released());
      TakeReleased();
      return OnShelf() == 0 && Released() == 0;
    }));
    return most;
  }
  // Of the one record that was released as a probe.
  std::uint64_t ProbeEpoch() {
    const auto info = RunToEnd(queue::GetNextMessage(*broker_, "WAIT_0", "due.>"));
    if (!info.ok()) return 0;
    for (const auto& [name, value] : info->headers) {
      if (name == queue::kHeaderProbe) return std::stoull(value);
    }
    return 0;
  }
  // Closed, the next probe due in a moment.
  void StoreClosed(std::uint64_t epoch = 1, std::uint32_t version = kWordVersion,
                   const std::string& site = kSite) {
    Word word;
    word.set_version(version);
    word.set_state(Word::STATE_CLOSED);
    word.set_epoch(epoch);
    word.set_site(site);
    word.set_failures(1);
    *word.mutable_since() = queue::ToProto(std::chrono::system_clock::now());
    *word.mutable_next_probe_time() = queue::ToProto(std::chrono::system_clock::now());
    StoreWord(word.SerializeAsString(), site);
  }
  void StoreWord(const std::string& bytes, const std::string& site = kSite) {
    const auto stored =
        RunToEnd(queue::KvPut(*broker_, queue::kControlBucket, WordKey(SiteToken(site)), bytes));
    ASSERT_TRUE(stored.ok()) << stored.status();
  }
  std::string StoredWord() {
    const auto entry = RunToEnd(queue::KvGet(*broker_, queue::kControlBucket, WordKey(SiteToken(kSite))));
    return entry.ok() ? entry->value : std::string();
  }
};

TEST_F(KeeperTest, ASiteThatFailsAtOneIsClosedForAll) {
  Fellow a(*broker_, "a");
  Fellow b(*broker_, "b");
  ASSERT_TRUE(a.KnowsMembers(2) && b.KnowsMembers(2));
  EXPECT_EQ(a.Failed(0).state, SiteState::kClosed) << "known at once where it failed";
  EXPECT_TRUE(b.Becomes(SiteState::kClosed));
  EXPECT_EQ(b.View().epoch, 1U);
  EXPECT_EQ(b.Failed(0).epoch, 1U) << "began before it was closed";
}

TEST_F(KeeperTest, WhoSeesItAtWorkOpensItAgain) {
  Fellow a(*broker_, "a");
  Fellow b(*broker_, "b");
  ASSERT_TRUE(a.KnowsMembers(2) && b.KnowsMembers(2));
  (void)a.Failed(0);
  ASSERT_TRUE(b.Becomes(SiteState::kClosed));
  b.Contradict(1);
  EXPECT_EQ(b.View().state, SiteState::kOpen);
  EXPECT_TRUE(a.Becomes(SiteState::kOpen));
  EXPECT_EQ(a.View().epoch, 2U);
}

TEST_F(KeeperTest, WhoMayHaveLostItsOwnNetworkClosesNothing) {
  Fellow a(*broker_, "a");
  ASSERT_TRUE(a.KnowsMembers(1));
  for (int i = 1; i <= 4; ++i) {
    EXPECT_EQ(a.Failed(0, "mx:dead" + std::to_string(i) + ".test:25").state, SiteState::kClosed);
  }
  EXPECT_EQ(a.Failed(0).state, SiteState::kOpen);
  a.Worked(0, "mx:good.test:25");
  EXPECT_EQ(a.Failed(0).state, SiteState::kClosed);
}

TEST_F(KeeperTest, OneOfTwoThatBeginAProbeDoes) {
  StoreClosed(7);
  Fellow a(*broker_, "a");
  Fellow b(*broker_, "b");
  ASSERT_TRUE(a.Becomes(SiteState::kClosed) && b.Becomes(SiteState::kClosed));
  for (int round = 0; round < 5; ++round) {
    auto first = a.BeginProbe(std::chrono::system_clock::now() + std::chrono::seconds(1));
    auto second = b.BeginProbe(std::chrono::system_clock::now() + std::chrono::seconds(1));
    const auto from_a = first.get();
    const auto from_b = second.get();
    ASSERT_TRUE(from_a.ok() && from_b.ok()) << from_a.status() << from_b.status();
    EXPECT_NE(from_a->has_value(), from_b->has_value());
    const SiteWord closed{SiteState::kClosed, 20 + 10 * static_cast<std::uint64_t>(round)};
    StoreClosed(closed.epoch);
    ASSERT_TRUE(test::WaitUntil([&] { return a.View() == closed && b.View() == closed; }));
  }
}

TEST_F(KeeperTest, OneProbeOpensTheSiteAndThenItsShelfEmpties) {
  StoreOnShelf(30);
  Fellow a(*broker_, "a");
  Fellow b(*broker_, "b");
  ASSERT_TRUE(a.KnowsMembers(2) && b.KnowsMembers(2));
  StoreClosed();
  a.SeeToMark(Place());
  ASSERT_TRUE(a.Becomes(SiteState::kProbing));
  ASSERT_TRUE(test::WaitUntil([&] { return Released() == 1 && OnShelf() == 29; }));
  EXPECT_EQ(ProbeEpoch(), 2U);
  // Whoever had it says so, and not the keeper.
  Fellow& other = a.Keeps() ? b : a;
  other.Worked(1);
  other.Worked(2);
  TakeReleased();
  EXPECT_TRUE(a.Becomes(SiteState::kOpen));
  EXPECT_GE(EmptyTheShelf(), 2U);
  Fellow& keeper = a.Keeps() ? a : b;
  EXPECT_THAT(keeper.Metrics(), testing::HasSubstr("goniec_probes_total{result=\"worked\"} 1"));
  EXPECT_THAT(keeper.Metrics(), testing::HasSubstr("goniec_released_total 30"));
}

TEST_F(KeeperTest, AProbeThatFailsLeavesTheRestOnTheShelf) {
  StoreOnShelf(3);
  Fellow a(*broker_, "a");
  ASSERT_TRUE(a.KnowsMembers(1));
  StoreClosed();
  a.SeeToMark(Place());
  ASSERT_TRUE(test::WaitUntil([&] { return Released() == 1; }));
  EXPECT_EQ(a.Failed(2).epoch, 3U);
  TakeReleased();
  EXPECT_TRUE(
      test::WaitUntil([&] { return StoredWord().size() > 0 && ParseWord(StoredWord())->failures() == 2; }));
  EXPECT_EQ(OnShelf(), 2U);
  EXPECT_EQ(Released(), 0U);
}

TEST_F(KeeperTest, AProbeThatIsNowhereIsLost) {
  StoreOnShelf(2);
  Fellow a(*broker_, "a");
  ASSERT_TRUE(a.KnowsMembers(1));
  StoreClosed();
  a.SeeToMark(Place());
  ASSERT_TRUE(test::WaitUntil([&] { return Released() == 1; }));
  TakeReleased();
  ASSERT_TRUE(test::WaitUntil([&] { return a.View().epoch == 3; }, std::chrono::seconds(60)));
  EXPECT_TRUE(test::WaitUntil(
      [&] { return a.Metrics().find("goniec_probes_total{result=\"lost\"} 1") != std::string::npos; }));
}

TEST_F(KeeperTest, AnotherKeepsTheSiteWhenItsKeeperIsGone) {
  Fellow a(*broker_, "a");
  Fellow b(*broker_, "b");
  ASSERT_TRUE(a.KnowsMembers(2) && b.KnowsMembers(2));
  ASSERT_NE(a.Keeps(), b.Keeps());
  Fellow& first = a.Keeps() ? a : b;
  Fellow& second = a.Keeps() ? b : a;
  second.SeeToMark(Place());
  first.Die();
  StoreOnShelf(5);
  (void)EmptyTheShelf();
  EXPECT_TRUE(second.Keeps());
}

TEST_F(KeeperTest, TransactionalMailIsReleasedBeforeBulk) {
  for (int i = 0; i < 3; ++i) StoreOnShelf("site.test", MailClass::kBulk);
  for (int i = 0; i < 3; ++i) StoreOnShelf();
  StoreClosed();
  Fellow a(*broker_, "a");
  ASSERT_TRUE(a.KnowsMembers(1));
  a.SeeToMark(Place(MailClass::kBulk));
  a.SeeToMark(Place());
  ASSERT_TRUE(test::WaitUntil([&] { return Released() == 1; }));
  a.Worked(2);
  ASSERT_TRUE(a.Becomes(SiteState::kOpen));
  // One at a time, for nothing of it ends.
  const auto first = RunToEnd(queue::GetNextMessage(*broker_, "WAIT_0", "due.0.held.>"));
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(first->subject, testing::HasSubstr(".transactional."));
}

TEST_F(KeeperTest, WhatRoutesElsewhereLeavesAClosedSite) {
  StoreOnShelf(3);
  StoreOnShelf("moved.test");
  StoreOnShelf(2);
  Fellow a(*broker_, "a");
  ASSERT_TRUE(a.KnowsMembers(1));
  StoreClosed();
  a.SeeToMark(Place());
  // The probe, and the one that has moved.
  EXPECT_TRUE(test::WaitUntil([&] { return Released() == 2 && OnShelf() == 4; }));
}

// One that drains nothing has all that is ours, and a closed one its probe.
TEST_F(KeeperTest, ASiteThatTakesMailIsFoundBesideStuckAndClosedOnes) {
  const std::string closed = "mx:mx.closed.test:25";
  const std::string good = "mx:mx.good.test:25";
  Fellow a(*broker_, "a", 8);
  ASSERT_TRUE(a.KnowsMembers(1));
  StoreOnShelf();
  a.SeeToMark(Place());
  ASSERT_TRUE(test::WaitUntil([&] { return Released() == 1; }));
  const BootTime stuck = BootClock::now() + kStuckAfter + 4 * kKeeperTick;
  StoreClosed(1, kWordVersion, closed);
  StoreOnShelf("closed.test", MailClass::kTransactional, closed);
  a.SeeToMark(Place(MailClass::kTransactional, closed), closed);
  ASSERT_TRUE(test::WaitUntil([&] { return Released() == 2 && BootClock::now() > stuck; }));
  StoreOnShelf("good.test", MailClass::kTransactional, good);
  a.SeeToMark(Place(MailClass::kTransactional, good), good);
  EXPECT_TRUE(test::WaitUntil([&] { return OnShelf() == 0; }));
}

// A round for each probe would keep the last of them for hours.
TEST_F(KeeperTest, AllThatRoutesElsewhereLeavesAClosedSiteBeforeItIsProbedAgain) {
  StoreOnShelf(1);
  for (int i = 0; i < 250; ++i) StoreOnShelf("moved.test");
  Fellow a(*broker_, "a");
  ASSERT_TRUE(a.KnowsMembers(1));
  StoreClosed();
  a.SeeToMark(Place());
  ASSERT_TRUE(test::WaitUntil([&] { return Released() > 0; }));
  a.Failed(2);
  (void)EmptyTheShelf();
  EXPECT_LT(a.View().epoch, 6U) << "by then there were three probes";
}

TEST_F(KeeperTest, AWordThatCannotBeReadLeavesTheSiteAsItWas) {
  StoreClosed(7);
  Fellow a(*broker_, "a");
  ASSERT_TRUE(a.Becomes(SiteState::kClosed));
  StoreWord("\xff\xff");
  StoreClosed(9, kWordVersion + 1);
  const std::string later = StoredWord();
  ASSERT_TRUE(test::WaitUntil([&] { return a.Failed(9).epoch == 7; }));
  EXPECT_EQ(a.View().state, SiteState::kClosed);
  a.Worked(9);
  a.Worked(8);
  auto probe = a.BeginProbe(std::chrono::system_clock::now() + std::chrono::hours(1));
  const auto begun = probe.get();
  ASSERT_TRUE(begun.ok());
  EXPECT_FALSE(begun->has_value());
  EXPECT_EQ(StoredWord(), later) << "a later version's";
}

}  // namespace
}  // namespace goniec::outbound
