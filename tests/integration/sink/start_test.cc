// goniec-sink is started by people as well: what is wrong is one line, and it never stands there without
// keeping what it was told to keep.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace goniec::sink {
namespace {

using testing::HasSubstr;

TEST(SinkStart, ABadStartIsOneLine) {
  const test::TempDir folder;
  const std::string script = folder.Write("rules.yaml", "rules:\n  - {on: rcpt, replay: 451}\n");
  auto first = test::Process::Start({GONIEC_SINK, "--listen", "127.0.0.1:0", "--discard"});
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(first->WaitForOutput("\n"));
  std::string taken = first->output().substr(first->output().find("127.0.0.1:"));
  taken.pop_back();
  const struct {
    const char* name;
    std::vector<std::string> arguments;
    std::string line;
  } kCases[] = {
      {"folder",
       {"--maildir", "/proc/nowhere"},
       "cannot make folder /proc/nowhere: No such file or directory"},
      {"log", {"--log", "/proc/nowhere/log"}, "cannot open /proc/nowhere/log: No such file or directory"},
      {"port in use", {"--listen", taken}, "cannot listen on " + taken + ": Address already in use"},
      {"address", {"--listen", "localhost"}, "--listen: \"localhost\" is not an address"},
      {"script", {"--script", "/nonexistent"}, "/nonexistent: cannot be read: No such file or directory"},
      {"rule",
       {"--script", script},
       script + ":2: rules[0].replay: there is no such setting; did you mean reply?"},
      {"flag", {"--maildri", "x"}, "Unknown command line flag 'maildri'"},
      {"word", {"mail"}, "what is mail? See --help"},
  };
  for (const auto& c : kCases) {
    std::vector<std::string> argv = {GONIEC_SINK};
    argv.insert(argv.end(), c.arguments.begin(), c.arguments.end());
    const auto finished = test::RunProcess(argv);
    ASSERT_TRUE(finished.ok()) << c.name << ": " << finished.status();
    EXPECT_NE(finished->status, 0) << c.name;
    EXPECT_THAT(finished->output, HasSubstr(c.line)) << c.name;
    EXPECT_EQ(std::ranges::count(finished->output, '\n'), 1) << c.name << ": " << finished->output;
  }
  EXPECT_TRUE(first->running());
}

}  // namespace
}  // namespace goniec::sink
