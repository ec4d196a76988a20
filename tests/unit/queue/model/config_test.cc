#include "common/queue/model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/config/document.h"

namespace goniec::queue {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Read {
  QueueConfig queue;
  absl::Status status;
};

Read ReadFrom(std::string_view yaml) {
  auto document = config::Document::Parse(yaml, "goniec.yaml");
  if (!document.ok()) return {{}, document.status()};
  config::Section section = document->root().Sub("queue");
  Read read{ReadQueueConfig(section), {}};
  read.status = document->Finish();
  return read;
}

TEST(QueueConfig, DefaultsAreTheHeaders) {
  const Read read = ReadFrom("queue:\n  lanes: 1\n");
  ASSERT_TRUE(read.status.ok()) << read.status;
  const QueueConfig fresh;
  EXPECT_EQ(read.queue.servers, fresh.servers);
  EXPECT_EQ(read.queue.capacity_bytes, fresh.capacity_bytes);
  EXPECT_EQ(read.queue.event_retention, fresh.event_retention);
  EXPECT_EQ(read.queue.durability.fsync, fresh.durability.fsync);
}

TEST(QueueConfig, ReadsEveryKey) {
  const Read read = ReadFrom(
      "queue:\n"
      "  servers: [nats://a:4222, tls://b:4222]\n"
      "  tls: {ca_file: /ca, cert_file: /cert, key_file: /key}\n"
      "  credentials_file: /creds\n"
      "  monitor_urls: [http://a:8222, https://b:8222]\n"
      "  lanes: 3\n"
      "  event_shards: 4\n"
      "  replicas: 3\n"
      "  capacity: 20GiB\n"
      "  max_pending: 128MiB\n"
      "  event_budget: 5GiB\n"
      "  event_retention: 10d\n"
      "  event_retention_least: 8d\n"
      "  waiting_memory: 3GiB\n"
      "  ack_wait: 30s\n"
      "  commit_repeat: 1s\n"
      "  commit_limit: 20s\n"
      "  durability: {replicas: 3, fsync: true}\n");
  ASSERT_TRUE(read.status.ok()) << read.status;
  const QueueConfig& queue = read.queue;
  EXPECT_THAT(queue.servers, ElementsAre("nats://a:4222", "tls://b:4222"));
  EXPECT_EQ(queue.tls_ca_file, "/ca");
  EXPECT_EQ(queue.tls_cert_file, "/cert");
  EXPECT_EQ(queue.tls_key_file, "/key");
  EXPECT_EQ(queue.credentials_file, "/creds");
  EXPECT_THAT(queue.monitor_urls, ElementsAre("http://a:8222", "https://b:8222"));
  EXPECT_EQ(queue.lanes, 3);
  EXPECT_EQ(queue.event_shards, 4);
  EXPECT_EQ(queue.replicas, 3);
  EXPECT_EQ(queue.capacity_bytes, 20ULL << 30);
  EXPECT_EQ(queue.pending_bytes, 128ULL << 20);
  EXPECT_EQ(queue.EventBudget(), 5ULL << 30);
  EXPECT_EQ(queue.MailCapacity(), 15ULL << 30);
  EXPECT_EQ(queue.event_retention, std::chrono::hours(240));
  EXPECT_EQ(queue.event_retention_least, std::chrono::hours(192));
  EXPECT_EQ(queue.waiting_memory_bytes, 3ULL << 30);
  EXPECT_EQ(queue.ack_wait, std::chrono::seconds(30));
  EXPECT_EQ(queue.commit_repeat, std::chrono::seconds(1));
  EXPECT_EQ(queue.commit_limit, std::chrono::seconds(20));
  EXPECT_EQ(queue.durability.replicas, 3);
  EXPECT_TRUE(queue.durability.fsync);
}

TEST(QueueConfig, EventsHaveAThirdOfTheCapacityAndTheirLeastFitsTheirRetention) {
  const Read read = ReadFrom("queue:\n  capacity: 3GiB\n  event_retention: 2d\n");
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.queue.EventBudget(), 1ULL << 30);
  EXPECT_EQ(read.queue.MailCapacity(), 2ULL << 30);
  EXPECT_EQ(read.queue.event_retention_least, std::chrono::hours(48));
}

TEST(QueueConfig, RefusesWithTheKeysPath) {
  struct Case {
    const char* name;
    const char* yaml;
    const char* problem;
  };
  const Case cases[] = {
      {"no server", "servers: []", "queue.servers"},
      {"wrong scheme", "servers: [http://a]", "queue.servers[0]"},
      {"two in one", "servers: ['nats://a,nats://b']", "queue.servers[0]"},
      {"nothing after the scheme", "servers: ['nats://']", "queue.servers[0]"},
      {"wrong monitor", "monitor_urls: [nats://a]", "queue.monitor_urls[0]"},
      {"no lanes", "lanes: 0", "queue.lanes"},
      {"too many lanes", "lanes: 17", "queue.lanes"},
      {"too many shards", "event_shards: 65", "queue.event_shards"},
      {"replicas", "replicas: 6", "queue.replicas"},
      {"capacity", "capacity: 1KiB", "queue.capacity"},
      {"pending", "max_pending: 1B", "queue.max_pending"},
      {"retention", "event_retention: 1m", "queue.event_retention"},
      {"no room left for mail", "{capacity: 4GiB, event_budget: 3073MiB}", "queue.event_budget"},
      {"least above retention", "{event_retention: 7d, event_retention_least: 8d}",
       "queue.event_retention_least"},
      {"waiting memory", "waiting_memory: 1KiB", "queue.waiting_memory"},
      {"ack_wait", "ack_wait: 10ms", "queue.ack_wait"},
      {"commit limit near the duplicate window", "commit_limit: 90s", "queue.commit_limit"},
      {"repeat after the limit", "{commit_limit: 1s, commit_repeat: 2s}", "queue.commit_repeat"},
      {"floor", "durability: {replicas: 0}", "queue.durability.replicas"},
      {"certificate without key", "tls: {cert_file: /c}", "queue.tls.key_file"},
      {"key without certificate", "tls: {key_file: /k}", "queue.tls.cert_file"},
      {"password in the file", "password: secret", "queue.password"},
      {"unknown key", "lane: 1", "queue.lane"},
  };
  for (const Case& c : cases) {
    const Read read =
        ReadFrom("queue: " + (c.yaml[0] == '{' ? std::string(c.yaml) : "{" + std::string(c.yaml) + "}"));
    EXPECT_EQ(read.status.code(), absl::StatusCode::kInvalidArgument) << c.name;
    EXPECT_THAT(std::string(Message(read.status)), HasSubstr(c.problem)) << c.name;
  }
}

TEST(QueueConfig, NeverShowsCredentialsOfAnAddress) {
  const Read read = ReadFrom("queue: {servers: ['http://user:hunter2@a']}");
  EXPECT_THAT(std::string(Message(read.status)), testing::Not(HasSubstr("hunter2")));
}

class QueueConfigSecrets : public testing::Test {
 protected:
  void TearDown() override {
    unsetenv("GONIEC_NATS_USER");
    unsetenv("GONIEC_NATS_PASSWORD");
  }
};

TEST_F(QueueConfigSecrets, ComeFromTheEnvironment) {
  setenv("GONIEC_NATS_USER", "inbound", 1);
  setenv("GONIEC_NATS_PASSWORD", "hunter2", 1);
  const Read read = ReadFrom("queue: {lanes: 1}");
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.queue.user, "inbound");
  EXPECT_EQ(read.queue.password, "hunter2");
}

TEST_F(QueueConfigSecrets, UserWithoutPasswordIsAMistake) {
  setenv("GONIEC_NATS_USER", "inbound", 1);
  EXPECT_FALSE(ReadFrom("queue: {lanes: 1}").status.ok());
}

TEST_F(QueueConfigSecrets, PasswordAndCredentialsFileExcludeEachOther) {
  setenv("GONIEC_NATS_USER", "inbound", 1);
  setenv("GONIEC_NATS_PASSWORD", "hunter2", 1);
  EXPECT_FALSE(ReadFrom("queue: {credentials_file: /creds}").status.ok());
}

}  // namespace
}  // namespace goniec::queue
