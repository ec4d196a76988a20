#include "common/smtp/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/smtp/limits.h"
#include "common/smtp/replies.h"
#include "common/smtp/reply_parser.h"

namespace goniec::smtp {
namespace {

using ::testing::ElementsAre;

TEST(Reply, EveryRowOfTheTableIsWellFormed) {
  for (const ReplyText& row : replies::kAll) {
    const Reply reply(row);
    EXPECT_GE(row.code, 200);
    EXPECT_LT(row.code, 600);
    // RFC 2034 §4: same class; 3xx has none.
    EXPECT_EQ(row.enhanced.category, row.code / 100 == 3 ? 0 : row.code / 100) << row.text;
    EXPECT_FALSE(row.text.empty());
    EXPECT_LE(reply.ToWire().size(), 512U) << "RFC 5321 §4.5.3.1.5";
    std::string fast;
    AppendReply(row, &fast);
    EXPECT_EQ(fast, reply.ToWire());
    for (const char c : row.text) EXPECT_TRUE(c >= 0x20 && c < 0x7F) << row.text;
  }
}

TEST(Reply, EveryLineCarriesBothCodes) {
  Reply reply(550, {5, 7, 1}, "no");
  reply.lines.emplace_back("really");
  reply.lines.emplace_back("");
  EXPECT_EQ(reply.ToWire(), "550-5.7.1 no\r\n550-5.7.1 really\r\n550 5.7.1\r\n");
  EXPECT_EQ(reply.Text(), "no really");
  EXPECT_TRUE(reply.IsPermanent());
}

TEST(Reply, WithoutEnhancedCode) {
  EXPECT_EQ(Reply(354, {}, "go").ToWire(), "354 go\r\n");
  EXPECT_EQ(Reply(250, {}, "").ToWire(), "250 \r\n");
}

// Feeds `wire` in pieces of `step` octets.
ReplyParser::Progress FeedInSteps(ReplyParser* parser, std::string_view wire, size_t step) {
  auto progress = ReplyParser::Progress::kNeedMore;
  while (!wire.empty() && progress == ReplyParser::Progress::kNeedMore) {
    std::string_view piece = wire.substr(0, step);
    wire.remove_prefix(piece.size());
    progress = parser->Feed(&piece);
    EXPECT_TRUE(piece.empty() || progress != ReplyParser::Progress::kNeedMore);
  }
  return progress;
}

struct GoodReply {
  const char* name;
  std::string wire;
  int code;
  EnhancedCode enhanced;
  std::vector<std::string> lines;
};

class ReplyParserGood : public ::testing::TestWithParam<GoodReply> {};

TEST_P(ReplyParserGood, InAnySplit) {
  for (size_t step = 1; step <= GetParam().wire.size(); ++step) {
    ReplyParser parser;
    ASSERT_EQ(FeedInSteps(&parser, GetParam().wire, step), ReplyParser::Progress::kComplete);
    const Reply reply = parser.Take();
    EXPECT_EQ(reply.code, GetParam().code);
    EXPECT_TRUE(reply.enhanced == GetParam().enhanced) << reply.enhanced.ToString();
    EXPECT_EQ(reply.lines, GetParam().lines);
    EXPECT_FALSE(parser.InReply());
  }
}

using Lines = std::vector<std::string>;
INSTANTIATE_TEST_SUITE_P(
    Table, ReplyParserGood,
    ::testing::Values(
        GoodReply{"One", "250 2.1.0 ok\r\n", 250, {2, 1, 0}, Lines{"ok"}},
        GoodReply{"NoEnhanced", "250 ok\r\n", 250, {}, Lines{"ok"}},
        GoodReply{"Bare", "250\r\n", 250, {}, Lines{""}},
        GoodReply{"BareSpace", "250 \r\n", 250, {}, Lines{""}},
        GoodReply{"EnhancedOnly", "451 4.7.1\r\n", 451, {4, 7, 1}, Lines{""}},
        GoodReply{
            "Multi", "550-5.1.1 a\r\n550-5.1.1 b\r\n550 5.1.1 c\r\n", 550, {5, 1, 1}, Lines{"a", "b", "c"}},
        GoodReply{"EnhancedOnceOnly", "550-5.7.26 a\r\n550 b\r\n", 550, {5, 7, 26}, Lines{"a", "b"}},
        GoodReply{"EnhancedInSecondLine", "550-a\r\n550 5.7.26 b\r\n", 550, {5, 7, 26}, Lines{"a", "b"}},
        GoodReply{"OtherClass", "250 5.1.1 odd\r\n", 250, {}, Lines{"5.1.1 odd"}},
        GoodReply{"NotEnhanced", "550 5.1 x\r\n", 550, {}, Lines{"5.1 x"}},
        GoodReply{"NotEnhancedGlued", "550 5.1.1x\r\n", 550, {}, Lines{"5.1.1x"}},
        GoodReply{"NotEnhancedLong", "550 5.1.1234 x\r\n", 550, {}, Lines{"5.1.1234 x"}},
        GoodReply{"LoneLf", "250-a\n250 b\n", 250, {}, Lines{"a", "b"}},
        GoodReply{"AllLinesSayYes", "250-2.0.0 a\r\n251 b\r\n", 251, {2, 0, 0}, Lines{"a", "b"}},
        GoodReply{"Code571", "571 no\r\n", 571, {}, Lines{"no"}},
        GoodReply{"Binary", std::string("250 a\0\xFF\r\n", 9), 250, {}, Lines{std::string("a\0\xFF", 3)}}),
    [](const auto& info) { return info.param.name; });

TEST(ReplyParser, MalformedReplies) {
  for (const char* bad : {"\r\n", "25\r\n", "abc\r\n", "2x0 ok\r\n", "150 x\r\n", "650 x\r\n", "050 x\r\n",
                          "2500 x\r\n", "250_x\r\n", " 250 x\r\n", "250-a\r\nxyz\r\n", "SSH-2.0-x\r\n",
                          // Lines that contradict each other.
                          "550-ok\r\n250 no\r\n", "250-ok\r\n550 no\r\n", "250-a\r\n354 b\r\n",
                          "450-a\r\n421 b\r\n", "250-a\r\n250-b\r\n450 c\r\n"}) {
    for (const size_t step : {size_t{1}, size_t{100}}) {
      ReplyParser parser;
      EXPECT_EQ(FeedInSteps(&parser, bad, step), ReplyParser::Progress::kMalformed) << bad;
      EXPECT_FALSE(parser.problem().empty());
    }
  }
}

TEST(ReplyParser, PipelinedRepliesComeOneByOne) {
  ReplyParser parser;
  std::string_view wire = "250 a\r\n550 b\r\n354";
  ASSERT_EQ(parser.Feed(&wire), ReplyParser::Progress::kComplete);
  EXPECT_EQ(parser.Take().code, 250);
  ASSERT_EQ(parser.Feed(&wire), ReplyParser::Progress::kComplete);
  EXPECT_EQ(parser.Take().code, 550);
  EXPECT_EQ(parser.Feed(&wire), ReplyParser::Progress::kNeedMore);
  EXPECT_TRUE(parser.InReply());
}

TEST(ReplyParser, LongLinesAreCut) {
  for (const size_t step : {size_t{7}, size_t{1000}, size_t{100000}}) {
    ReplyParser parser;
    ASSERT_EQ(FeedInSteps(&parser, "250 " + std::string(1500, 'x') + "\r\n", step),
              ReplyParser::Progress::kComplete);
    EXPECT_THAT(parser.Take().lines, ElementsAre(std::string(kMaxReplyLineKept, 'x')));
  }
}

TEST(ReplyParser, LinesBeyondTheLimitAreMalformed) {
  for (const char* end : {"\r\n", "\n"}) {
    for (const size_t step : {size_t{1}, size_t{7}, size_t{100000}}) {
      const std::string longest = "250-" + std::string(kMaxReplyLine - 4, 'x') + end;
      ReplyParser good;
      EXPECT_EQ(FeedInSteps(&good, longest + longest + "250 x" + end, step),
                ReplyParser::Progress::kComplete);
      ReplyParser bad;
      EXPECT_EQ(FeedInSteps(&bad, longest + "250 xx" + std::string(kMaxReplyLine - 4, 'x') + end, step),
                ReplyParser::Progress::kMalformed);
    }
  }
}

TEST(ReplyParser, ALineWithoutEndIsMalformedBeforeItsEnd) {
  ReplyParser parser;
  EXPECT_EQ(FeedInSteps(&parser, std::string(kMaxReplyLine + 2, '2'), 100),
            ReplyParser::Progress::kMalformed);
}

TEST(ReplyParser, RepliesOfManyLinesAreCut) {
  std::string wire;
  for (int i = 0; i < 500; ++i) wire += "250-x\r\n";
  ReplyParser parser;
  EXPECT_EQ(FeedInSteps(&parser, wire + "250 y\r\n", 64), ReplyParser::Progress::kComplete);
  EXPECT_EQ(parser.Take().lines.size(), kMaxReplyLinesKept);
}

TEST(ReplyParser, EndlessRepliesAreMalformed) {
  std::string lines;
  while (lines.size() < 2 * kMaxReplyBytes) lines += "250-x\r\n";
  ReplyParser parser;
  EXPECT_EQ(FeedInSteps(&parser, lines, 512), ReplyParser::Progress::kMalformed);
  ReplyParser other;
  EXPECT_EQ(FeedInSteps(&other, "250 " + std::string(2 * kMaxReplyBytes, 'x'), 512),
            ReplyParser::Progress::kMalformed);
}

}  // namespace
}  // namespace goniec::smtp
