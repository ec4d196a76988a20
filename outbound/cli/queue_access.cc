#include "outbound/cli/queue_access.h"

#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/config/document.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/shown_server.h"

namespace goniec::cli {
namespace {

constexpr std::chrono::seconds kConnectLimit{15};

}  // namespace

absl::StatusOr<queue::QueueConfig> LoadQueueConfig(const std::string& path) {
  auto document = config::Document::Load(path);
  if (!document.ok()) return document.status();
  config::Section section = document->root().Sub("queue");
  queue::QueueConfig config = queue::ReadQueueConfig(section);
  if (absl::Status status = document->FinishSection("queue"); !status.ok()) return status;
  return config;
}

absl::StatusOr<std::unique_ptr<queue::Broker>> ConnectToQueue(const queue::QueueConfig& config,
                                                              const std::string& name) {
  observe::StartLog({.format = observe::LogFormat::kText, .level = observe::LogLevel::kError});
  auto broker = queue::Broker::Start(config, name);
  if (!broker.ok()) return broker.status();
  const auto deadline = std::chrono::steady_clock::now() + kConnectLimit;
  while (!(*broker)->connected()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return absl::UnavailableError(absl::StrCat("the broker cannot be reached at ",
                                                 queue::ShownServer(config.servers.front()), ": ",
                                                 (*broker)->last_error(), "; is nats-server there?"));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return broker;
}

}  // namespace goniec::cli
