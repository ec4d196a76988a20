// How many records are asked for, on a real nats-server.
#include "common/queue/hold/puller.h"

#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <atomic>
#include <future>
#include <memory>
#include <string>

#include "common/base/task_group.h"
#include "common/net/io_threads.h"
#include "common/queue/model/subjects.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

class PullerTest : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
  }

  void StoreRecords(int count) {
    for (int i = 0; i < count; ++i) {
      Store({ReadySubject(0, MailClass::kTransactional, "default", i),
             std::make_shared<const std::string>("record"),
             {}});
    }
  }

  // On the puller's thread.
  void Run(const std::function<void()>& what) {
    std::promise<void> done;
    asio::post(executor_, [&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }

  net::IoThreads thread_{1};
  asio::any_io_executor executor_ = thread_.context(0).get_executor();
  TaskGroup tasks_;
};

// What its owner does not keep (it rests, or the process stood still) takes nothing of what it may have.
TEST_F(PullerTest, RecordsThatTheOwnerDropsLeaveRoomForOthers) {
  StoreRecords(50);
  std::atomic<int> seen{0};
  std::unique_ptr<Puller> puller;
  Run([&] {
    puller = std::make_unique<Puller>(
        *broker_, executor_, tasks_, "READY_0", "transactional", config_.ack_wait, [] { return 5; },
        [&](std::shared_ptr<Delivery>) { ++seen; });
    puller->Resume();
  });
  EXPECT_TRUE(test::WaitUntil([&] { return seen == 50; })) << seen;
  Run([&] { puller.reset(); });
}

TEST_F(PullerTest, NoMoreComesThanIsWantedUntilThatChanges) {
  StoreRecords(50);
  std::atomic<int> seen{0};
  int room = 5;
  std::unique_ptr<Puller> puller;
  Run([&] {
    puller = std::make_unique<Puller>(
        *broker_, executor_, tasks_, "READY_0", "transactional", config_.ack_wait,
        [&] { return room - seen; }, [&](std::shared_ptr<Delivery>) { ++seen; });
    puller->Resume();
  });
  EXPECT_TRUE(test::WaitUntil([&] { return seen == 5; })) << seen;
  Api("INFO");  // what the server had sent before has come
  Run([&] { EXPECT_EQ(seen, 5); });
  Run([&] {
    room = 50;
    puller->WantedChanged();
  });
  EXPECT_TRUE(test::WaitUntil([&] { return seen == 50; })) << seen;
  Run([&] { puller.reset(); });
}

}  // namespace
}  // namespace goniec::queue
