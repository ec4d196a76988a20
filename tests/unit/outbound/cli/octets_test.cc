#include "outbound/cli/octets.h"

#include <gtest/gtest.h>

#include <string>

namespace goniec::cli {
namespace {

TEST(Octets, SaysWhichOctetIsNotUtf8) {
  struct Row {
    const char* name;
    std::string text;
    const char* octet;  // none: it is good
  };
  for (const Row& row : {
           Row{"nothing", "", nullptr},
           Row{"ASCII with NUL", std::string("a\0b", 3), nullptr},
           Row{"all lengths", "aé€😀", nullptr},
           Row{"Latin-1", "caf\xE9 au lait", "octet 4 is 0xE9;"},
           Row{"a follower without leader", "\x80", "octet 1 is 0x80;"},
           Row{"cut off at the end", "a\xE2\x82", "octet 2 is 0xE2;"},
           Row{"overlong", "ab\xC0\xAF", "octet 3 is 0xC0;"},
           Row{"a surrogate", "é\xED\xA0\x80", "octet 3 is 0xED;"},
           Row{"beyond Unicode", "\xF4\x90\x80\x80", "octet 1 is 0xF4;"},
       }) {
    const absl::Status status = CheckUtf8("--text", row.text);
    EXPECT_EQ(status.ok(), row.octet == nullptr) << row.name;
    if (row.octet == nullptr) continue;
    EXPECT_EQ(std::string(status.message()), "--text is not UTF-8: " + std::string(row.octet) +
                                                 " text must be UTF-8 (iconv -t UTF-8 converts it)")
        << row.name;
  }
}

TEST(Octets, ATokenIsPrintableAscii) {
  EXPECT_TRUE(CheckPrintableAscii("the token", "0aZ~ !").ok());
  EXPECT_EQ(std::string(CheckPrintableAscii("the token", "ab\n").message()),
            "the token is not printable ASCII: octet 3 is 0x0A; a token has nothing else in it");
  EXPECT_FALSE(CheckPrintableAscii("the token", "żółw").ok());
}

}  // namespace
}  // namespace goniec::cli
