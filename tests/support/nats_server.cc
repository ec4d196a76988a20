#include "tests/support/nats_server.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace goniec::test {
namespace {

// What `binary --version` prints ("nats-server: v2.15.1"), or why it prints nothing.
std::string VersionOf(const std::string& binary) {
  const auto finished = RunProcess({binary, "--version"});
  if (!finished.ok()) return std::string(finished.status().message());
  return finished->output.substr(0, finished->output.find('\n'));
}

bool IsNewEnough(const std::string& version) {
  const size_t at = version.find('v', version.find(':') + 1);
  int major = 0;
  int minor = 0;
  if (at == std::string::npos || std::sscanf(version.c_str() + at, "v%d.%d", &major, &minor) != 2)
    return false;
  return std::pair(major, minor) >= std::pair(2, 15);
}

// Ends the test program where there is none: no fixture could go on, and none could say more than this line.
const std::string& Binary() {
  static const std::string binary = [] {
    const char* named = std::getenv("GONIEC_NATS_SERVER");
    std::string found = named != nullptr && *named != '\0' ? named : "nats-server";
    if (const std::string version = VersionOf(found); !IsNewEnough(version)) {
      std::fprintf(stderr,
                   "nats-server 2.15 or newer is missing (%s): ./dev test fetches it; or name one in "
                   "GONIEC_NATS_SERVER\n",
                   version.c_str());
      std::_Exit(1);
    }
    return found;
  }();
  return binary;
}

}  // namespace

NatsServer::NatsServer(NatsServerOptions options)
    : options_(std::move(options)), port_(FreePort()), monitor_port_(options_.monitoring ? FreePort() : 0) {}

absl::StatusOr<std::unique_ptr<NatsServer>> NatsServer::Start(NatsServerOptions options) {
  std::unique_ptr<NatsServer> server(new NatsServer(std::move(options)));
  GONIEC_RETURN_IF_ERROR(server->Launch());
  return server;
}

std::string NatsServer::url() const {
  return absl::StrCat("nats://127.0.0.1:", port_);
}

std::string NatsServer::monitor_url() const {
  return monitor_port_ == 0 ? "" : absl::StrCat("http://127.0.0.1:", monitor_port_);
}

std::string NatsServer::log() const {
  return ReadFileOrEmpty(folder_.File("nats.log"));
}

absl::Status NatsServer::Launch() {
  const std::string config =
      absl::StrCat("listen: \"127.0.0.1:", port_, "\"\n", "server_name: test\n",
                   monitor_port_ == 0 ? "" : absl::StrCat("http: \"127.0.0.1:", monitor_port_, "\"\n"),
                   "jetstream {\n  store_dir: \"", folder_.File("store"),
                   "\"\n  max_file_store: ", options_.max_file_store, "\n",
                   options_.fsync ? "  sync_interval: always\n" : "", "}\n", options_.extra, "\n");
  ProcessOptions process_options;
  process_options.output_file = folder_.File("nats.log");
  const size_t before = log().size();
  auto process = Process::Start({Binary(), "-c", folder_.Write("nats.conf", config)}, process_options);
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  if (!process_->WaitForOutput("Server is ready", std::chrono::seconds(30), before)) {
    return absl::UnavailableError(absl::StrCat(
        Binary(), " (set GONIEC_NATS_SERVER to one of 2.15 or newer) is not ready: ", log().substr(before)));
  }
  return absl::OkStatus();
}

void NatsServer::Kill() {
  process_->Kill();
}

void NatsServer::Stop() {
  process_->Terminate();
}

absl::Status NatsServer::StartAgain() {
  process_.reset();
  return Launch();
}

absl::Status NatsServer::StartAgain(NatsServerOptions options) {
  options_ = std::move(options);
  return StartAgain();
}

}  // namespace goniec::test
