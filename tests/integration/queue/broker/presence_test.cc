#include "common/queue/broker/presence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/use_future.hpp>
#include <future>

#include "common/base/task_group.h"
#include "common/net/io_threads.h"
#include "common/queue/broker/kv.h"
#include "common/queue/model/stream_settings.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

using Names = std::vector<std::string>;

constexpr std::chrono::milliseconds kPeriod{600};

// A worker's presence on a thread of its own, and what it ever was.
class Worker {
 public:
  Worker(Broker& broker, const std::string& name) {
    presence_ = std::make_unique<Presence>(broker, executor_, tasks_, name, kPeriod);
    OnExecutor([this] { presence_->Start([this] { changes_.push_back(presence_->Now()); }); });
  }
  ~Worker() { Die(); }

  // Says nothing more, as after SIGKILL.
  void Die() {
    if (presence_ == nullptr) return;
    OnExecutor([this] { presence_->Stop(); });
    EXPECT_TRUE(tasks_.WaitFor(std::chrono::seconds(10)));
    OnExecutor([this] { presence_.reset(); });
  }
  void Leave() { asio::co_spawn(executor_, presence_->Leave(), asio::use_future).get(); }
  Members Now() {
    Members members;
    OnExecutor([&] { members = presence_->Now(); });
    return members;
  }
  std::vector<Members> Changes() {
    std::vector<Members> changes;
    OnExecutor([&] { changes = changes_; });
    return changes;
  }
  bool Becomes(const Names& names) {
    return test::WaitUntil([&] {
      const Members members = Now();
      return members.confirmed && members.names == names;
    });
  }
  // The first thing that the thread does when it goes on.
  Members NowAfter(const std::function<void()>& run) {
    std::promise<void> go_on;
    std::promise<Members> seen;
    asio::post(executor_, [this, &seen, waits = go_on.get_future().share()] {
      waits.wait();
      seen.set_value(presence_->Now());
    });
    run();
    go_on.set_value();
    return seen.get_future().get();
  }

 private:
  void OnExecutor(const std::function<void()>& run) {
    std::promise<void> done;
    asio::post(executor_, [&] {
      run();
      done.set_value();
    });
    done.get_future().wait();
  }

  net::IoThreads thread_{1};
  asio::any_io_executor executor_ = thread_.context(0).get_executor();
  TaskGroup tasks_;
  std::vector<Members> changes_;
  std::unique_ptr<Presence> presence_;
};

class PresenceTest : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
  }
};

TEST_F(PresenceTest, AloneItCountsAtOnce) {
  Worker worker(*broker_, "a");
  ASSERT_TRUE(worker.Becomes({"a"}));
  const std::vector<Members> changes = worker.Changes();
  ASSERT_EQ(changes.size(), 1U) << "it was told once, when it was so";
  EXPECT_TRUE(changes[0].confirmed);
}

TEST_F(PresenceTest, ANewcomerBesideAnotherCountsOnlyOnceTheOtherHasMadeRoom) {
  Worker first(*broker_, "a");
  ASSERT_TRUE(first.Becomes({"a"}));
  const BootTime began = BootClock::now();
  Worker second(*broker_, "b");
  ASSERT_TRUE(first.Becomes({"a", "b"}));
  ASSERT_TRUE(second.Becomes({"a", "b"}));
  EXPECT_GE(BootClock::now() - began, kPeriod * 3 / 2);
  for (const Members& members : second.Changes()) {
    EXPECT_EQ(members.confirmed, members.names == (Names{"a", "b"}));
  }
  for (const Members& members : first.Changes()) EXPECT_TRUE(members.Counts());
}

TEST_F(PresenceTest, OfTwoThatStartTogetherNeverBothBelieveThatTheyAreAlone) {
  for (int round = 0; round < 5; ++round) {
    auto other_broker = Connect(config_);
    Worker first(*broker_, "a" + std::to_string(round));
    Worker second(*other_broker, "b" + std::to_string(round));
    const Names both = {"a" + std::to_string(round), "b" + std::to_string(round)};
    ASSERT_TRUE(first.Becomes(both));
    ASSERT_TRUE(second.Becomes(both));
    int alone = 0;
    for (Worker* worker : {&first, &second}) {
      const std::vector<Members> changes = worker->Changes();
      alone += std::any_of(changes.begin(), changes.end(),
                           [](const Members& m) { return m.confirmed && m.names.size() == 1; })
                   ? 1
                   : 0;
    }
    EXPECT_LE(alone, 1);
    first.Leave();
    second.Leave();
    second.Die();
  }
}

TEST_F(PresenceTest, AKilledOneIsGoneAfterAWhile) {
  auto broker = Connect(config_);
  Worker first(*broker_, "a");
  ASSERT_TRUE(first.Becomes({"a"}));
  Worker second(*broker, "b");
  ASSERT_TRUE(second.Becomes({"a", "b"}));
  second.Die();
  EXPECT_TRUE(first.Becomes({"a"}));
}

TEST_F(PresenceTest, OneThatLeavesIsGoneAtOnce) {
  auto broker = Connect(config_);
  Worker first(*broker_, "a");
  ASSERT_TRUE(first.Becomes({"a"}));
  Worker second(*broker, "b");
  ASSERT_TRUE(second.Becomes({"a", "b"}));
  second.Leave();
  EXPECT_FALSE(second.Now().confirmed);
  EXPECT_FALSE(second.Now().Counts());
  EXPECT_TRUE(RunToEnd(KvGet(*broker_, kPresenceBucket, "worker.b"))->deleted);
  ASSERT_TRUE(first.Becomes({"a"}));
  // No word follows.
  std::uint64_t revision = RunToEnd(KvGet(*broker_, kPresenceBucket, "worker.b"))->revision;
  Worker third(*broker, "c");
  ASSERT_TRUE(third.Becomes({"a", "c"}));
  EXPECT_EQ(RunToEnd(KvGet(*broker_, kPresenceBucket, "worker.b"))->revision, revision);
}

// A restart that left properly is not waited for.
TEST_F(PresenceTest, BesideTheTraceOfOneThatLeftANewcomerIsAlone) {
  Worker first(*broker_, "a");
  ASSERT_TRUE(first.Becomes({"a"}));
  first.Leave();
  first.Die();
  Worker second(*broker_, "b");
  ASSERT_TRUE(second.Becomes({"b"}));
  EXPECT_EQ(second.Changes().size(), 1U) << "nothing else was told before";
}

TEST_F(PresenceTest, WithoutTheBrokerNobodyIsConfirmedAndWhatWasKnownStays) {
  auto broker = Connect(config_);
  Worker first(*broker_, "a");
  ASSERT_TRUE(first.Becomes({"a"}));
  Worker second(*broker, "b");
  ASSERT_TRUE(first.Becomes({"a", "b"}));
  ASSERT_TRUE(second.Becomes({"a", "b"}));
  server_->Kill();
  for (Worker* worker : {&first, &second}) {
    ASSERT_TRUE(test::WaitUntil([&] { return !worker->Now().confirmed; }));
    EXPECT_EQ(worker->Now().names, (Names{"a", "b"}));
    EXPECT_FALSE(worker->Changes().back().confirmed);
  }
  ASSERT_TRUE(server_->StartAgain().ok());
  EXPECT_TRUE(first.Becomes({"a", "b"}));
  EXPECT_TRUE(second.Becomes({"a", "b"}));
  for (Worker* worker : {&first, &second}) {
    for (const Members& members : worker->Changes()) EXPECT_TRUE(!members.confirmed || members.Counts());
  }
}

// Asked before anything else, a process that stood still does not believe what it knew before.
TEST_F(PresenceTest, AfterStandingStillItIsNotConfirmed) {
  Worker first(*broker_, "a");
  ASSERT_TRUE(first.Becomes({"a"}));
  auto broker = Connect(config_);
  Worker second(*broker, "b");
  ASSERT_TRUE(second.Becomes({"a", "b"}));
  ASSERT_TRUE(first.Becomes({"a", "b"}));
  const Members seen =
      second.NowAfter([&] { ASSERT_TRUE(test::WaitUntil([&] { return first.Now().names == Names{"a"}; })); });
  EXPECT_FALSE(seen.confirmed);
  EXPECT_EQ(seen.names, (Names{"a", "b"}));
  EXPECT_TRUE(second.Becomes({"a", "b"}));
}

}  // namespace
}  // namespace goniec::queue
