#include "common/queue/model/subjects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/mail/ulid.h"

namespace goniec::queue {
namespace {

constexpr std::string_view kId = "01aryz6s41tsv4rrffq69g5fav";

TEST(Slot, IsTheSameForAllMailsOfARecordInEitherCase) {
  const std::string record(kId.substr(0, kRecordIdLength));
  EXPECT_EQ(SlotOf(kId), SlotOf(record));
  EXPECT_EQ(SlotOf(mail::MessageIdOf(record, 63)), SlotOf(record));
  EXPECT_EQ(SlotOf("01ARYZ6S41TSV4RRFFQ69G5FAV"), SlotOf(record));
}

// If this turns red, messages that are out there can no longer be found: do not mend the test.
TEST(Slot, NeverChanges) {
  EXPECT_EQ(SlotOf("01aryz6s41tsv4rrffq69g5fav"), 3425);
  EXPECT_EQ(SlotOf("000000000000000000000000"), 2692);
  EXPECT_EQ(SlotOf("7zzzzzzzzzzzzzzzzzzzzzzz"), 551);
}

TEST(Slot, SpreadsEvenly) {
  std::vector<int> count(kSlots, 0);
  constexpr int kIds = 40 * kSlots;
  const WallTime start{std::chrono::milliseconds(1700000000000)};
  for (int i = 0; i < kIds; ++i) {
    const int slot = SlotOf(mail::NewRecordId(start + std::chrono::milliseconds(i / 50)));
    ASSERT_GE(slot, 0);
    ASSERT_LT(slot, kSlots);
    ++count[slot];
  }
  // 40 each on average; a deviation of twelve standard deviations does not happen by chance.
  EXPECT_LT(*std::max_element(count.begin(), count.end()), 40 + 76);
  EXPECT_GT(*std::min_element(count.begin(), count.end()), 2);
}

TEST(Subjects, FollowTheTable) {
  EXPECT_EQ(ReadyStream(0), "READY_0");
  EXPECT_EQ(WaitStream(2), "WAIT_2");
  EXPECT_EQ(HeldStream(1), "HELD_1");
  EXPECT_EQ(EventsStream(3), "EVENTS_3");
  EXPECT_EQ(ReadySubject(1, MailClass::kBulk, "acme", 4095), "ready.1.bulk.acme.4095");
  EXPECT_EQ(ReadySubject(0, MailClass::kTransactional, "default", 7), "ready.0.transactional.default.7");
  EXPECT_EQ(ReadyFilter(1, MailClass::kBulk), "ready.1.bulk.>");
  EXPECT_EQ(ReadySlotFilter(1, "acme", 7), "ready.1.*.acme.7");
  EXPECT_EQ(
      WaitSubject(0, MailClass::kTransactional, "acme", "01ARYZ6S41TSV4RRFFQ69G5FAV", 3, "Mail.Example.ORG"),
      "wait.0.transactional.acme.01aryz6s41tsv4rrffq69g5fav.3.org.example.mail");
  EXPECT_EQ(DueSubject("wait.0.bulk.acme.x.1.org.example"), "due.0.bulk.acme.x.1.org.example");
  EXPECT_EQ(EventSubject(2, "acme", 77), "event.2.acme.77");
  EXPECT_EQ(LateEventSubject(2, "acme", 77), "event.2.acme.77.late");
  EXPECT_EQ(BodySubject("01ARYZ6S41TSV4RRFFQ69G5FAV", 12), "body.01aryz6s41tsv4rrffq69g5fav.12");
  EXPECT_EQ(AbandonedSubject("01aryz6s41tsv4rrffq69g5fav"), "abandoned.01aryz6s41tsv4rrffq69g5fav");
  EXPECT_EQ(ShardOf(4095, 64), 63);
}

TEST(Subjects, CopiesAreLookedForInTheOrderTheyMove) {
  const std::vector<StoredPlace> places = CopyFilters(1, "acme", kId);
  ASSERT_EQ(places.size(), 4U);
  EXPECT_EQ(places[0].stream, "WAIT_1");
  EXPECT_EQ(places[0].subject, "wait.1.*.acme.01aryz6s41tsv4rrffq69g5fav.>");
  EXPECT_EQ(places[1].stream, "WAIT_1");
  EXPECT_EQ(places[1].subject, "due.1.*.acme.01aryz6s41tsv4rrffq69g5fav.>");
  EXPECT_EQ(places[2].stream, "HELD_1");
  EXPECT_EQ(places[2].subject, "held.1.*.*.acme.3425.*");
  EXPECT_TRUE(places[2].by_name);
  EXPECT_EQ(places[3].stream, "WAIT_1");
  EXPECT_EQ(places[3].subject, "due.1.held.*.*.acme.3425.*");
  EXPECT_TRUE(places[3].by_name);
}

TEST(Subjects, WhatIsDueOfAMessageIsLookedForAtOneGeneration) {
  const StoredPlace place = DuePlace(1, "acme", kId, 3);
  EXPECT_EQ(place.stream, "WAIT_1");
  EXPECT_EQ(place.subject, "due.1.*.acme.01aryz6s41tsv4rrffq69g5fav.3.>");
  EXPECT_TRUE(place.by_name);
}

TEST(Subjects, AShelfIsASitesAndItsRecordsComeBackUnderTheSameTail) {
  const WallTime expiry{std::chrono::minutes(29'640'000) + std::chrono::seconds(59)};
  const ShelfPlace place{1, MailClass::kBulk, "site1", "acme"};
  const std::string held = HeldSubject(place, 3425, MinuteOf(expiry));
  EXPECT_EQ(held, "held.1.bulk.site1.acme.3425.29640000");
  EXPECT_EQ(ReleasedSubject(held), "due.1.held.bulk.site1.acme.3425.29640000");
  EXPECT_EQ(MinuteOf(WallTime::min()), 0);
  EXPECT_TRUE(IsHeld(held));
  EXPECT_FALSE(IsHeld(ReleasedSubject(held)));
  EXPECT_TRUE(IsReleased(ReleasedSubject(held)));
  for (const std::string& other : {held, std::string("due.0.bulk.held.x.1.org"), std::string("due.0")}) {
    EXPECT_FALSE(IsReleased(other)) << other;
  }
}

TEST(Subjects, WhatASubjectOfTheShelfSaysIsReadBack) {
  const ShelfPlace place{1, MailClass::kTransactional, "site1", "acme"};
  const std::string held = HeldSubject(place, 3425, 29'640'000);
  for (const std::string& subject : {held, ReleasedSubject(held)}) {
    const std::optional<OnShelf> shelf = ParseHeld(subject);
    ASSERT_TRUE(shelf.has_value()) << subject;
    EXPECT_EQ(shelf->place, place);
    EXPECT_EQ(shelf->slot, 3425);
    EXPECT_EQ(shelf->minute, 29'640'000);
  }
  for (const char* other :
       {"", "held.0.bulk.site1.acme.1", "held.0.bulk.site1.acme.1.2.3", "held.x.bulk.site1.acme.1.2",
        "held.-1.bulk.site1.acme.1.2", "held.0.other.site1.acme.1.2", "held.0.bulk.site1.acme.4096.2",
        "held.0.bulk.site1.acme.1.-2", "held.0.bulk.site1.acme.1.x", "due.0.bulk.site1.acme.1.2"}) {
    EXPECT_FALSE(ParseHeld(other).has_value()) << other;
  }
}

TEST(Subjects, AShelfIsAskedByPlaceBySiteAndByMinute) {
  EXPECT_EQ(ShelfFilter({1, MailClass::kBulk, "site1", "acme"}), "held.1.bulk.site1.acme.*.*");
  EXPECT_EQ(SiteShelfFilter(1, "site1"), "held.1.*.site1.*.*.*");
  EXPECT_EQ(SiteShelfFilter(1, ""), "held.1.*.*.*.*.*");
  EXPECT_EQ(ShelfMinuteFilter(1, 29'640'000), "held.1.*.*.*.*.29640000");
  EXPECT_EQ(ReleasedFilter(1), "due.1.held.>");
}

TEST(Subjects, OnlyACopyOfOneMessageNamesIt) {
  EXPECT_EQ(MessageIdIn("wait.0.bulk.acme.x.1.org.example"), "x");
  EXPECT_EQ(MessageIdIn("due.0.bulk.acme.x.1.org.example"), "x");
  for (const char* other : {"due.0.held.bulk.site1.acme.3425.494000", "held.0.bulk.site1.acme.3425.494000",
                            "ready.0.bulk.acme.7", "wait.0.bulk.acme", ""}) {
    EXPECT_FALSE(MessageIdIn(other).has_value()) << other;
  }
}

TEST(Subjects, ANoteIsUnderTenantAndSlotOfItsRecord) {
  EXPECT_EQ(NoteSubject("ready.0.bulk.acme.4095", 4), "event.3.acme.4095.late");
  for (const char* other :
       {"", "ready.0.bulk.acme.4096", "ready.0.bulk.Acme.1", "due.0.bulk.acme.7", "ready.0"}) {
    EXPECT_EQ(NoteSubject(other, 4), "event.0.default.0.late") << other;
  }
}

TEST(Subjects, ALaneIsReadFromItsStream) {
  EXPECT_EQ(LaneOfReady("READY_0"), 0);
  EXPECT_EQ(LaneOfReady("READY_15"), 15);
  for (const char* other : {"READY_", "READY_x", "READY_-1", "WAIT_0", ""}) {
    EXPECT_FALSE(LaneOfReady(other).has_value()) << other;
  }
}

TEST(DomainTokens, AreSafeWhateverTheDomain) {
  struct Case {
    const char* name;
    std::string domain;
    std::string tokens;
  };
  const Case cases[] = {
      {"plain", "example.org", "org.example"},
      {"case", "EXAMPLE.Org", "org.example"},
      {"A-label", "xn--bcher-kva.example", "example.xn--bcher-kva"},
      {"one label", "localhost", "localhost"},
      {"underscore", "_dmarc.example", "example.-5fdmarc"},
      {"IPv4 literal", "[192.0.2.1]", "ip4-192-0-2-1"},
      {"IPv6 literal", "[IPv6:2001:DB8::1]", "ip6-2001-db8--1"},
      {"mapped IPv6 literal", "[IPv6:::ffff:192.0.2.1]", "ip6---ffff-192-0-2-1"},
      {"another literal", "[tag:x*y]", "literal-tag-3ax-2ay"},
      {"wildcards", "*.>", "-3e.-2a"},
      {"space and control", "a b\r\n.c", "c.a-20b-0d-0a"},
      {"not ASCII", "b\xC3\xBC.de", "de.b-c3-bc"},
      {"empty label", "a..b", "b.-.a"},
      {"trailing dot", "a.b.", "-.b.a"},
      {"empty", "", "-"},
      {"empty literal", "[]", "literal--"},
  };
  for (const Case& c : cases) EXPECT_EQ(DomainTokens(c.domain), c.tokens) << c.name;
}

TEST(DomainTokens, AreBoundedAndStillDiffer) {
  std::string longest;
  for (int i = 0; i < 125; ++i) longest += "\xFF.";
  const std::string one = DomainTokens("a." + longest + "org");
  const std::string other = DomainTokens("b." + longest + "org");
  EXPECT_LE(one.size(), 200U);
  EXPECT_NE(one, other);
  EXPECT_EQ(one.find(".."), std::string::npos);
  EXPECT_NE(one.back(), '.');
  EXPECT_EQ(DomainTokens(std::string(5000, '.')).find(".."), std::string::npos);
}

TEST(Tenant, IsAShortSubjectToken) {
  EXPECT_TRUE(IsValidTenant("default"));
  EXPECT_TRUE(IsValidTenant("a-1"));
  EXPECT_TRUE(IsValidTenant(std::string(32, 'a')));
  for (const std::string& bad :
       {std::string(), std::string(33, 'a'), std::string("A"), std::string("a.b"), std::string("*"),
        std::string(">"), std::string("a b"), std::string("\xC3\xA9")}) {
    EXPECT_FALSE(IsValidTenant(bad)) << bad;
  }
}

}  // namespace
}  // namespace goniec::queue
