// The subcommands of `goniec`, as a table. A command prints its result on standard output and returns OK, or
// an error that main.cc prints as one line: kInvalidArgument with kUsage's mark is wrong usage (exit status
// 2), anything else a failure (1).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "outbound/cli/flags.h"

namespace goniec::cli {

struct Command {
  std::string_view name;
  std::string_view arguments;  // as usage shows them: "ID"
  std::string_view summary;    // one line
  std::string_view details;    // paragraphs for `goniec help NAME`
  std::span<const FlagSpec> flags;
  absl::Status (*run)(const Flags& flags);
};

extern const Command kProvisionCommand;
extern const Command kSendCommand;
extern const Command kGetCommand;
extern const Command kInfoCommand;
extern const Command kSitesCommand;
extern const Command kTokenCommand;
extern const Command kAuditCommand;
extern const Command kQuarantineCommand;

// Wrong usage: exit status 2.
absl::Status UsageError(std::string_view text);
[[nodiscard]] bool IsUsageError(const absl::Status& status);

// A whole file, or standard input for "-"; one line that says what is wrong.
absl::StatusOr<std::string> ReadInput(const std::string& path);

}  // namespace goniec::cli
