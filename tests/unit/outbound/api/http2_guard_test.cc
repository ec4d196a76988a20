// What a client may do on a connection before gRPC sees any of it. Frames are written by hand.
#include "outbound/api/http2_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string Frame(int type, int flags, std::uint32_t stream, const std::string& payload) {
  std::string frame;
  for (const std::size_t octet :
       {payload.size() >> 16, payload.size() >> 8, payload.size(), static_cast<std::size_t>(type),
        static_cast<std::size_t>(flags), std::size_t{stream} >> 24, std::size_t{stream} >> 16,
        std::size_t{stream} >> 8, std::size_t{stream}}) {
    frame.push_back(static_cast<char>(octet & 0xFF));
  }
  return frame + payload;
}
std::string Begin() {
  return std::string(kPreface) + Frame(4, 0, 0, "");
}
std::string Headers(std::uint32_t stream) {
  return Frame(1, 4, stream, "block");
}
std::string Reset(std::uint32_t stream) {
  return Frame(3, 0, stream, std::string(4, '\0'));
}
std::string Prefix(std::size_t octets, bool compressed = false) {
  std::string prefix(1, compressed ? '\1' : '\0');
  for (int shift = 24; shift >= 0; shift -= 8) prefix.push_back(static_cast<char>((octets >> shift) & 0xFF));
  return prefix;
}
std::string Data(std::uint32_t stream, const std::string& payload) {
  return Frame(0, 0, stream, payload);
}

class Http2GuardTest : public testing::Test {
 protected:
  // In pieces of `piece` octets, which must make no difference.
  bool Client(const std::string& bytes, std::size_t piece = 7) {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      if (!guard_.FromClient(std::string_view(bytes).substr(at, piece), now_, passed_)) return false;
    }
    return true;
  }
  // The call of the header block that was passed on last.
  std::shared_ptr<IncomingCall> LastCall() {
    const std::size_t at = passed_.rfind(kCallTokenKey);
    if (at == std::string::npos) return nullptr;
    return calls_.Find(passed_.substr(at + std::string(kCallTokenKey).size() + 1, 32));
  }

  GuardLimits limits_{.streams = 3,
                      .unadmitted_message = 1000,
                      .unadmitted = 1500,
                      .resets = 5,
                      .resets_a_second = 10,
                      .control_frames = 20,
                      .control_frames_a_second = 10};
  BootTime now_ = BootTime(seconds(1000));
  IncomingCalls calls_;
  Http2Guard guard_{limits_, calls_};
  std::string passed_;
};

TEST_F(Http2GuardTest, WhatIsNotHttp2IsRefused) {
  const struct {
    const char* name;
    std::string bytes;
  } kRows[] = {
      {"HTTP/1.1", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
      {"TLS", "\x16\x03\x01\x02"},
      {"no settings", std::string(kPreface) + Headers(1)},
      {"a wrong preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"},
  };
  for (const auto& row : kRows) {
    Http2Guard guard(limits_, calls_);
    std::string passed;
    EXPECT_FALSE(guard.FromClient(row.bytes, now_, passed)) << row.name;
    EXPECT_EQ(guard.why(), "not HTTP/2") << row.name;
  }
}

TEST_F(Http2GuardTest, AllIsPassedOnInWhateverPiecesItComes) {
  const std::string sent = Begin() + Frame(6, 0, 0, "12345678") + Headers(1) + Data(1, Prefix(5) + "hel") +
                           Data(1, "lo") + Frame(0, 1, 1, "");
  for (const std::size_t piece : {1, 2, 9, 1000}) {
    Http2Guard guard(limits_, calls_);
    std::string passed;
    for (std::size_t at = 0; at < sent.size(); at += piece) {
      ASSERT_TRUE(guard.FromClient(std::string_view(sent).substr(at, piece), now_, passed)) << piece;
    }
    // As it was sent, but for the field behind the header block, whose frame is that much longer.
    const std::string field = passed.substr(passed.find("block") + 5, 2 + 13 + 1 + 32);
    EXPECT_THAT(field, HasSubstr("x-goniec-call"));
    std::string expected = sent;
    expected.replace(expected.find(Headers(1)), Headers(1).size(), Frame(1, 4, 1, "block" + field));
    EXPECT_TRUE(passed == expected) << piece;
    EXPECT_TRUE(guard.is_http2());
    EXPECT_EQ(guard.open_streams(), 1u);
  }
  EXPECT_EQ(calls_.size(), 0u) << "calls end with their connection";
}

TEST_F(Http2GuardTest, TheLengthOfARequestIsKnownBeforeItHasCome) {
  ASSERT_TRUE(Client(Begin() + Headers(1)));
  const auto call = LastCall();
  ASSERT_NE(call, nullptr);
  std::vector<AnnouncedMessage> announced;
  call->WhenAnnounced([&](AnnouncedMessage message) { announced.push_back(message); });
  ASSERT_TRUE(Client(Data(1, Prefix(70'000, true).substr(0, 3))));
  EXPECT_TRUE(announced.empty());
  ASSERT_TRUE(Client(Data(1, Prefix(70'000, true).substr(3))));
  ASSERT_EQ(announced.size(), 1u);
  EXPECT_EQ(announced[0].octets, 70'000u);
  EXPECT_TRUE(announced[0].compressed);
  // Who asks later is told at once.
  call->WhenAnnounced([&](AnnouncedMessage message) { announced.push_back(message); });
  EXPECT_EQ(announced.size(), 2u);
}

TEST_F(Http2GuardTest, AMessageThatNobodyAdmittedDoesNotGrow) {
  ASSERT_TRUE(Client(Begin() + Headers(1) + Data(1, Prefix(4000) + std::string(1000, 'x'))));
  EXPECT_FALSE(Client(Data(1, "x")));
  EXPECT_EQ(guard_.why(), "a message that nobody has admitted");
}

TEST_F(Http2GuardTest, AnAdmittedMessageMayComeWholeAndTheNextMayNot) {
  ASSERT_TRUE(Client(Begin() + Headers(1)));
  const auto call = LastCall();
  ASSERT_NE(call, nullptr);
  call->Admit();
  EXPECT_TRUE(Client(Data(1, Prefix(4000) + std::string(4000, 'x'))));
  EXPECT_TRUE(Client(Data(1, Prefix(4000) + std::string(1000, 'x'))));
  EXPECT_FALSE(Client(Data(1, "x")));
}

TEST_F(Http2GuardTest, ManySmallMessagesOfOneCallAreNoLargeOne) {
  ASSERT_TRUE(Client(Begin() + Headers(1)));
  for (int i = 0; i < 20; ++i)
    EXPECT_TRUE(Client(Data(1, Prefix(900) + std::string(900, 'x') + Prefix(0)))) << i;
  EXPECT_FALSE(guard_.IsFull());
}

TEST_F(Http2GuardTest, TheConnectionIsNotReadWhileTooMuchIsNotAdmitted) {
  ASSERT_TRUE(Client(Begin() + Headers(1) + Data(1, Prefix(4000) + std::string(900, 'x'))));
  const auto call = LastCall();
  EXPECT_FALSE(guard_.IsFull());
  ASSERT_TRUE(Client(Headers(3) + Data(3, Prefix(4000) + std::string(900, 'x'))));
  EXPECT_TRUE(guard_.IsFull());
  call->Admit();
  EXPECT_FALSE(guard_.IsFull());
}

TEST_F(Http2GuardTest, StreamsAreBoundedAndEndWithTheServersAnswer) {
  ASSERT_TRUE(Client(Begin() + Headers(1) + Headers(3) + Headers(5)));
  EXPECT_EQ(calls_.size(), 3u);
  const std::string answer = Frame(1, 4, 3, "status") + Frame(0, 0, 3, "body") + Frame(1, 5, 3, "trailers");
  for (const char& octet : answer) guard_.FromServer(std::string_view(&octet, 1));
  EXPECT_EQ(guard_.open_streams(), 2u);
  EXPECT_TRUE(Client(Headers(7)));
  guard_.FromServer(Reset(5));
  EXPECT_TRUE(Client(Headers(9) + Reset(1) + Headers(11)));
  EXPECT_EQ(calls_.size(), 3u);
  EXPECT_FALSE(Client(Headers(13)));
  EXPECT_EQ(guard_.why(), "more streams than allowed");
}

TEST_F(Http2GuardTest, TrailersOfTheClientAreNoNewCall) {
  ASSERT_TRUE(Client(Begin() + Headers(1) + Headers(1)));
  EXPECT_EQ(calls_.size(), 1u);
}

TEST_F(Http2GuardTest, StreamsThatAreResetRunOutOfAllowance) {
  ASSERT_TRUE(Client(Begin()));
  std::uint32_t stream = 1;
  for (int i = 0; i < 5; ++i, stream += 2) ASSERT_TRUE(Client(Headers(stream) + Reset(stream)));
  EXPECT_FALSE(guard_.IsOverdrawn(now_));
  ASSERT_TRUE(Client(Headers(stream) + Reset(stream)));
  EXPECT_TRUE(guard_.IsOverdrawn(now_));
  now_ += milliseconds(99);
  EXPECT_TRUE(guard_.IsOverdrawn(now_));
  now_ += milliseconds(2);
  EXPECT_FALSE(guard_.IsOverdrawn(now_));
  EXPECT_EQ(calls_.size(), 0u);
}

TEST_F(Http2GuardTest, FramesThatAreOnlyWorkRunOutOfAllowance) {
  const struct {
    const char* name;
    std::string frame;
  } kRows[] = {
      {"ping", Frame(6, 0, 0, "12345678")},
      {"settings", Frame(4, 0, 0, "")},
      {"confirmed", Frame(4, 1, 0, "")},
      {"priority", Frame(2, 0, 1, "12345")},
      {"window", Frame(8, 0, 0, "\0\0\0\1")},
      {"empty data", Data(1, "")},
      {"unknown", Frame(99, 0, 0, "x")},
      {"trailers", Headers(1)},
      {"short data", Data(1, "x")},
      {"no frame's worth", Data(1, Prefix(250) + std::string(250, 'x'))},
  };
  for (const auto& row : kRows) {
    Http2Guard guard(limits_, calls_);
    std::string passed;
    ASSERT_TRUE(guard.FromClient(Begin() + Headers(1), now_, passed)) << row.name;
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(guard.FromClient(row.frame, now_, passed)) << row.name;
    EXPECT_TRUE(guard.IsOverdrawn(now_)) << row.name;
    EXPECT_FALSE(guard.IsOverdrawn(now_ + seconds(3))) << row.name;
  }
}

// Some clients send one behind every answer: no call was given up by it, but it is a frame.
TEST_F(Http2GuardTest, AResetOfAnEndedStreamIsAControlFrame) {
  ASSERT_TRUE(Client(Begin() + Headers(1)));
  guard_.FromServer(Frame(1, 5, 1, "trailers"));
  ASSERT_EQ(guard_.open_streams(), 0u);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Client(Reset(1)));
  EXPECT_FALSE(guard_.IsOverdrawn(now_)) << "beyond the 5 resets that are allowed at once";
  for (int i = 0; i < 15; ++i) ASSERT_TRUE(Client(Reset(1)));
  EXPECT_TRUE(guard_.IsOverdrawn(now_)) << "beyond the 20 control frames";
}

TEST_F(Http2GuardTest, WhatAnHonestClientSaysAroundACallCostsNothing) {
  ASSERT_TRUE(Client(Begin()));
  std::uint32_t stream = 1;
  for (int i = 0; i < 200; ++i, stream += 2) {
    ASSERT_TRUE(Client(Headers(stream) + Data(stream, Prefix(1) + "x") + Frame(8, 0, 0, "1234") +
                       Frame(8, 0, stream, "1234") + Frame(6, 0, 0, "12345678")));
    guard_.FromServer(Frame(1, 5, stream, "trailers"));
    ASSERT_FALSE(guard_.IsOverdrawn(now_)) << i;
  }
  // A fifth one does.
  for (int i = 0; i < 30; ++i, stream += 2) {
    ASSERT_TRUE(Client(Headers(stream) + Frame(8, 0, 0, "1234") + Frame(8, 0, 0, "1234") +
                       Frame(8, 0, 0, "1234") + Frame(8, 0, 0, "1234") + Frame(6, 0, 0, "12345678")));
    guard_.FromServer(Frame(1, 5, stream, "trailers"));
  }
  EXPECT_TRUE(guard_.IsOverdrawn(now_));
}

TEST_F(Http2GuardTest, ACallThatEndsWithItsHeadersIsAnnouncedAsEmpty) {
  ASSERT_TRUE(Client(Begin() + Frame(1, 4 | 1, 1, "block")));
  const auto call = LastCall();
  ASSERT_NE(call, nullptr);
  std::vector<AnnouncedMessage> announced;
  call->WhenAnnounced([&](AnnouncedMessage message) { announced.push_back(message); });
  ASSERT_EQ(announced.size(), 1u) << "whoever waits for its length would wait for ever";
  EXPECT_EQ(announced[0].octets, 0u);
}

TEST_F(Http2GuardTest, TellsCallsThatWereAdmittedFromThoseThatWait) {
  ASSERT_TRUE(Client(Begin()));
  EXPECT_EQ(guard_.waiting_since(), BootTime::max());
  ASSERT_TRUE(Client(Headers(1)));
  const BootTime first = now_;
  const auto call = LastCall();
  now_ += seconds(1);
  ASSERT_TRUE(Client(Headers(3)));
  EXPECT_FALSE(guard_.has_admitted());
  EXPECT_EQ(guard_.waiting_since(), first);
  call->Admit();
  EXPECT_TRUE(guard_.has_admitted());
  EXPECT_EQ(guard_.waiting_since(), now_) << "the other one";
  guard_.FromServer(Reset(3));
  EXPECT_FALSE(guard_.TakeServed()) << "nobody had admitted it";
  EXPECT_EQ(guard_.waiting_since(), BootTime::max());
  guard_.FromServer(Reset(1));
  EXPECT_TRUE(guard_.TakeServed());
  EXPECT_FALSE(guard_.TakeServed());
  EXPECT_FALSE(guard_.has_admitted());
}

TEST_F(Http2GuardTest, DataThatIsWorthAFrameOrEndsARequestCostsNothing) {
  ASSERT_TRUE(Client(Begin() + Headers(1)));
  LastCall()->Admit();
  ASSERT_TRUE(Client(Data(1, Prefix(100 * 256))));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Client(Data(1, std::string(256, 'x'))));
  ASSERT_TRUE(Client(Frame(0, 1, 1, "")));
  EXPECT_FALSE(guard_.IsOverdrawn(now_));
}

TEST_F(Http2GuardTest, CallsThatWaitAreCountedOfTheConnectionAndOfAll) {
  Http2Guard other(limits_, calls_);
  std::string passed;
  ASSERT_TRUE(other.FromClient(Begin() + Headers(1), now_, passed));
  ASSERT_TRUE(Client(Begin() + Headers(1) + Headers(3)));
  const auto call = LastCall();
  EXPECT_EQ(guard_.waiting_streams(), 2u);
  EXPECT_EQ(other.waiting_streams(), 1u);
  EXPECT_EQ(calls_.waiting(), 3u);
  call->Admit();
  call->Admit();
  EXPECT_EQ(guard_.waiting_streams(), 1u);
  EXPECT_EQ(calls_.waiting(), 2u);
  guard_.FromServer(Reset(3));
  EXPECT_FALSE(guard_.has_admitted());
  call->Admit();  // too late
  EXPECT_FALSE(guard_.has_admitted());
  EXPECT_EQ(calls_.waiting(), 2u);
  ASSERT_TRUE(Client(Reset(1)));
  other.EndAll();
  EXPECT_EQ(guard_.waiting_streams(), 0u);
  EXPECT_EQ(calls_.waiting(), 0u);
}

// As with a client that grants no window: what ends the answer does not go out.
TEST_F(Http2GuardTest, KnowsSinceWhenAnAnswerIsNotTaken) {
  ASSERT_TRUE(Client(Begin() + Headers(1)));
  const auto first = LastCall();
  ASSERT_TRUE(Client(Headers(3)));
  const auto second = LastCall();
  EXPECT_EQ(guard_.unfetched_since(), BootTime::max());
  first->Finish(now_ + seconds(1));
  second->Finish(now_);
  guard_.FromServer(Frame(1, 4, 3, "status") + Frame(0, 0, 3, "a part"));
  EXPECT_EQ(guard_.unfetched_since(), now_);
  guard_.FromServer(Frame(1, 5, 3, "trailers"));
  EXPECT_EQ(guard_.unfetched_since(), now_ + seconds(1));
  guard_.FromServer(Frame(1, 5, 1, "trailers"));
  EXPECT_EQ(guard_.unfetched_since(), BootTime::max());
}

TEST_F(Http2GuardTest, AllCallsEndWithTheConnection) {
  ASSERT_TRUE(Client(Begin() + Headers(1) + Headers(3)));
  guard_.EndAll();
  EXPECT_EQ(calls_.size(), 0u);
  EXPECT_EQ(guard_.open_streams(), 0u);
}

TEST_F(Http2GuardTest, HeaderBlocksAreBoundedAndInOrder) {
  const struct {
    const char* name;
    std::string frames;
    const char* why;
  } kRows[] = {
      {"large", Frame(1, 4, 1, std::string(16'001, 'x')), "a header block is too large"},
      {"large in parts", Frame(1, 0, 1, std::string(9'000, 'x')) + Frame(9, 0, 1, std::string(9'000, 'x')),
       "a header block is too large"},
      {"endless", Frame(1, 0, 1, "") + Frame(9, 0, 1, std::string(16'001, 'x')),
       "a header block is too large"},
      {"interrupted", Frame(1, 0, 1, "x") + Data(1, "x"), "a header block was interrupted"},
      {"of another stream", Frame(1, 0, 1, "x") + Frame(9, 4, 3, "x"), "a header block was interrupted"},
      {"out of nowhere", Frame(9, 4, 1, "x"), "no header block to continue"},
      {"of the server's", Headers(2), "a stream of the server's"},
      {"padding", Frame(1, 4 | 8, 1, std::string("\x09", 1) + "x"), "more padding than frame"},
      {"priority", Frame(1, 4 | 0x20, 1, "1234"), "a priority is cut"},
      {"padded data", Headers(1) + Frame(0, 8, 1, std::string("\0x", 2)), "padded data"},
  };
  for (const auto& row : kRows) {
    Http2Guard guard(limits_, calls_);
    std::string passed;
    EXPECT_FALSE(guard.FromClient(Begin() + row.frames, now_, passed)) << row.name;
    EXPECT_EQ(guard.why(), row.why) << row.name;
  }
}

TEST_F(Http2GuardTest, PaddingAndPriorityAreLeftOutAndTheTokenIsTheBlocksLast) {
  ASSERT_TRUE(Client(Begin() +
                     Frame(1, 8 | 0x20, 1, std::string("\x03", 1) + "12345block" + std::string(3, '\0')) +
                     Frame(9, 4, 1, "more")));
  const std::string rest = passed_.substr(Begin().size());
  EXPECT_TRUE(rest.starts_with(Frame(1, 0, 1, "block")));
  const std::string last = rest.substr(Frame(1, 0, 1, "block").size());
  const std::string field = last.substr(9 + 4);
  EXPECT_TRUE(last == Frame(9, 4, 1, "more" + field));
  EXPECT_NE(LastCall(), nullptr);
}

}  // namespace
}  // namespace goniec::outbound
