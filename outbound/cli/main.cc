// `goniec`, the command line: provisions the queue, sends a message, asks where it is. Each command is a file
// of this folder; here is what they share: help, version, errors as one line, exit status 0 / 1 (failure) / 2
// (usage).
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "outbound/cli/command.h"

namespace goniec::cli {
namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;

const std::array<const Command*, 8> kCommands = {&kSendCommand,       &kGetCommand,       &kInfoCommand,
                                                 &kSitesCommand,      &kProvisionCommand, &kAuditCommand,
                                                 &kQuarantineCommand, &kTokenCommand};

const Command* Find(const std::string& name) {
  for (const Command* command : kCommands) {
    if (command->name == name) return command;
  }
  return nullptr;
}

std::string Overview() {
  std::string text = "goniec: mail that you run yourself\n\n";
  for (const Command* command : kCommands) {
    std::string name = absl::StrCat("  goniec ", ToAbsl(command->name));
    name.resize(20, ' ');
    absl::StrAppend(&text, name, ToAbsl(command->summary), "\n");
  }
  return text +
         "\ngoniec help COMMAND shows its flags; goniec --version the version.\n"
         "The server is --api HOST:PORT or $GONIEC_API, by default 127.0.0.1:8443.\n";
}

std::string HelpOf(const Command& command) {
  std::string text =
      absl::StrCat("usage: goniec ", ToAbsl(command.name), command.arguments.empty() ? "" : " ",
                   ToAbsl(command.arguments), "\n\n", ToAbsl(command.summary), "\n");
  if (!command.details.empty()) absl::StrAppend(&text, "\n", ToAbsl(command.details), "\n");
  return absl::StrCat(text, "\n", FlagsHelp(command.flags));
}

int Fail(std::string_view where, const absl::Status& status) {
  const bool usage = IsUsageError(status);
  std::fflush(stdout);
  std::fprintf(stderr, "goniec%.*s: %.*s%s\n", static_cast<int>(where.size()), where.data(),
               static_cast<int>(Message(status).size()), Message(status).data(),
               usage ? "; see `goniec help`" : "");
  return usage ? kUsage : kFailure;
}

int Help(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    std::fputs(Overview().c_str(), stdout);
    return 0;
  }
  const Command* command = Find(arguments[0]);
  if (command == nullptr) return Fail("", UsageError("there is no command " + Printable(arguments[0], 40)));
  std::fputs(HelpOf(*command).c_str(), stdout);
  return 0;
}

int Main(const std::string& name, std::vector<std::string> arguments) {
  if (name == "--version" || name == "version") {
    std::printf("goniec %s\n", GONIEC_VERSION);
    return 0;
  }
  if (name == "help" || name == "--help" || name == "-h") return Help(arguments);
  const Command* command = Find(name);
  if (command == nullptr) return Fail("", UsageError("there is no command " + Printable(name, 40)));
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") return Help({name});
    if (argument == "--") break;
  }
  const std::string where = " " + name;
  const auto flags = Flags::Parse(command->flags, arguments);
  if (!flags.ok()) return Fail(where, UsageError(Message(flags.status())));
  // A failed connection is told once, by us.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  const absl::Status status = command->run(*flags);
  if (!status.ok()) return Fail(where, status);
  if (std::fflush(stdout) != 0)
    return Fail(where, absl::UnavailableError("standard output cannot be written"));
  return 0;
}

}  // namespace
}  // namespace goniec::cli

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs(goniec::cli::Overview().c_str(), stderr);
    return goniec::cli::kUsage;
  }
  return goniec::cli::Main(argv[1], std::vector<std::string>(argv + 2, argv + argc));
}
