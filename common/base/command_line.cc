#include "common/base/command_line.h"

#include <pthread.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"

namespace goniec {
namespace {

constexpr int kExitUsage = 2;

void PrintHelp(const ServiceFlags::Text& text) {
  std::printf(
      "%s: %s\n\n"
      "  --config FILE     the configuration (required)\n"
      "  --check-config    read it, say what is wrong with it, and end\n"
      "  --version         print the version\n"
      "  --help            print this\n",
      std::string(text.name).c_str(), std::string(text.purpose).c_str());
}

}  // namespace

absl::StatusOr<ServiceFlags> ServiceFlags::Parse(const Text& text, int argc, const char* const* argv) {
  ServiceFlags flags;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "--help" || word == "-h") {
      PrintHelp(text);
      flags.done = true;
      return flags;
    }
    if (word == "--version") {
      std::printf("%s %s\n", std::string(text.name).c_str(), GONIEC_VERSION);
      flags.done = true;
      return flags;
    }
    if (word == "--check-config") {
      flags.check_only = true;
    } else if (word == "--config" && i + 1 < argc) {
      flags.config_path = argv[++i];
    } else if (word.starts_with("--config=")) {
      flags.config_path = word.substr(word.find('=') + 1);
    } else if (word == "--config") {
      return absl::InvalidArgumentError("--config needs a file; try --help");
    } else {
      return absl::InvalidArgumentError(absl::StrCat("unknown argument '", Printable(word), "'; try --help"));
    }
  }
  if (flags.config_path.empty())
    return absl::InvalidArgumentError("say where the configuration is: --config FILE");
  return flags;
}

int FailStart(const ServiceFlags::Text& text, const absl::Status& status) {
  for (const auto line : absl::StrSplit(status.message(), '\n', absl::SkipEmpty())) {
    std::fprintf(stderr, "%s: %s\n", std::string(text.name).c_str(), std::string(line).c_str());
  }
  const bool usage =
      absl::IsInvalidArgument(status) || absl::IsNotFound(status) || absl::IsPermissionDenied(status);
  return usage ? kExitUsage : EXIT_FAILURE;
}

StopSignals::StopSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigemptyset(&set_);
  sigaddset(&set_, SIGTERM);
  sigaddset(&set_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

int StopSignals::Wait() const {
  int signal = 0;
  sigwait(&set_, &signal);
  // From here on one more ends the process: whoever asks twice does not want to wait.
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
  return signal;
}

}  // namespace goniec
