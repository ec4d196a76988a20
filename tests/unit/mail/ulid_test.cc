#include "common/mail/ulid.h"

#include <gtest/gtest.h>

#include <set>

namespace goniec::mail {
namespace {

using std::chrono::milliseconds;

WallTime At(std::int64_t unix_ms) {
  return WallTime(milliseconds(unix_ms));
}

TEST(Ulid, HasTheTimeInFront) {
  // The example of the ULID specification: 1469918176385 is 01ARYZ6S41.
  EXPECT_EQ(NewUlid(At(1469918176385)).substr(0, 10), "01aryz6s41");
  EXPECT_EQ(TimeOf("01ARYZ6S41TSV4RRFFQ69G5FAV"), At(1469918176385));
  EXPECT_EQ(TimeOf("01aryz6s41"), At(1469918176385));
}

TEST(Ulid, NewIdsAreValidAndKeepTheirMillisecond) {
  for (const std::int64_t now : {0LL, 1LL, 1700000000123LL, 7258118400000LL}) {
    const std::string id = NewUlid(At(now));
    EXPECT_EQ(id.size(), kUlidLength);
    EXPECT_EQ(ParseUlid(id), id);
    EXPECT_EQ(TimeOf(id), At(now)) << id;
  }
}

TEST(Ulid, AForgedTimeDoesNotOverflowTheClock) {
  EXPECT_EQ(TimeOf("7zzzzzzzzzzzzzzzzzzzzzzzzz"), At(7258118400000));
  EXPECT_GT(TimeOf("7zzzzzzzzzzzzzzzzzzzzzzzzz") + std::chrono::hours(24), At(7258118400000));
}

TEST(Ulid, NewIdsDifferAndUseEveryRandomPosition) {
  std::set<std::string> ids;
  std::vector<std::set<char>> seen(kUlidLength);
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewUlid(At(1700000000000));
    ids.insert(id);
    for (size_t at = 0; at < id.size(); ++at) seen[at].insert(id[at]);
  }
  EXPECT_EQ(ids.size(), 1000U);
  for (size_t at = 10; at < kUlidLength; ++at) EXPECT_GT(seen[at].size(), 25U) << "position " << at;
}

TEST(Ulid, MessageIdsNumberTheMailsOfARecord) {
  const std::string record = NewRecordId(At(1700000000000));
  EXPECT_EQ(record.size(), 24U);
  EXPECT_EQ(MessageIdOf(record, 0), record + "00");
  EXPECT_EQ(MessageIdOf(record, 31), record + "0z");
  EXPECT_EQ(MessageIdOf(record, 32), record + "10");
  EXPECT_EQ(MessageIdOf(record, 1023), record + "zz");
  EXPECT_EQ(RecordIdOf(MessageIdOf(record, 63)), record);
  EXPECT_TRUE(ParseUlid(MessageIdOf(record, kMaxMailsPerRecord - 1)).has_value());
}

TEST(Ulid, ParseTakesEitherCaseAndNothingElse) {
  struct Case {
    const char* name;
    std::string_view text;
    std::optional<std::string> id;
  };
  const Case cases[] = {
      {"upper case", "01ARYZ6S41TSV4RRFFQ69G5FAV", "01aryz6s41tsv4rrffq69g5fav"},
      {"mixed case", "01aryz6s41TSV4rrffq69g5fav", "01aryz6s41tsv4rrffq69g5fav"},
      {"largest", "7zzzzzzzzzzzzzzzzzzzzzzzzz", "7zzzzzzzzzzzzzzzzzzzzzzzzz"},
      {"time too large", "8zzzzzzzzzzzzzzzzzzzzzzzzz", std::nullopt},
      {"too short", "01aryz6s41tsv4rrffq69g5fa", std::nullopt},
      {"too long", "01aryz6s41tsv4rrffq69g5favv", std::nullopt},
      {"empty", "", std::nullopt},
      {"look-alike o", "o1aryz6s41tsv4rrffq69g5fav", std::nullopt},
      {"look-alike i", "01aryz6s41tsv4rrffq69g5fai", std::nullopt},
      {"letter u", "01aryz6s41tsv4rrffq69g5fau", std::nullopt},
      {"a subject separator", "01aryz6s41.sv4rrffq69g5fav", std::nullopt},
      {"a wildcard", "01aryz6s41*sv4rrffq69g5fav", std::nullopt},
      {"a NUL", std::string_view("01aryz6s41\0sv4rrffq69g5fav", 26), std::nullopt},
      {"not ASCII", "01aryz6s41\xC3\xA9v4rrffq69g5fav", std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(ParseUlid(c.text), c.id) << c.name;
}

}  // namespace
}  // namespace goniec::mail
