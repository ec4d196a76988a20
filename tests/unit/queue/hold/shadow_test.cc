#include "common/queue/hold/shadow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace goniec::queue {
namespace {

struct Part {
  std::string id;
  std::uint32_t generation;
  std::vector<std::uint32_t> recipients;
};

v1::Record RecordOf(const std::vector<Part>& parts) {
  v1::Record record;
  record.set_record_id("the same for all");
  for (const Part& part : parts) {
    v1::Mail& mail = *record.add_mails();
    mail.set_message_id(part.id);
    mail.set_generation(part.generation);
    for (const std::uint32_t index : part.recipients) mail.add_recipients()->set_index(index);
  }
  return record;
}

struct ShadowCase {
  const char* name;
  std::vector<std::vector<Part>> earlier;
  Part mail;
  std::vector<std::uint32_t> uncovered;  // positions
};

class ShadowTest : public testing::TestWithParam<ShadowCase> {};

TEST_P(ShadowTest, CoversWhatAnEarlierRecordHolds) {
  const v1::Record in_hand = RecordOf({GetParam().mail});
  Shadow shadow(in_hand);
  for (const auto& parts : GetParam().earlier) shadow.Add(RecordOf(parts));
  EXPECT_EQ(shadow.Uncovered(in_hand.mails(0)), GetParam().uncovered);
}

INSTANTIATE_TEST_SUITE_P(
    All, ShadowTest,
    testing::Values(ShadowCase{"NothingIsEarlier", {}, {"a", 1, {0, 1}}, {0, 1}},
                    ShadowCase{"TheSame", {{{"a", 1, {0, 1}}}}, {"a", 1, {0, 1}}, {}},
                    ShadowCase{"AnotherMailOfTheRecord", {{{"b", 1, {0, 1}}}}, {"a", 1, {0, 1}}, {0, 1}},
                    ShadowCase{"AmongOthers", {{{"b", 1, {0}}, {"a", 1, {0}}}}, {"a", 1, {0}}, {}},
                    ShadowCase{"OtherRecipients", {{{"a", 1, {0, 2}}}}, {"a", 1, {1, 3}}, {0, 1}},
                    ShadowCase{"SomeOfTheRecipients", {{{"a", 1, {2}}}}, {"a", 1, {1, 2, 3}}, {0, 2}},
                    ShadowCase{
                        "InSeveralRecords", {{{"a", 1, {1}}}, {{"a", 1, {3}}}}, {"a", 1, {1, 2, 3}}, {1}},
                    ShadowCase{"AnOlderGeneration", {{{"a", 1, {0}}}}, {"a", 2, {0}}, {0}},
                    ShadowCase{"AYoungerGeneration", {{{"a", 2, {0}}}}, {"a", 1, {0}}, {0}}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace goniec::queue
