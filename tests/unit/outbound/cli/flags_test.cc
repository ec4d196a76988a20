#include "outbound/cli/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace goniec::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::array kSpecs = std::to_array<FlagSpec>({
    {"from", FlagKind::kOne, "ADDRESS", "sender"},
    {"to", FlagKind::kMany, "ADDRESS", "recipient"},
    {"file", FlagKind::kOne, "FILE", "path"},
    {"json", FlagKind::kSwitch, "", "as JSON"},
});

absl::StatusOr<Flags> Parse(std::vector<std::string> arguments) {
  return Flags::Parse(kSpecs, arguments);
}

TEST(Flags, TakesBothFormsAndArguments) {
  const auto flags =
      Parse({"id", "--from=a=b", "--to", "x", "--json", "--to", "--json", "-", "--", "--from"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->One("from"), "a=b");
  EXPECT_THAT(flags->Many("to"), ElementsAre("x", "--json"));
  EXPECT_TRUE(flags->Has("json"));
  EXPECT_THAT(flags->arguments(), ElementsAre("id", "-", "--from"));
}

TEST(Flags, AbsentOnesAreEmpty) {
  const auto flags = Parse({"--from="});
  EXPECT_TRUE(flags->Has("from"));
  EXPECT_FALSE(flags->Has("to"));
  EXPECT_EQ(flags->One("to"), "");
  EXPECT_TRUE(flags->Many("to").empty());
}

TEST(Flags, RefusesWithTheReason) {
  struct Row {
    std::vector<std::string> arguments;
    const char* why;
  };
  for (const Row& row : std::vector<Row>{{{"--fro", "a"}, "did you mean --from?"},
                                         {{"--nonsense"}, "no flag --nonsense"},
                                         {{"--from"}, "needs a value: ADDRESS"},
                                         {{"--from", "a", "--from", "b"}, "given twice"},
                                         {{"--json=yes"}, "takes no value"},
                                         {{"-x"}, "no flag --x"},
                                         {{"--from", "caf\xE9"}, "--from is not UTF-8: octet 4 is 0xE9;"},
                                         {{"--to=caf\xE9"}, "--to is not UTF-8: octet 4 is 0xE9;"},
                                         {{"id", "\xFF"}, "argument 2 is not UTF-8: octet 1 is 0xFF;"}}) {
    const auto flags = Parse(row.arguments);
    ASSERT_FALSE(flags.ok()) << row.why;
    EXPECT_THAT(std::string(flags.status().message()), HasSubstr(row.why));
  }
}

TEST(Flags, APathMayBeOfAnyOctets) {
  const auto flags = Parse({"--file", "caf\xE9"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->One("file"), "caf\xE9");
}

TEST(Flags, HelpIsAligned) {
  EXPECT_EQ(FlagsHelp(kSpecs),
            "  --from ADDRESS  sender\n  --to ADDRESS    recipient\n  --file FILE     path\n  --json         "
            " as JSON\n");
}

}  // namespace
}  // namespace goniec::cli
