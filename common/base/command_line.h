// What the two services' main functions share: their few flags, the signals that stop them, and how a start
// that failed is told. Used before any other thread runs.
#pragma once

#include <csignal>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace goniec {

struct ServiceFlags {
  struct Text {
    std::string_view name;
    std::string_view purpose;  // one line for --help
  };

  std::string config_path;
  bool check_only = false;
  // --help or --version was answered: nothing is left to do.
  bool done = false;

  // --config FILE, --check-config, --version, --help. kInvalidArgument with one line for anything else.
  static absl::StatusOr<ServiceFlags> Parse(const Text& text, int argc, const char* const* argv);
};

// Prints each line of the status's message after the service's name to standard error; the exit code to
// return: 2 for bad flags and configuration, 1 for the rest.
int FailStart(const ServiceFlags::Text& text, const absl::Status& status);

// Blocks SIGTERM and SIGINT for this thread and those that it starts, ignores SIGPIPE, and waits for the
// former.
class StopSignals {
 public:
  StopSignals();
  // The signal that came. A second one while draining ends the process at once.
  [[nodiscard]] int Wait() const;

 private:
  sigset_t set_;
};

}  // namespace goniec
