// Flags of one subcommand: `--name value`, `--name=value`, `--switch`, `--` before what only looks like
// flags, and the rest as arguments. Each subcommand has a table of its own, which is also its help. Immutable
// after parsing.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace goniec::cli {

enum class FlagKind {
  kSwitch,  // no value
  kOne,     // at most once
  kMany,    // any number
};

// The value of a flag that names a file.
inline constexpr std::string_view kFileValue = "FILE";

struct FlagSpec {
  std::string_view name;  // without dashes
  FlagKind kind;
  std::string_view value;  // what help calls the value: "FILE"
  std::string_view help;   // one line
};

class Flags {
 public:
  // kInvalidArgument in one line: an unknown flag (with the one that may be meant), a missing or unwanted
  // value, a flag given twice, a value that is not UTF-8 (paths excepted).
  static absl::StatusOr<Flags> Parse(std::span<const FlagSpec> specs, std::span<const std::string> arguments);

  [[nodiscard]] bool Has(std::string_view name) const { return values_.contains(name); }
  // Empty if it was not given.
  [[nodiscard]] std::string One(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& Many(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& arguments() const { return arguments_; }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> arguments_;
};

// Two columns, for `goniec help COMMAND`.
std::string FlagsHelp(std::span<const FlagSpec> specs);

}  // namespace goniec::cli
