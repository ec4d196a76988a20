#include "common/dns/lookup_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace goniec::dns {
namespace {

using Place = LookupSchedule::Place;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Question Q(const std::string& name) {
  return {name, 15};
}

// Puts what may be put: "name" in the quick lane, "name!" in the patient one.
std::vector<std::string> PutAll(LookupSchedule& schedule) {
  std::vector<std::string> put;
  while (const auto next = schedule.Next()) {
    put.push_back(next->question.name + (next->lane == Lane::kPatient ? "!" : ""));
  }
  return put;
}

TEST(LookupSchedule, WhatIsAboveTheLimitWaitsItsTurn) {
  LookupSchedule schedule({.quick = 2, .patient = 1, .requests = 9});
  for (const char* name : {"a", "b", "c", "d"}) EXPECT_EQ(schedule.Ask(Q(name)), Place::kFirst);
  EXPECT_THAT(PutAll(schedule), ElementsAre("a", "b"));
  EXPECT_EQ(schedule.put(), 2U);
  EXPECT_EQ(schedule.waiting(), 2U);
  EXPECT_TRUE(schedule.Answered(Q("b"), true));
  EXPECT_THAT(PutAll(schedule), ElementsAre("c"));
  EXPECT_TRUE(schedule.Answered(Q("a"), true));
  EXPECT_THAT(PutAll(schedule), ElementsAre("d"));
}

TEST(LookupSchedule, EqualQuestionsArePutOnce) {
  LookupSchedule schedule({.quick = 9, .patient = 9, .requests = 9});
  EXPECT_EQ(schedule.Ask(Q("a")), Place::kFirst);
  EXPECT_EQ(schedule.Ask(Q("a")), Place::kShared);
  EXPECT_EQ(schedule.Ask({"a", 1}), Place::kFirst) << "another type is another question";
  EXPECT_THAT(PutAll(schedule), ElementsAre("a", "a"));
  EXPECT_EQ(schedule.Ask(Q("a")), Place::kShared);
  EXPECT_EQ(schedule.requests(), 4U);
  EXPECT_TRUE(schedule.Answered(Q("a"), true));
  EXPECT_EQ(schedule.requests(), 1U);
  EXPECT_EQ(schedule.Ask(Q("a")), Place::kFirst) << "answered: asked anew";
}

TEST(LookupSchedule, RequestsAreBounded) {
  LookupSchedule schedule({.quick = 1, .patient = 1, .requests = 2});
  EXPECT_EQ(schedule.Ask(Q("a")), Place::kFirst);
  EXPECT_EQ(schedule.Ask(Q("a")), Place::kShared);
  EXPECT_EQ(schedule.Ask(Q("b")), Place::kRefused);
  EXPECT_FALSE(schedule.GiveUp(Q("a")));
  EXPECT_EQ(schedule.Ask(Q("b")), Place::kFirst);
  EXPECT_THAT(PutAll(schedule), ElementsAre("b"));
}

// Names without an answer fill the patient lane, not the quick one.
TEST(LookupSchedule, SlowQuestionsMakeRoomForTheOthers) {
  LookupSchedule schedule({.quick = 2, .patient = 1, .requests = 9});
  for (const char* name : {"slow1", "slow2", "good"}) schedule.Ask(Q(name));
  EXPECT_THAT(PutAll(schedule), ElementsAre("slow1", "slow2"));
  EXPECT_FALSE(schedule.Answered(Q("slow1"), false));
  EXPECT_FALSE(schedule.Answered(Q("slow2"), false));
  EXPECT_THAT(PutAll(schedule), ElementsAre("good", "slow1!"));
  EXPECT_TRUE(schedule.Answered(Q("good"), true));
  EXPECT_THAT(PutAll(schedule), IsEmpty()) << "the patient lane is full";
  EXPECT_TRUE(schedule.Answered(Q("slow1"), false)) << "not asked a third time";
  EXPECT_THAT(PutAll(schedule), ElementsAre("slow2!"));
  EXPECT_TRUE(schedule.Answered(Q("slow2"), true));
  EXPECT_EQ(schedule.put() + schedule.waiting() + schedule.requests(), 0U);
}

TEST(LookupSchedule, GivingUpTellsWhetherAnybodyWasAsked) {
  LookupSchedule schedule({.quick = 1, .patient = 1, .requests = 9});
  schedule.Ask(Q("put"));
  schedule.Ask(Q("waiting"));
  EXPECT_THAT(PutAll(schedule), ElementsAre("put"));
  EXPECT_FALSE(schedule.GiveUp(Q("waiting")));
  EXPECT_TRUE(schedule.GiveUp(Q("put")));
  EXPECT_FALSE(schedule.GiveUp(Q("never heard of")));
  EXPECT_EQ(schedule.waiting(), 0U);
  EXPECT_EQ(schedule.requests(), 0U);

  schedule.Ask(Q("next"));
  EXPECT_THAT(PutAll(schedule), IsEmpty()) << "what is with the servers still counts";
  EXPECT_TRUE(schedule.Answered(Q("put"), false)) << "nobody waits for more";
  EXPECT_THAT(PutAll(schedule), ElementsAre("next"));
  EXPECT_FALSE(schedule.Answered(Q("next"), false));
  EXPECT_TRUE(schedule.GiveUp(Q("next"))) << "it waited to be asked again";
  EXPECT_THAT(PutAll(schedule), IsEmpty());
}

TEST(LookupSchedule, ARequestAfterGivingUpSharesWhatIsStillWithTheServers) {
  LookupSchedule schedule({.quick = 9, .patient = 9, .requests = 9});
  schedule.Ask(Q("a"));
  PutAll(schedule);
  schedule.GiveUp(Q("a"));
  EXPECT_EQ(schedule.Ask(Q("a")), Place::kFirst) << "a new clock";
  EXPECT_THAT(PutAll(schedule), IsEmpty());
  EXPECT_FALSE(schedule.Answered(Q("a"), false));
  EXPECT_THAT(PutAll(schedule), ElementsAre("a!"));
}

}  // namespace
}  // namespace goniec::dns
