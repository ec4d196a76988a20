// The tokens that are taken now: those of the configuration, and those of its files as they were when they
// were last good. Asked for every call; looks whether a file has changed at most every two seconds, also
// where a file is replaced through symbolic links as Kubernetes does it. While a new file is no good, what
// was in use stays in use, a warning says why, and goniec_api_tokens_stale is 1. Thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/observe/metrics.h"
#include "outbound/api/api_config.h"
#include "outbound/api/credentials.h"

namespace goniec::outbound {

class TokenFiles {
 public:
  // `config` must outlive it.
  TokenFiles(const ApiConfig& config, observe::Metrics& metrics,
             std::chrono::milliseconds look_again = std::chrono::seconds(2));

  // Those of now; they stay as they are for whoever holds them.
  [[nodiscard]] std::shared_ptr<const Credentials> Current();

 private:
  // What changes with the files, a line for each: of their contents, for two changes within one tick of the
  // file system's clock leave the same time, and perhaps the same size, behind.
  [[nodiscard]] std::string Marks() const;
  void LookAgain();

  const ApiConfig& config_;
  const std::chrono::milliseconds look_again_;
  const observe::Gauge stale_;
  const observe::Gauge count_;
  std::mutex mutex_;
  std::shared_ptr<const Credentials> current_;
  std::vector<std::string> files_;
  std::string marks_;  // of the files that were last tried
  BootTime next_look_;
};

}  // namespace goniec::outbound
