#include "inbound/memory/mail_memory.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace goniec::inbound {
namespace {

net::IpAddress Ip(const std::string& text) {
  return net::IpAddress::Parse(text).value();
}

// Takes as much as it gets, in pieces of 10.
uint64_t Fill(MemoryHold& hold) {
  while (hold.Resize(hold.size() + 10)) {
  }
  return hold.size();
}

TEST(MailMemory, AClientMayHoldAThirdOfWhatIsFreeBesideIt) {
  const struct {
    const char* name;
    int greedy;
    uint64_t each_at_least;
    uint64_t newcomer_at_least;
  } kCases[] = {
      {"alone", 1, 24'900, 18'000},
      {"two, one after the other", 2, 18'000, 14'000},
      {"ten", 10, 1'800, 1'400},
  };
  for (const auto& c : kCases) {
    MailMemory memory(100'000);
    std::vector<std::unique_ptr<MemoryHold>> holds;
    for (int i = 0; i < c.greedy; ++i) {
      holds.push_back(std::make_unique<MemoryHold>(memory.Client(Ip("10.0.0." + std::to_string(i))),
                                                   MemoryPart::kBodies));
      EXPECT_GE(Fill(*holds.back()), c.each_at_least) << c.name << " " << i;
    }
    EXPECT_LT(memory.used(), 100'000U) << c.name;
    MemoryHold newcomer(memory.Client(Ip("192.0.2.1")), MemoryPart::kBodies);
    EXPECT_GE(Fill(newcomer), c.newcomer_at_least) << c.name;
  }
}

TEST(MailMemory, ARefusalTakesNothingAndTheEndGivesAllBack) {
  MailMemory memory(900);
  {
    MemoryHold hold(memory.Client(Ip("10.0.0.1")), MemoryPart::kEnvelopes);
    EXPECT_TRUE(hold.Resize(225));
    EXPECT_FALSE(hold.Resize(226));
    EXPECT_EQ(hold.size(), 225U);
    EXPECT_EQ(memory.used(), 225U);
    EXPECT_TRUE(hold.Resize(100)) << "less always goes";
    EXPECT_EQ(memory.used(MemoryPart::kEnvelopes), 100U);
    EXPECT_EQ(memory.used(MemoryPart::kBodies), 0U);
    EXPECT_EQ(memory.clients(), 1U);
  }
  EXPECT_EQ(memory.used(), 0U);
  EXPECT_EQ(memory.used(MemoryPart::kEnvelopes), 0U);
  EXPECT_EQ(memory.clients(), 0U) << "an address that is gone is forgotten";
}

TEST(MailMemory, AnAddressHasOneShareHoweverManySessionsItOpens) {
  MailMemory memory(9'000);
  MemoryHold first(memory.Client(Ip("10.0.0.1")), MemoryPart::kBodies);
  MemoryHold second(memory.Client(Ip("10.0.0.1")), MemoryPart::kEnvelopes);
  EXPECT_EQ(Fill(first), 2'250U);
  EXPECT_EQ(Fill(second), 0U);
  MemoryHold v6(memory.Client(Ip("2001:db8::1")), MemoryPart::kBodies);
  MemoryHold same_network(memory.Client(Ip("2001:db8::ffff:1")), MemoryPart::kBodies);
  EXPECT_EQ(Fill(v6), 1'680U);
  EXPECT_EQ(Fill(same_network), 0U) << "a customer has a /64";
  MemoryHold mapped(memory.Client(Ip("::ffff:10.0.0.1")), MemoryPart::kBodies);
  EXPECT_EQ(Fill(mapped), 0U);
}

TEST(MailMemory, GetsTightBeforeItIsFull) {
  MailMemory memory(9'000);
  MemoryHold greedy(memory.Client(Ip("10.0.0.1")), MemoryPart::kBodies);
  MemoryHold small(memory.Client(Ip("10.0.0.2")), MemoryPart::kBodies);
  ASSERT_TRUE(greedy.Resize(1'000));
  ASSERT_TRUE(small.Resize(100));
  EXPECT_FALSE(greedy.IsTight());
  ASSERT_TRUE(greedy.Resize(1'800));
  EXPECT_TRUE(greedy.IsTight()) << "its own share is nearly used";
  EXPECT_FALSE(small.IsTight());
  MemoryHold third(memory.Client(Ip("10.0.0.3")), MemoryPart::kBodies);
  MemoryHold fourth(memory.Client(Ip("10.0.0.4")), MemoryPart::kBodies);
  ASSERT_TRUE(third.Resize(1'700));
  ASSERT_TRUE(fourth.Resize(1'300));
  EXPECT_TRUE(small.IsTight()) << "half of all is used";
}

TEST(MailMemory, WithoutAClientNothingIsCounted) {
  MemoryHold hold(nullptr, MemoryPart::kBodies);
  EXPECT_TRUE(hold.Resize(1'000'000'000));
  EXPECT_FALSE(hold.IsTight());
}

}  // namespace
}  // namespace goniec::inbound
