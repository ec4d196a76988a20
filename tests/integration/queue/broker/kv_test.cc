#include "common/queue/broker/kv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <asio/post.hpp>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/task_group.h"
#include "common/net/io_threads.h"
#include "common/queue/model/stream_settings.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

// What one watch said, in words: "a=1", "a gone", "current", "restart".
class Heard {
 public:
  Heard(Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, const std::string& keys)
      : executor_(executor) {
    KvWatch::Events events;
    events.on_entry = [this](const KvEntry& entry) {
      Add(entry.deleted ? entry.key + " gone" : absl::StrCat(entry.key, "=", entry.value));
      const std::lock_guard lock(mutex_);
      last_ = entry;
    };
    events.on_current = [this] { Add("current"); };
    events.on_restart = [this] { Add("restart"); };
    watch_ = std::make_unique<KvWatch>(broker, executor, tasks, kControlBucket, keys, std::move(events));
    OnExecutor([this] { watch_->Start(); });
  }
  ~Heard() {
    OnExecutor([this] { watch_.reset(); });
  }

  void Stop() {
    OnExecutor([this] { watch_->Stop(); });
  }
  [[nodiscard]] bool current() {
    bool current = false;
    OnExecutor([&] { current = watch_->current(); });
    return current;
  }
  [[nodiscard]] std::vector<std::string> words() const {
    const std::lock_guard lock(mutex_);
    return words_;
  }
  [[nodiscard]] KvEntry last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  bool Says(const std::vector<std::string>& expected) const {
    return test::WaitUntil([&] { return words() == expected; });
  }
  // At any time from now on.
  bool SaysLast(const std::string& expected) const {
    return test::WaitUntil([&] { return !words().empty() && words().back() == expected; });
  }
  void Forget() {
    const std::lock_guard lock(mutex_);
    words_.clear();
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
  void Add(std::string word) {
    const std::lock_guard lock(mutex_);
    words_.push_back(std::move(word));
  }

  asio::any_io_executor executor_;
  mutable std::mutex mutex_;
  std::vector<std::string> words_;
  KvEntry last_;
  std::unique_ptr<KvWatch> watch_;
};

// Says of every message of a consumer that another follows.
class NeverLastBroker final : public WatchedBroker {
 public:
  using WatchedBroker::WatchedBroker;
  absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(
      const std::string& subject, std::function<void(IncomingMessage)> handler) override {
    return WatchedBroker::Subscribe(subject, [handler = std::move(handler)](IncomingMessage message) {
      if (message.reply.starts_with("$JS.ACK.")) {
        std::vector<std::string> tokens = absl::StrSplit(message.reply, '.');
        tokens[tokens.size() == 9 ? 8 : 10] = "1";
        message.reply = absl::StrJoin(tokens, ".");
      }
      handler(std::move(message));
    });
  }
};

class KvTest : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
  }
  void TearDown() override {
    watches_.clear();
    EXPECT_TRUE(tasks_.WaitFor(std::chrono::seconds(10)));
  }

  std::uint64_t Put(const std::string& key, const std::string& value,
                    std::optional<std::uint64_t> expected = std::nullopt) {
    const auto put = RunToEnd(KvPut(*broker_, kControlBucket, key, value, expected));
    EXPECT_TRUE(put.ok()) << put.status();
    return put.value_or(0);
  }
  absl::StatusCode PutCode(const std::string& key, const std::string& value, std::uint64_t expected) {
    return RunToEnd(KvPut(*broker_, kControlBucket, key, value, expected)).status().code();
  }
  absl::Status Delete(const std::string& key, std::uint64_t expected) {
    return RunToEnd(KvDelete(*broker_, kControlBucket, key, expected));
  }
  absl::StatusOr<KvEntry> Get(const std::string& key) {
    return RunToEnd(KvGet(*broker_, kControlBucket, key));
  }
  Heard& Watch(const std::string& keys) { return WatchThrough(*broker_, keys); }
  Heard& WatchThrough(Broker& broker, const std::string& keys) {
    watches_.push_back(std::make_unique<Heard>(broker, thread_.context(0).get_executor(), tasks_, keys));
    return *watches_.back();
  }
  std::size_t Consumers() {
    const auto answer = nlohmann::json::parse(Api("CONSUMER.NAMES.KV_control"));
    return answer["consumers"].is_array() ? answer["consumers"].size() : 0;
  }

  net::IoThreads thread_{1};
  TaskGroup tasks_;
  std::vector<std::unique_ptr<Heard>> watches_;
};

TEST_F(KvTest, CompareAndSetGoesByTheRevision) {
  const std::uint64_t first = Put("a", "1", 0);
  EXPECT_EQ(PutCode("a", "2", 0), absl::StatusCode::kAborted);
  EXPECT_EQ(PutCode("a", "2", first + 7), absl::StatusCode::kAborted);
  const std::uint64_t second = Put("a", "2", first);
  EXPECT_GT(second, first);
  const auto entry = Get("a");
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->value, "2");
  EXPECT_EQ(entry->revision, second);
  EXPECT_FALSE(entry->deleted);
  EXPECT_EQ(Get("b").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(KvTest, DeletionLeavesATraceThatAPutMustExpect) {
  const std::uint64_t first = Put("a", "1");
  EXPECT_EQ(Delete("a", first + 1).code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(Delete("a", first).ok());
  const auto trace = Get("a");
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_TRUE(trace->deleted);
  EXPECT_EQ(PutCode("a", "2", 0), absl::StatusCode::kAborted);
  Put("a", "2", trace->revision);
  EXPECT_FALSE(Get("a")->deleted);
}

TEST_F(KvTest, TraceOfADeletionGoesByItself) {
  ASSERT_TRUE(Delete("a", Put("a", "1")).ok());
  const auto message =
      nlohmann::json::parse(Api("STREAM.MSG.GET.KV_control", R"({"last_by_subj":"$KV.control.a"})"));
  std::string headers;
  ASSERT_TRUE(absl::Base64Unescape(message["message"]["hdrs"].get<std::string>(), &headers));
  EXPECT_NE(headers.find("Nats-TTL: 60s"), std::string::npos) << headers;
}

TEST_F(KvTest, WatchTellsWhatIsThereThenEveryChangeInOrder) {
  Put("site.a", "1");
  Put("site.b", "1");
  Put("site.a", "2");
  Put("other", "1");
  Heard& heard = Watch("site.>");
  ASSERT_TRUE(heard.Says({"site.b=1", "site.a=2", "current"}));
  EXPECT_TRUE(heard.current());
  const std::uint64_t revision = Put("site.a", "3");
  Put("site.c", "1");
  ASSERT_TRUE(Delete("site.a", revision).ok());
  Put("site.a", "4");
  EXPECT_TRUE(
      heard.Says({"site.b=1", "site.a=2", "current", "site.a=3", "site.c=1", "site.a gone", "site.a=4"}));
  EXPECT_EQ(heard.last().revision, Get("site.a")->revision);
  EXPECT_EQ(heard.last().stored_at, Get("site.a")->stored_at);
}

TEST_F(KvTest, WatchOfNothingIsCurrentAtOnce) {
  Put("other", "1");
  Heard& heard = Watch("site.>");
  EXPECT_TRUE(heard.Says({"current"}));
}

// Keys that are replaced while it tells of them are counted, and never come.
TEST_F(KvTest, WatchThatNeverHearsOfALastOneIsCurrentByItsHeartbeat) {
  Put("a", "1");
  Put("b", "1");
  NeverLastBroker broker(*broker_);
  Heard& heard = WatchThrough(broker, ">");
  EXPECT_TRUE(heard.Says({"a=1", "b=1", "current"}));
  watches_.clear();
  EXPECT_TRUE(tasks_.WaitFor(std::chrono::seconds(10)));
}

TEST_F(KvTest, WatchHearsNoRefusedPut) {
  Heard& heard = Watch(">");
  ASSERT_TRUE(heard.Says({"current"}));
  const std::uint64_t first = Put("a", "1");
  EXPECT_EQ(PutCode("a", "refused", 0), absl::StatusCode::kAborted);
  Put("a", "2", first);
  EXPECT_TRUE(heard.Says({"current", "a=1", "a=2"}));
}

TEST_F(KvTest, TwoWatchesTellTheSame) {
  Heard& first = Watch(">");
  Heard& second = Watch("a.*");
  ASSERT_TRUE(first.Says({"current"}));
  ASSERT_TRUE(second.Says({"current"}));
  Put("a.1", "x");
  Put("b.1", "y");
  Put("a.2", "z");
  EXPECT_TRUE(first.Says({"current", "a.1=x", "b.1=y", "a.2=z"}));
  EXPECT_TRUE(second.Says({"current", "a.1=x", "a.2=z"}));
}

TEST_F(KvTest, ManyKeysArriveAllOfThem) {
  // More than the server sends before it waits for an answer to its flow control.
  const std::string value(20'000, 'v');
  const auto put_all = [](Broker& broker, std::string filling) -> asio::awaitable<int> {
    int stored = 0;
    for (int i = 0; i < 600; ++i) {
      const auto put = co_await KvPut(broker, kControlBucket, absl::StrCat("many.", i), filling);
      stored += put.ok() ? 1 : 0;
    }
    co_return stored;
  };
  ASSERT_EQ(RunToEnd(put_all(*broker_, value)), 600);
  Heard& heard = Watch("many.>");
  ASSERT_TRUE(heard.SaysLast("current"));
  EXPECT_EQ(heard.words().size(), 601U);
}

TEST_F(KvTest, AfterTheServerIsBackAllIsToldAgain) {
  Put("a", "1");
  Heard& heard = Watch(">");
  ASSERT_TRUE(heard.Says({"a=1", "current"}));
  server_->Kill();
  ASSERT_TRUE(heard.Says({"a=1", "current", "restart"}));
  EXPECT_FALSE(heard.current());
  heard.Forget();
  ASSERT_TRUE(server_->StartAgain().ok());
  ASSERT_TRUE(heard.SaysLast("current"));
  heard.Forget();
  Put("b", "2");
  EXPECT_TRUE(heard.Says({"b=2"}));
}

// A change while the watch was cut off is told when it is back.
TEST_F(KvTest, NothingIsLostWhileTheConnectionIsCut) {
  const std::uint64_t first = Put("a", "1");
  Put("b", "1");
  auto broker = Connect(config_);
  Heard& heard = WatchThrough(*broker, ">");
  ASSERT_TRUE(heard.Says({"a=1", "b=1", "current"}));
  heard.Forget();
  server_->Freeze();
  ASSERT_TRUE(heard.SaysLast("restart")) << "a server that says nothing is noticed by its heartbeats";
  server_->Thaw();
  ASSERT_TRUE(test::WaitUntil([&] { return broker_->connected(); }));
  ASSERT_TRUE(test::WaitUntil([&] { return RunToEnd(KvDelete(*broker_, kControlBucket, "a", first)).ok(); }));
  Put("c", "1");
  ASSERT_TRUE(test::WaitUntil([&] {
    const auto words = heard.words();
    return std::count(words.begin(), words.end(), "c=1") > 0 &&
           std::count(words.begin(), words.end(), "current") > 0;
  }));
  EXPECT_TRUE(heard.current());
  watches_.clear();
}

// The consumer may go while the connection stays (its server died, somebody deleted it).
TEST_F(KvTest, WatchWhoseConsumerIsGoneBeginsAnew) {
  Put("a", "1");
  Heard& heard = Watch(">");
  ASSERT_TRUE(heard.Says({"a=1", "current"}));
  const auto names = nlohmann::json::parse(Api("CONSUMER.NAMES.KV_control"))["consumers"];
  ASSERT_EQ(names.size(), 1U);
  Api("CONSUMER.DELETE.KV_control." + names[0].get<std::string>());
  Put("a", "2");
  EXPECT_TRUE(heard.Says({"a=1", "current", "restart", "a=2", "current"}));
}

TEST_F(KvTest, StoppedWatchSaysNothingAndLeavesNoConsumer) {
  Heard& heard = Watch(">");
  ASSERT_TRUE(heard.Says({"current"}));
  Heard& other = Watch(">");
  ASSERT_TRUE(other.Says({"current"}));
  ASSERT_EQ(Consumers(), 2U);
  heard.Stop();
  EXPECT_TRUE(test::WaitUntil([&] { return Consumers() == 1; }));
  Put("a", "1");
  ASSERT_TRUE(other.Says({"current", "a=1"}));
  EXPECT_EQ(heard.words(), std::vector<std::string>{"current"});
}

}  // namespace
}  // namespace goniec::queue
