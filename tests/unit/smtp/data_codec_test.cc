#include "common/smtp/data_codec.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "common/smtp/header_scan.h"

namespace goniec::smtp {
namespace {

struct Decoded {
  std::string content;
  std::string rest;  // behind the end of data
  bool ended = false;
  ContentFlaw flaw = ContentFlaw::kNone;
};

// Decodes `pieces` in turn; what follows the end goes to `rest`.
Decoded Decode(const std::vector<std::string_view>& pieces) {
  DataDecoder decoder;
  ContentCheck check;
  Decoded decoded;
  for (std::string_view piece : pieces) {
    while (!piece.empty() && !decoder.ended()) {
      const DataDecoder::Piece next = decoder.Next(piece);
      EXPECT_TRUE(next.consumed > 0 || !next.content.empty());
      check.Feed(next.content);
      decoded.content.append(next.content);
      piece.remove_prefix(next.consumed);
    }
    decoded.rest.append(piece);
  }
  check.Finish();
  decoded.ended = decoder.ended();
  decoded.flaw = check.flaw();
  return decoded;
}

struct DecodeRow {
  const char* name;
  std::string wire;
  std::string content;
  std::string rest;
  bool ended = true;
  ContentFlaw flaw = ContentFlaw::kNone;
};

class DataDecoderTable : public ::testing::TestWithParam<DecodeRow> {};

TEST_P(DataDecoderTable, AnySplitInThreeGivesTheSame) {
  const std::string_view wire = GetParam().wire;
  for (size_t first = 0; first <= wire.size(); ++first) {
    for (size_t second = first; second <= wire.size(); ++second) {
      const Decoded decoded =
          Decode({wire.substr(0, first), wire.substr(first, second - first), wire.substr(second)});
      ASSERT_EQ(decoded.content, GetParam().content) << first << ' ' << second;
      ASSERT_EQ(decoded.rest, GetParam().rest) << first << ' ' << second;
      ASSERT_EQ(decoded.ended, GetParam().ended);
      ASSERT_EQ(decoded.flaw, GetParam().flaw);
    }
  }
}

TEST_P(DataDecoderTable, OctetByOctetGivesTheSame) {
  std::vector<std::string_view> pieces;
  for (size_t i = 0; i < GetParam().wire.size(); ++i)
    pieces.push_back(std::string_view(GetParam().wire).substr(i, 1));
  const Decoded decoded = Decode(pieces);
  EXPECT_EQ(decoded.content, GetParam().content);
  EXPECT_EQ(decoded.rest, GetParam().rest);
  EXPECT_EQ(decoded.flaw, GetParam().flaw);
}

constexpr ContentFlaw kNone = ContentFlaw::kNone;
constexpr ContentFlaw kBareCr = ContentFlaw::kBareCr;
constexpr ContentFlaw kBareLf = ContentFlaw::kBareLf;

INSTANTIATE_TEST_SUITE_P(
    Table, DataDecoderTable,
    ::testing::Values(
        DecodeRow{"Simple", "a\r\nb\r\n.\r\nQUIT\r\n", "a\r\nb\r\n", "QUIT\r\n"},
        DecodeRow{"Empty", ".\r\nQUIT", "", "QUIT"}, DecodeRow{"EmptyLine", "\r\n.\r\n", "\r\n", ""},
        DecodeRow{"Stuffed", "..\r\n..a\r\n...\r\n.\r\n", ".\r\n.a\r\n..\r\n", ""},
        DecodeRow{"StuffedFirst", "..x\r\n.\r\n", ".x\r\n", ""},
        DecodeRow{"DotDropped", ".x\r\n.\r\n", "x\r\n", ""},  // RFC 5321 §4.5.2: the first dot goes
        DecodeRow{"DotInside", "a.\r\n.b.\r\n.\r\n", "a.\r\nb.\r\n", ""},
        DecodeRow{"TwoEnds", ".\r\n.\r\n", "", ".\r\n"}, DecodeRow{"NotYet", "a\r\n.\r", "a\r\n", "", false},
        DecodeRow{"NotYetLf", "a\r\n.", "a\r\n", "", false},
        // The smuggling family: none of these is an end of data (CVE-2023-51764 and its kin).
        DecodeRow{"LfDotLf", "a\n.\nb\r\n.\r\nQ", "a\n.\nb\r\n", "Q", true, kBareLf},
        DecodeRow{"LfDotCrLf", "a\n.\r\nb\r\n.\r\nQ", "a\n.\r\nb\r\n", "Q", true, kBareLf},
        DecodeRow{"CrLfDotLf", "a\r\n.\nb\r\n.\r\nQ", "a\r\n\nb\r\n", "Q", true, kBareLf},
        DecodeRow{"CrLfDotCr", "a\r\n.\rb\r\n.\r\nQ", "a\r\n\rb\r\n", "Q", true, kBareCr},
        DecodeRow{"CrDotCr", "a\r.\rb\r\n.\r\nQ", "a\r.\rb\r\n", "Q", true, kBareCr},
        DecodeRow{"CrDotCrLf", "a\r.\r\nb\r\n.\r\nQ", "a\r.\r\nb\r\n", "Q", true, kBareCr},
        DecodeRow{"CrLfDotCrCrLf", "a\r\n.\r\r\nb\r\n.\r\nQ", "a\r\n\r\r\nb\r\n", "Q", true, kBareCr},
        DecodeRow{"CrCrLfDot", "a\r\r\n.\r\nQ", "a\r\r\n", "Q", true, kBareCr},
        DecodeRow{"LfCrDot", "a\n\r.\n\r\n.\r\nQ", "a\n\r.\n\r\n", "Q", true, kBareLf},
        DecodeRow{"LfFirst", "\n.\r\nb\r\n.\r\nQ", "\n.\r\nb\r\n", "Q", true, kBareLf},
        DecodeRow{"NulDot", std::string("a\r\n\0.\r\n.\r\nQ", 11), std::string("a\r\n\0.\r\n", 7), "Q", true,
                  ContentFlaw::kNul},
        DecodeRow{"LastCrBare", "a\r\n.\rx", "a\r\n\rx", "", false, kBareCr},
        DecodeRow{"EightBit", "\xFF\x80.\r\n.\r\n", "\xFF\x80.\r\n", ""}),
    [](const auto& info) { return info.param.name; });

TEST(ContentCheck, FlawsInAnySplit) {
  struct Row {
    std::string content;
    ContentFlaw flaw;
  };
  for (const Row& row : {
           Row{"", kNone},
           Row{"a", kNone},
           Row{"a\r\n\r\n", kNone},
           Row{"a\r\nb", kNone},
           Row{"\n", kBareLf},
           Row{"\r", kBareCr},
           Row{"a\r", kBareCr},
           Row{"a\r\n\n", kBareLf},
           Row{"\r\r\n", kBareCr},
           Row{"a\rb\r\n", kBareCr},
           Row{"a\nb\r\n", kBareLf},
           Row{std::string("a\0\r\n", 4), ContentFlaw::kNul},
       }) {
    for (size_t split = 0; split <= row.content.size(); ++split) {
      ContentCheck check;
      check.Feed(std::string_view(row.content).substr(0, split));
      check.Feed(std::string_view(row.content).substr(split));
      check.Finish();
      EXPECT_EQ(check.flaw(), row.flaw) << row.content << " at " << split;
    }
  }
}

std::string Encode(std::string_view content, size_t split) {
  DataEncoder encoder;
  std::string wire;
  encoder.Append(content.substr(0, split), &wire);
  encoder.Append(content.substr(split), &wire);
  encoder.Finish(&wire);
  return wire;
}

TEST(DataEncoder, StuffsDotsInAnySplit) {
  struct Row {
    std::string content;
    std::string wire;
  };
  for (const Row& row : {
           Row{"", ".\r\n"},
           Row{"a\r\n", "a\r\n.\r\n"},
           Row{".\r\n", "..\r\n.\r\n"},
           Row{"..a\r\n.b\r\n", "...a\r\n..b\r\n.\r\n"},
           Row{"a", "a\r\n.\r\n"},
           Row{"a\r\n.", "a\r\n..\r\n.\r\n"},
           Row{"a.b\r\n\r\n", "a.b\r\n\r\n.\r\n"},
           // Never sent by us; still no end of data for a receiver that is lenient.
           Row{"a\n.\r\n", "a\n..\r\n.\r\n"},
           Row{"a\n", "a\n\r\n.\r\n"},
       }) {
    for (size_t split = 0; split <= row.content.size(); ++split) {
      EXPECT_EQ(Encode(row.content, split), row.wire) << row.content << " at " << split;
    }
  }
}

TEST(DataCodec, WhatIsEncodedDecodesToTheSame) {
  constexpr unsigned kSeed = 20240611;
  std::mt19937 random(kSeed);  // NOLINT(cert-msc51-cpp): repeatable on purpose
  const std::vector<std::string> tokens = {"\r\n", ".", "a", "\r\n.", "..", "\r\n.\r\n", "\xC3\xA9", " "};
  for (int round = 0; round < 2000; ++round) {
    std::string content;
    for (unsigned i = random() % 20; i > 0; --i) content += tokens[random() % tokens.size()];
    content += "\r\n";
    const std::string wire = Encode(content, random() % content.size()) + "NEXT";
    const size_t split = random() % wire.size();
    const Decoded decoded =
        Decode({std::string_view(wire).substr(0, split), std::string_view(wire).substr(split)});
    ASSERT_EQ(decoded.content, content);
    ASSERT_EQ(decoded.rest, "NEXT");
    ASSERT_EQ(decoded.flaw, kNone);
  }
}

TEST(HeaderScan, CountsReceivedHeadersOnly) {
  const std::string message =
      "Received: a\r\n\tfolded Received: no\r\nRECEIVED : b\r\nReceived-SPF: pass\r\nX-Received: c\r\n"
      "receiveD:\r\nSubject: Received: d\r\n\r\nReceived: in the body\r\n";
  for (size_t split = 0; split <= message.size(); ++split) {
    HeaderScan scan;
    scan.Feed(std::string_view(message).substr(0, split));
    scan.Feed(std::string_view(message).substr(split));
    EXPECT_EQ(scan.received(), 3) << split;
    EXPECT_TRUE(scan.done());
  }
}

TEST(HeaderScan, AMessageMayBeginWithItsBody) {
  HeaderScan scan;
  scan.Feed("\r\nReceived: a\r\n");
  EXPECT_TRUE(scan.done());
  EXPECT_EQ(scan.received(), 0);
}

TEST(HeaderScan, NotesWhereOctetsBeyondAsciiAre) {
  struct Row {
    const char* name;
    std::string message;
    bool header_is_ascii;
    bool body_is_ascii;
  };
  for (const Row& row : {
           Row{"None", "Subject: a\r\n\r\nbody\r\n", true, true},
           Row{"Header", "Subject: a\xc3\xbc\r\nTo: b\r\n\r\nbody\r\n", false, true},
           Row{"Body", "Subject: a\r\n\r\nlong enough for several words \xc3\xbc\r\n", true, false},
           Row{"Both", "Subject: \xff\r\n\r\n\xff\r\n", false, false},
           Row{"OnlyABody", "\r\n\xff", true, false},
           Row{"HeaderWithoutEnd", "Subject: \xff", false, true},
           Row{"Empty", "", true, true},
       }) {
    for (size_t split = 0; split <= row.message.size(); ++split) {
      HeaderScan scan;
      scan.Feed(std::string_view(row.message).substr(0, split));
      scan.Feed(std::string_view(row.message).substr(split));
      EXPECT_EQ(scan.header_is_ascii(), row.header_is_ascii) << row.name << " " << split;
      EXPECT_EQ(scan.body_is_ascii(), row.body_is_ascii) << row.name << " " << split;
    }
  }
}

}  // namespace
}  // namespace goniec::smtp
