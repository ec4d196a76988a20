// goniec-outbound: delivery worker and gRPC API. What it is made of is in service.cc; flags and signals are
// here.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/base/command_line.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "outbound/config.h"
#include "outbound/service.h"

namespace goniec::outbound {
namespace {

constexpr ServiceFlags::Text kText = {
    .name = "goniec-outbound",
    .purpose = "delivers queued mail by SMTP, and serves the gRPC API",
};

int Run(const ServiceFlags& flags) {
  absl::StatusOr<OutboundConfig> config = LoadOutboundConfig(flags.config_path);
  if (!config.ok()) return FailStart(kText, config.status());
  if (flags.check_only) {
    std::printf("%s: good\n", flags.config_path.c_str());
    return EXIT_SUCCESS;
  }
  // Signals are taken by this thread alone, and blocked before any other begins.
  const StopSignals signals;
  observe::StartLog(config->log);
  absl::StatusOr<std::unique_ptr<Service>> service = Service::Start(*std::move(config));
  if (!service.ok()) {
    observe::StopLog();
    return FailStart(kText, service.status());
  }
  const int signal = signals.Wait();
  observe::Info("stopping", {{"signal", signal}});
  const bool clean = (*service)->Drain();
  if (!clean) observe::Warn("stopped with records in hand; the broker gives them to another worker", {});
  service->reset();
  observe::Info("stopped", {{"clean", clean}});
  observe::StopLog();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace goniec::outbound

int main(int argc, char** argv) {
  const auto flags = goniec::ServiceFlags::Parse(goniec::outbound::kText, argc, argv);
  if (!flags.ok()) return goniec::FailStart(goniec::outbound::kText, flags.status());
  if (flags->done) return EXIT_SUCCESS;
  return goniec::outbound::Run(*flags);
}
