#include "tests/e2e/inbound_fixture.h"

#include <cstdlib>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/run_to_end.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/publish/body_store.h"
#include "common/queue/streams/provision.h"

namespace goniec::inbound {
std::string InboundTest::Binary() {
  const char* binary = std::getenv("GONIEC_INBOUND");
  return binary != nullptr ? binary : GONIEC_INBOUND_BINARY;
}

void InboundTest::StartQueue(test::NatsServerOptions options) {
  auto server = test::NatsServer::Start(std::move(options));
  ASSERT_TRUE(server.ok()) << server.status();
  nats_ = *std::move(server);
  queue_.servers = {nats_->url()};
  queue_.monitor_urls = {nats_->monitor_url()};
  auto broker = queue::Broker::Start(queue_, "test");
  ASSERT_TRUE(broker.ok()) << broker.status();
  broker_ = *std::move(broker);
  ASSERT_TRUE(test::WaitUntil([&] { return broker_->connected(); })) << broker_->last_error();
  const auto provisioned = RunToEnd(queue::Provision(*broker_, queue_));
  ASSERT_TRUE(provisioned.ok()) << provisioned.status();
}

std::string InboundTest::Configuration(const std::string& more) {
  std::string text =
      absl::StrCat("hostname: mx.example.test\nhttp: {listen: \"127.0.0.1:", http_port_, "\"}\n", more);
  if (more.find("smtp:") == std::string::npos)
    absl::StrAppend(&text, "smtp: {listen: [\"127.0.0.1:", smtp_port_, "\"]}\n");
  if (more.find("queue:") == std::string::npos) {
    absl::StrAppend(
        &text, "queue:\n  servers: [\"", nats_ != nullptr ? nats_->url() : "nats://127.0.0.1:1",
        "\"]\n  monitor_urls: [\"", nats_ != nullptr ? nats_->monitor_url() : "http://127.0.0.1:1",
        "\"]\n  capacity: ", queue_.capacity_bytes >> 20, "MiB\n  durability: {replicas: 1, fsync: true}\n");
  }
  return text;
}

void InboundTest::StartInbound(const std::string& more, bool ready) {
  const std::string config = folder_.Write("inbound.yaml", Configuration(more));
  test::ProcessOptions options;
  options.output_file = folder_.File("inbound.log");
  // AddressSanitizer keeps freed memory for a while; tests look at how much memory is used.
  options.environment = {{"ASAN_OPTIONS", "quarantine_size_mb=4"}};
  auto process = test::Process::Start({Binary(), "--config", config}, options);
  ASSERT_TRUE(process.ok()) << process.status();
  inbound_ = *std::move(process);
  const bool up = test::WaitUntil(
      [&] { return !inbound_->running() || (test::CanConnect(smtp_port_) && (!ready || Ready())); });
  ASSERT_TRUE(up && inbound_->running()) << inbound_->output() << HttpGet(http_port_, "/readyz");
}

bool InboundTest::Ready() const {
  return HttpGet(http_port_, "/readyz").starts_with("HTTP/1.1 200");
}

SmtpDialogue InboundTest::Hello(const char* source) const {
  SmtpDialogue client(smtp_port_, source);
  EXPECT_TRUE(client.Reply().starts_with("220 mx.example.test "));
  EXPECT_TRUE(client.Ask("EHLO client.example.test").starts_with("250-"));
  return client;
}

std::vector<queue::v1::Record> InboundTest::Records() {
  std::vector<queue::v1::Record> records;
  uint64_t next = 1;
  while (true) {
    const auto stored = RunToEnd(queue::GetNextMessage(*broker_, "READY_0", "ready.>", next));
    if (!stored.ok()) {
      EXPECT_TRUE(absl::IsNotFound(stored.status())) << stored.status();
      return records;
    }
    EXPECT_TRUE(records.emplace_back().ParseFromString(stored->data));
    next = stored->sequence + 1;
  }
}

std::vector<queue::v1::Mail> InboundTest::Mails() {
  std::vector<queue::v1::Mail> mails;
  for (const queue::v1::Record& record : Records()) {
    mails.insert(mails.end(), record.mails().begin(), record.mails().end());
  }
  return mails;
}

std::string InboundTest::Content(const queue::v1::Mail& mail) {
  std::string content = mail.head();
  if (!mail.has_body_reference()) return content + mail.inline_body();
  for (uint32_t i = 0; i < mail.body_reference().chunk_count(); ++i) {
    const auto chunk = RunToEnd(queue::ReadBodyChunk(*broker_, mail.body_reference().body_id(), i));
    EXPECT_TRUE(chunk.ok()) << chunk.status();
    if (chunk.ok()) content += *chunk;
  }
  return content;
}

double InboundTest::Metric(const std::string& series) const {
  std::istringstream text(HttpGet(http_port_, "/metrics"));
  std::string line;
  while (std::getline(text, line)) {
    if (line.starts_with(series + " ")) return std::strtod(line.c_str() + series.size(), nullptr);
  }
  return 0;
}

uint64_t InboundTest::StoredIn(const std::string& stream) {
  const auto info = RunToEnd(queue::CallApi(*broker_, "STREAM.INFO." + stream, ""));
  EXPECT_TRUE(info.ok()) << info.status();
  const size_t at = info.ok() ? info->find("\"messages\":") : std::string::npos;
  return at == std::string::npos ? 0 : std::strtoull(info->c_str() + at + 11, nullptr, 10);
}

}  // namespace goniec::inbound
