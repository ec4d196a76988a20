#include "outbound/cli/address_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace goniec::cli {
namespace {

using testing::ElementsAre;

TEST(AddressText, NameAndAddressAreToldApart) {
  struct Row {
    const char* name;
    const char* text;
    const char* display_name;
    const char* address;
  };
  for (const Row& row : {
           Row{"an address alone", "nat@cole.example", "", "nat@cole.example"},
           Row{"in brackets", " <nat@cole.example> ", "", "nat@cole.example"},
           Row{"a name", "Nat Cole <nat@cole.example>", "Nat Cole", "nat@cole.example"},
           Row{"a quoted name", "\"Cole, Nat\" <nat@cole.example>", "Cole, Nat", "nat@cole.example"},
           Row{"quotes in the name", R"("Nat \"King\" Cole" <nat@cole.example>)", "Nat \"King\" Cole",
               "nat@cole.example"},
           Row{"a backslash in the name", R"("back\\slash" <nat@cole.example>)", "back\\slash",
               "nat@cole.example"},
           Row{"a bracket in the name", R"("a <b> c" <nat@cole.example>)", "a <b> c", "nat@cole.example"},
           Row{"a bracket in the local part", R"(Nat <"a<b"@cole.example>)", "Nat", "\"a<b\"@cole.example"},
           Row{"quotes inside a name", "Nat \"King\" Cole <nat@cole.example>", "Nat \"King\" Cole",
               "nat@cole.example"},
           Row{"a quote that is never closed", "5\" disk <nat@cole.example>", "5\" disk", "nat@cole.example"},
           Row{"a backslash at the end", R"("Nat\" <nat@cole.example>)", "Nat\\", "nat@cole.example"},
           Row{"a quoted local part alone", R"("nat cole"@cole.example)", "", "\"nat cole\"@cole.example"},
           Row{"no end of the brackets", "Nat <nat@cole.example", "", "Nat <nat@cole.example"},
           Row{"nothing", "", "", ""},
       }) {
    const AddressText split = SplitAddress(row.text);
    EXPECT_EQ(split.name, row.display_name) << row.name;
    EXPECT_EQ(split.address, row.address) << row.name;
  }
}

TEST(AddressText, AnEnvelopeNamesNobodyTwice) {
  EXPECT_THAT(EachOnce({"b@x.example", "a@x.example", "b@X.EXAMPLE", "\"a\"@x.example", "A@x.example", "none",
                        "none"}),
              ElementsAre("b@x.example", "a@x.example", "A@x.example", "none"));
}

}  // namespace
}  // namespace goniec::cli
