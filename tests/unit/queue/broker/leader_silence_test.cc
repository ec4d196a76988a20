#include "common/queue/broker/leader_silence.h"

#include <gtest/gtest.h>

namespace goniec::queue {
namespace {

using Kind = LeaderSilence::Kind;
using std::chrono::seconds;

constexpr std::string_view kStored = R"({"stream":"READY_0","seq":7})";
constexpr std::string_view kDuplicate = R"({"stream":"READY_0","seq":7,"duplicate":true})";
constexpr std::string_view kInFlight =
    R"({"error":{"code":409,"err_code":10158,"description":"duplicate message id is in process"},"stream":"READY_0","seq":0})";
constexpr std::string_view kNoCluster =
    R"({"type":"io.nats.jetstream.api.v1.stream_info_response","error":{"code":503,"err_code":10008,"description":"x"}})";
constexpr std::string_view kFull =
    R"({"error":{"code":400,"err_code":10077,"description":"x"},"stream":"READY_0","seq":0})";

TEST(LeaderSilence, KnowsWhatOnlyALeaderAnswers) {
  EXPECT_EQ(LeaderSilence::KindOf("ready.0.bulk.acme.12"), Kind::kWrite);
  EXPECT_EQ(LeaderSilence::KindOf("$KV.presence.reach"), Kind::kWrite);
  EXPECT_EQ(LeaderSilence::KindOf("$JS.API.STREAM.INFO.READY_0"), Kind::kRead);
  EXPECT_EQ(LeaderSilence::KindOf("$JS.API.CONSUMER.INFO.READY_0.bulk"), Kind::kRead);
  EXPECT_EQ(LeaderSilence::KindOf("$JS.API.INFO"), Kind::kNone);
  EXPECT_EQ(LeaderSilence::KindOf("$JS.API.DIRECT.GET.EVENTS_0"), Kind::kNone);
  EXPECT_EQ(LeaderSilence::KindOf("$JS.ACK.READY_0.bulk.1.2.3.4.5"), Kind::kNone);
}

TEST(LeaderSilence, WhatACutOffServerSaysIsNoAnswer) {
  EXPECT_TRUE(LeaderSilence::FromLeader(Kind::kWrite, 0, kStored));
  EXPECT_TRUE(LeaderSilence::FromLeader(Kind::kWrite, 0, kFull));
  EXPECT_FALSE(LeaderSilence::FromLeader(Kind::kWrite, 503, ""));
  EXPECT_FALSE(LeaderSilence::FromLeader(Kind::kWrite, 0, kInFlight));
  EXPECT_FALSE(LeaderSilence::FromLeader(Kind::kRead, 0, kNoCluster));
  EXPECT_FALSE(LeaderSilence::FromLeader(Kind::kNone, 0, kStored));
}

TEST(LeaderSilence, OnlyWhatAMajorityHasJustStoredIsConfirmed) {
  EXPECT_TRUE(LeaderSilence::Confirmed(0, kStored));
  EXPECT_FALSE(LeaderSilence::Confirmed(0, kDuplicate));
  EXPECT_FALSE(LeaderSilence::Confirmed(0, kFull));
  EXPECT_FALSE(LeaderSilence::Confirmed(503, ""));
  EXPECT_FALSE(LeaderSilence::Confirmed(0, "{}"));
}

TEST(LeaderSilence, IsTooLongWhenNothingOfAKindWasAnsweredForLongerThanAnElection) {
  LeaderSilence silence;
  const BootTime start = BootClock::now();
  EXPECT_FALSE(silence.TooLong(start + seconds(100))) << "nothing was asked";
  silence.Asked(Kind::kWrite, start);
  silence.Asked(Kind::kWrite, start + seconds(8));
  EXPECT_FALSE(silence.TooLong(start + seconds(11)));
  EXPECT_TRUE(silence.TooLong(start + seconds(12)));
  silence.Answered(Kind::kRead);
  EXPECT_TRUE(silence.TooLong(start + seconds(12))) << "reads are answered from a stale leader's copy, too";
  silence.Answered(Kind::kWrite);
  EXPECT_FALSE(silence.TooLong(start + seconds(12)));
  silence.Asked(Kind::kRead, start + seconds(20));
  EXPECT_TRUE(silence.TooLong(start + seconds(32)));
  silence.Reset();
  EXPECT_FALSE(silence.TooLong(start + seconds(32)));
}

}  // namespace
}  // namespace goniec::queue
