// goniec-inbound: the SMTP receiver. What it is made of is in service.cc; flags and signals are here.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "common/base/command_line.h"
#include "common/observe/log.h"
#include "inbound/config.h"
#include "inbound/service.h"

namespace goniec::inbound {
namespace {

constexpr ServiceFlags::Text kText = {
    .name = "goniec-inbound",
    .purpose = "accepts mail by SMTP and stores it in the queue before it says yes",
};

int Run(const ServiceFlags& flags) {
  absl::StatusOr<InboundConfig> config = LoadInboundConfig(flags.config_path);
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
  observe::Info("stopped", {{"clean", clean}});
  if (!clean) {
    // A commit is still waited for. Its sender got no 250 and sends again; nothing here is worth waiting for.
    observe::StopLog();
    _exit(EXIT_SUCCESS);
  }
  service->reset();
  observe::StopLog();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace goniec::inbound

int main(int argc, char** argv) {
  const auto flags = goniec::ServiceFlags::Parse(goniec::inbound::kText, argc, argv);
  if (!flags.ok()) return goniec::FailStart(goniec::inbound::kText, flags.status());
  if (flags->done) return EXIT_SUCCESS;
  return goniec::inbound::Run(*flags);
}
