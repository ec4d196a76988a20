#include "tests/e2e/inbound_fixture.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/run_to_end.h"
#include "common/queue/body_store.h"
#include "common/queue/jetstream.h"
#include "common/queue/provision.h"

namespace goniec::inbound {
namespace {

constexpr int kLimitMs = 20'000;

int ConnectTo(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

// Bytes of the peer, or false at the end, at an error or after the limit.
bool ReadMore(int fd, std::string& input) {
  pollfd ready{fd, POLLIN, 0};
  if (fd < 0 || poll(&ready, 1, kLimitMs) <= 0) return false;
  char buffer[65536];
  const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  input.append(buffer, static_cast<size_t>(got));
  return true;
}

}  // namespace

SmtpDialogue::SmtpDialogue(uint16_t port) : fd_(ConnectTo(port)) {
  EXPECT_GE(fd_, 0) << "nobody listens on " << port;
}

SmtpDialogue::SmtpDialogue(SmtpDialogue&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), input_(std::move(other.input_)) {}

SmtpDialogue::~SmtpDialogue() {
  Close();
}

void SmtpDialogue::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

void SmtpDialogue::Send(const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;  // the test sees it at the next reply
    sent += static_cast<size_t>(n);
  }
}

std::string SmtpDialogue::Reply() {
  std::string reply;
  while (true) {
    size_t end = input_.find("\r\n");
    while (end == std::string::npos) {
      if (!ReadMore(fd_, input_)) return "";
      end = input_.find("\r\n");
    }
    const std::string line = input_.substr(0, end + 2);
    input_.erase(0, end + 2);
    reply += line;
    if (line.size() < 4 || line[3] != '-') return reply;
  }
}

std::string SmtpDialogue::Ask(const std::string& line) {
  Send(line + "\r\n");
  return Reply();
}

std::string SmtpDialogue::SendMail(const std::string& from, const std::vector<std::string>& to,
                                   const std::string& content) {
  std::string reply = Ask("MAIL FROM:<" + from + ">");
  for (const std::string& recipient : to) {
    if (!reply.starts_with("250")) return reply;
    reply = Ask("RCPT TO:<" + recipient + ">");
  }
  if (!reply.starts_with("250")) return reply;
  reply = Ask("DATA");
  if (!reply.starts_with("354")) return reply;
  Send(content + ".\r\n");
  return Reply();
}

bool SmtpDialogue::WaitForClose() {
  while (true) {
    pollfd ready{fd_, POLLIN, 0};
    if (poll(&ready, 1, kLimitMs) <= 0) return false;
    if (!ReadMore(fd_, input_)) return true;
  }
}

std::string HttpGet(uint16_t port, const std::string& path) {
  const int fd = ConnectTo(port);
  std::string response;
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n";
  if (fd >= 0 && send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    while (ReadMore(fd, response)) {
    }
  }
  if (fd >= 0) close(fd);
  return response;
}

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

SmtpDialogue InboundTest::Hello() const {
  SmtpDialogue client = Connect();
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
