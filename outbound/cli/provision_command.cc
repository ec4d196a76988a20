// `goniec provision`: makes the streams, consumers and buckets of a configuration, or says what differs.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/run_to_end.h"
#include "common/base/status.h"
#include "common/config/document.h"
#include "common/observe/log.h"
#include "common/queue/broker.h"
#include "common/queue/config.h"
#include "common/queue/provision.h"
#include "common/queue/shown_server.h"
#include "outbound/cli/command.h"
#include "outbound/cli/render.h"

namespace goniec::cli {
namespace {

constexpr std::chrono::seconds kConnectLimit{15};

constexpr std::array kFlags = std::to_array<FlagSpec>({
    {"config", FlagKind::kOne, "FILE",
     "configuration of goniec-outbound or goniec-inbound; its section `queue` is read"},
    {"check", FlagKind::kSwitch, "", "change nothing; fail if something is missing or differs"},
});

absl::StatusOr<queue::QueueConfig> LoadQueueConfig(const std::string& path) {
  auto document = config::Document::Load(path);
  if (!document.ok()) return document.status();
  config::Section section = document->root().Sub("queue");
  queue::QueueConfig config = queue::ReadQueueConfig(section);
  if (absl::Status status = document->FinishSection("queue"); !status.ok()) return status;
  return config;
}

absl::StatusOr<std::unique_ptr<queue::Broker>> Connect(const queue::QueueConfig& config) {
  auto broker = queue::Broker::Start(config, "goniec provision");
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

absl::Status Check(queue::Broker& broker, const queue::QueueConfig& config) {
  if (absl::Status version = queue::CheckServerVersion(broker.server_version()); !version.ok())
    return version;
  std::vector<std::string> problems;
  for (const auto role : {queue::ServiceRole::kInbound, queue::ServiceRole::kOutbound}) {
    const auto found = RunToEnd(queue::Verify(broker, config, role));
    if (!found.ok()) return found.status();
    for (const std::string& problem : *found) {
      if (std::find(problems.begin(), problems.end(), problem) == problems.end()) problems.push_back(problem);
    }
  }
  if (problems.empty()) {
    std::puts("All is as configured.");
    return absl::OkStatus();
  }
  for (const std::string& problem : problems) std::printf("%s\n", problem.c_str());
  return absl::FailedPreconditionError(
      absl::StrCat(problems.size(), problems.size() == 1 ? " thing differs" : " things differ",
                   "; `goniec provision` without --check mends what can be mended"));
}

absl::Status Provision(const Flags& flags) {
  if (!flags.arguments().empty()) return UsageError("unexpected argument");
  if (!flags.Has("config")) return UsageError("--config FILE is missing");
  const auto config = LoadQueueConfig(flags.One("config"));
  if (!config.ok()) return config.status();
  // The connection's comings and goings are no result; what fails is told once, at the end.
  observe::StartLog({.format = observe::LogFormat::kText, .level = observe::LogLevel::kError});
  const auto broker = Connect(*config);
  if (!broker.ok()) return broker.status();
  if (flags.Has("check")) return Check(**broker, *config);
  const auto changes = RunToEnd(queue::Provision(**broker, *config));
  if (!changes.ok()) return changes.status();
  std::vector<std::vector<std::string>> rows;
  for (const queue::ProvisionChange& change : *changes) rows.push_back({change.object, change.action});
  std::fputs(Table(rows).c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace

const Command kProvisionCommand = {
    .name = "provision",
    .arguments = "--config FILE",
    .summary = "make the queue's streams at the broker",
    .details =
        "Creates what is missing and updates what may be updated; running it again does no harm. What cannot "
        "be\n"
        "changed in place is refused with the reason. The broker's user needs the JetStream API.",
    .flags = kFlags,
    .run = Provision,
};

}  // namespace goniec::cli
