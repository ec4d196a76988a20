// `goniec provision`: makes the streams, consumers and buckets of a configuration, or says what differs.
#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/run_to_end.h"
#include "common/base/status.h"
#include "common/queue/broker/broker.h"
#include "common/queue/streams/event_budget.h"
#include "common/queue/streams/provision.h"
#include "outbound/cli/command.h"
#include "outbound/cli/queue_access.h"
#include "outbound/cli/render.h"

namespace goniec::cli {
namespace {

constexpr std::array kFlags = std::to_array<FlagSpec>({
    {"config", FlagKind::kOne, "FILE",
     "configuration of goniec-outbound or goniec-inbound; its section `queue` is read"},
    {"check", FlagKind::kSwitch, "", "change nothing; fail if something is missing or differs"},
});

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
  const auto broker = ConnectToQueue(*config, "goniec provision");
  if (!broker.ok()) return broker.status();
  if (flags.Has("check")) return Check(**broker, *config);
  const auto changes = RunToEnd(queue::Provision(**broker, *config));
  if (!changes.ok()) return changes.status();
  std::vector<std::vector<std::string>> rows;
  for (const queue::ProvisionChange& change : *changes) rows.push_back({change.object, change.action});
  std::fputs(Table(rows).c_str(), stdout);
  std::fputs(queue::DescribeEventBudget(*config).c_str(), stdout);
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
