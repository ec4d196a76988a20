#include "common/mail/address_field.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "common/mail/address_lexer.h"

namespace goniec::mail {
namespace {

struct Row {
  const char* name;
  const char* value;
  const char* addresses;
  bool well_formed = true;
};

TEST(AddressField, Table) {
  for (const Row& row : std::vector<Row>{
           {"alone", "a@one.test", "a@one.test"},
           {"brackets", " <a@one.test> ", "a@one.test"},
           {"atoms", "John Q. Public <a@one.test>", "a@one.test"},
           {"quoted name", "\"A, B <c@d.test>\" <a@one.test>", "a@one.test"},
           {"quoted pair", "\"A \\\" <c@d.test>, \\\\\" <a@one.test>", "a@one.test"},
           {"encoded word", "=?utf-8?q?J=C3=BCrgen?= <a@one.test>", "a@one.test"},
           {"UTF-8", "Jürgen <jürgen@bücher.test>", "jürgen@bücher.test"},
           {"comments", "(x (y) \\) ) a (z@q.test) @ (y) one (.) . test (c)", "a@one.test"},
           {"list", "a@one.test, B <b@two.test> ,c@three.test", "a@one.test b@two.test c@three.test"},
           {"fold", "A\r\n <a@one.test>,\r\n\tb@two.test", "a@one.test b@two.test"},
           {"empty elements", ", ,a@one.test,,", "a@one.test"},
           {"group", "Friends: a@one.test, B <b@two.test>; , c@three.test",
            "a@one.test b@two.test c@three.test"},
           {"quoted group", "\"a:b\" c: a@one.test;", "a@one.test"},
           {"literal", "a@[192.0.2.1], b@[IPv6:2001:db8::1]", "a@[192.0.2.1] b@[IPv6:2001:db8::1]"},
           {"quoted local", "\"a b@c\"@one.test", "\"a b@c\"@one.test"},
           {"obsolete local", "a . \"b\" . c@one.test", "a.\"b\".c@one.test"},
           {"dots", "a..b@one.test, <a.@two.test>, .a@three.test", "a..b@one.test a.@two.test .a@three.test"},
           {"underscore", "a@b_c.test", "a@b_c.test"},
           {"address as a name", "a@one.test <b@two.test>", "a@one.test b@two.test"},
           {"bracketed word", "List [announce] x <a@one.test>", "a@one.test"},

           {"nothing", "", "", false},
           {"spaces", " \t", "", false},
           {"empty group", "undisclosed-recipients:;", "", false},
           {"name only", "John", "", false},
           {"unquoted comma", "Doe, John <a@one.test>", "a@one.test", false},
           {"semicolon", "a@one.test; b@two.test", "a@one.test b@two.test", false},
           {"nested group", "g: h: a@one.test;;", "a@one.test", false},
           {"open group", "g: a@one.test", "a@one.test", false},
           {"group without a name", ": a@one.test;", "a@one.test", false},
           {"address behind a group", "g: a@one.test; b@two.test", "a@one.test b@two.test", false},
           {"two brackets", "<a@one.test> <b@two.test>", "a@one.test", false},
           {"words before", "From a@one.test", "a@one.test", false},
           {"words behind", "a@one.test John", "a@one.test", false},
           {"words behind brackets", "<a@one.test> John", "a@one.test", false},
           {"two at", "a@one.test@two.test", "a@one.test", false},
           {"two at in brackets", "<a@one.test@two.test>", "a@one.test", false},
           {"empty brackets", "John <>", "", false},
           {"no domain", "<a>", "", false},
           {"nothing behind at", "<a@>", "", false},
           {"nothing before at", "@one.test", "", false},
           {"route", "<@hop.test:a@one.test>", "", false},
           {"open bracket", "<a@one.test", "a@one.test", false},
           {"stray bracket", "a@one.test>", "a@one.test", false},
           {"open quote", "\"John <a@one.test>", "", false},
           {"open comment", "a@one.test (John", "a@one.test", false},
           {"open literal", "a@[192.0.2.1", "", false},
           {"space in a literal", "a@[ 192.0.2.1]", "a@[ 192.0.2.1]", false},
           {"address in a literal", "[b@two.test] <a@one.test>", "a@one.test", false},
           {"backslash", "a\\@b@one.test", "a@b", false},
           {"control", "John\x01 <a@one.test>", "a@one.test", false},
           {"control in quotes", "\"John\x01\" <a@one.test>", "a@one.test", false}}) {
    const auto field = ReadAddressField(row.value);
    ASSERT_TRUE(field.ok()) << row.name;
    EXPECT_EQ(absl::StrJoin(field->addresses, " "), row.addresses) << row.name;
    EXPECT_EQ(field->malformed.empty(), row.well_formed) << row.name << ": " << field->malformed;
  }
}

std::string Repeated(std::string_view piece, std::size_t length) {
  std::string text;
  while (text.size() < length) text += piece;
  return text.substr(0, length);
}

TEST(AddressField, IsLimited) {
  const std::string comments = Repeated("(", kMaxCommentDepth) + Repeated(")", kMaxCommentDepth);
  EXPECT_TRUE(ReadAddressField("a@one.test" + comments)->malformed.empty());
  EXPECT_FALSE(ReadAddressField("a@one.test(" + comments + ")")->malformed.empty());
  EXPECT_TRUE(ReadAddressField(Repeated("a@b,", 4 * kMaxFieldAddresses)).ok());
  EXPECT_FALSE(ReadAddressField(Repeated("a@b,", 4 * kMaxFieldAddresses + 4)).ok());
  EXPECT_TRUE(ReadAddressField("a@b" + Repeated(" ", kMaxAddressField - 3)).ok());
  EXPECT_FALSE(ReadAddressField("a@b" + Repeated(" ", kMaxAddressField - 2)).ok());
}

constexpr const char* kPieces[] = {
    "g:", "(",         ")",    "<",  ">",    "\"",    "\\\"", "\"\\\"", "[",  "]",   "@",
    ",",  ";",         ".",    "a@", "a@b,", "<a@b>", " ",    "\t",     "\\", "g:;", "()",
    "(a", "=?x?q?y?=", "\x01", "ü",  "x y ", "a.",    "@a,",  "\"\"",   "[]"};

// Tokens are taken, never given back: that each octet is in exactly one, and none is empty, bounds the work.
TEST(AddressLexer, TakesEachOctetOnce) {
  for (const char* piece : kPieces) {
    const std::string line = Repeated(piece, 1'000'000);
    AddressLexer lexer(line);
    const char* at = line.data();
    bool in_step = true;
    for (AddressToken token = lexer.Next(); token.kind != AddressToken::Kind::kEnd; token = lexer.Next()) {
      in_step = in_step && !token.text.empty() && token.text.data() == at;
      at += token.text.size();
    }
    EXPECT_TRUE(in_step) << piece;
    EXPECT_EQ(at, line.data() + line.size()) << piece;
  }
}

TEST(AddressField, ManyOfAnythingIsHarmless) {
  for (const char* first : kPieces) {
    for (const char* second : kPieces)
      (void)ReadAddressField(Repeated(std::string(first) + second, kMaxAddressField));
  }
}

}  // namespace
}  // namespace goniec::mail
