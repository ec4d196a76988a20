// A real nats-server with JetStream for one test: free ports, store in a temporary folder, `sync_interval:
// always` unless told otherwise. The binary is $GONIEC_NATS_SERVER or nats-server on PATH; it must be 2.15 or
// newer, and without one the test program ends with a line that says so. Dies with the test. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/support/process.h"

namespace goniec::test {

struct NatsServerOptions {
  // false: the server's default, which acknowledges before it fsyncs.
  bool fsync = true;
  bool monitoring = true;
  // More lines for the configuration file (users, limits, max_payload).
  std::string extra;
  // Bytes of store that the server offers.
  uint64_t max_file_store = 2ULL << 30;
};

class NatsServer {
 public:
  // Returns when it takes connections and JetStream is up.
  static absl::StatusOr<std::unique_ptr<NatsServer>> Start(NatsServerOptions options = {});

  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::string monitor_url() const;  // "http://127.0.0.1:PORT", empty without monitoring
  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] Process& process() { return *process_; }
  [[nodiscard]] std::string log() const;

  // SIGKILL: what a crash leaves. Then StartAgain() on the same ports and store.
  void Kill();
  // SIGTERM and the end of it (lame duck off).
  void Stop();
  // With the same ports, store and options, or with new options. Returns when it is ready.
  absl::Status StartAgain();
  absl::Status StartAgain(NatsServerOptions options);
  void Freeze() { process_->Freeze(); }
  void Thaw() { process_->Thaw(); }

 private:
  explicit NatsServer(NatsServerOptions options);
  absl::Status Launch();

  NatsServerOptions options_;
  TempDir folder_;
  uint16_t port_;
  uint16_t monitor_port_;
  std::optional<Process> process_;
};

}  // namespace goniec::test
