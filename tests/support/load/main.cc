// goniec-load: sends mail by SMTP or by Goniec's gRPC API as fast as a server takes it, or at a constant
// rate, and says how many were accepted, how long that took and what it cost. For measurements; `goniec-load
// --help` lists the flags.
#include <sys/random.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/command_line.h"
#include "common/base/text.h"
#include "tests/support/load/grpc_load.h"
#include "tests/support/load/mail_form.h"
#include "tests/support/load/options.h"
#include "tests/support/load/smtp_load.h"
#include "tests/support/load/tally.h"

namespace goniec::load {
namespace {

constexpr ServiceFlags::Text kText{.name = "goniec-load", .purpose = "a load generator for mail"};

absl::StatusOr<std::string> ReadToken(const Options& options) {
  std::string token;
  if (options.token_file.empty()) {
    const char* value = std::getenv("GONIEC_TOKEN");
    if (value != nullptr) token = value;
  } else {
    std::ifstream file(options.token_file);
    if (!std::getline(file, token)) {
      return absl::NotFoundError("--token-file " + Printable(options.token_file) +
                                 " cannot be read or is empty");
    }
  }
  token = TrimAsciiSpace(token);
  for (const char c : token) {
    // gRPC ends the process at metadata that HTTP/2 cannot carry.
    if (c < ' ' || c > '~') return absl::InvalidArgumentError("the token is not printable ASCII");
  }
  return token;
}

Tally::Time ProcessorTime() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto time = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  return time(usage.ru_utime) + time(usage.ru_stime);
}

// A word that the mails of this run have in common and those of others have not.
std::string RunName() {
  std::uint64_t random = 0;
  (void)getrandom(&random, sizeof random, 0);
  return absl::StrFormat("%016x", random);
}

int Main(int argc, const char* const* argv) {
  const absl::StatusOr<Options> options = Options::Parse(argc, argv);
  if (!options.ok()) return FailStart(kText, options.status());
  if (options->done) return EXIT_SUCCESS;
  const absl::StatusOr<std::string> token = ReadToken(*options);
  if (!token.ok()) return FailStart(kText, token.status());
  if (!token->empty()) {
    if (const absl::Status may = options->AllowToken(); !may.ok()) return FailStart(kText, may);
  }
  std::signal(SIGPIPE, SIG_IGN);
  // A failed connection is told once, by us.
  setenv("GRPC_VERBOSITY", "NONE", 0);

  const MailForm form(*options, RunName(),
                      absl::FormatTime("%a, %d %b %Y %H:%M:%S +0000", absl::Now(), absl::UTCTimeZone()));
  Tally tally;
  if (options->rate > 0) tally.in_time_until = options->InTime();
  const Tally::Time before = ProcessorTime();
  const absl::Status ran = options->protocol == Options::Protocol::kSmtp
                               ? RunSmtp(*options, form, tally)
                               : RunGrpc(*options, form, *token, tally);
  tally.processor = ProcessorTime() - before;
  if (ran.ok() || tally.answered() > 0) {
    std::fputs((options->json ? tally.Json(*options) : tally.Text(*options)).c_str(), stdout);
    std::fflush(stdout);
  }
  const absl::Status verdict = ran.ok() ? tally.Verdict() : ran;
  return verdict.ok() ? EXIT_SUCCESS : FailStart(kText, verdict);
}

}  // namespace
}  // namespace goniec::load

int main(int argc, char** argv) {
  return goniec::load::Main(argc, argv);
}
