// Today's code reads what every version has stored, and what a later one may store (tests/corpus/README.md).
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "common/queue/events/open_recipients.h"
#include "common/queue/hold/move.h"
#include "common/queue/model/message_status.h"
#include "common/queue/model/record_check.h"

namespace goniec::queue {
namespace {

namespace pb = google::protobuf;
using pb::util::MessageDifferencer;
using testing::HasSubstr;

struct Sample {
  std::string version;  // the folder
  std::string name;
  std::string bytes;
  std::string text;
  std::multimap<std::string, std::string> notes;

  [[nodiscard]] std::string Note(const std::string& key) const {
    const auto found = notes.find(key);
    return found == notes.end() ? std::string() : found->second;
  }
  [[nodiscard]] bool OfTheFuture() const { return version == "next"; }
};

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::vector<Sample> ReadSamples(const std::string& type) {
  std::vector<Sample> samples;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(GONIEC_CORPUS "/queue")) {
    if (entry.path().extension() != ".binpb") continue;
    Sample sample{entry.path().parent_path().filename(), entry.path().stem(), ReadAll(entry.path()), {}, {}};
    std::istringstream text(ReadAll(std::filesystem::path(entry.path()).replace_extension(".txtpb")));
    for (std::string line; std::getline(text, line);) {
      const std::size_t colon = line.find(": ");
      if (line.starts_with("# ") && colon != std::string::npos) {
        sample.notes.emplace(line.substr(2, colon - 2), line.substr(colon + 2));
      }
    }
    sample.text = text.str();
    if (sample.Note("proto-message") == "goniec.queue.v1." + type) samples.push_back(std::move(sample));
  }
  EXPECT_FALSE(samples.empty());
  return samples;
}

// The unknown fields of a message and of all that it holds, by where they are.
void CollectUnknown(const pb::Message& message, const std::string& path,
                    std::map<std::string, std::string>& found) {
  const pb::Reflection& reflection = *message.GetReflection();
  std::string bytes;
  reflection.GetUnknownFields(message).SerializeToString(&bytes);
  found[path] = bytes;
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
    const std::string name = path + "/" + field->name();
    if (!field->is_repeated()) {
      CollectUnknown(reflection.GetMessage(message, field), name, found);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      CollectUnknown(reflection.GetRepeatedMessage(message, field, i), name + std::to_string(i), found);
    }
  }
}

std::map<std::string, std::string> UnknownIn(const pb::Message& message) {
  std::map<std::string, std::string> found;
  CollectUnknown(message, "", found);
  return found;
}

template <typename T>
void ExpectReadable(const Sample& sample, T& message) {
  ASSERT_TRUE(message.ParseFromString(sample.bytes));
  if (sample.OfTheFuture()) {
    for (const auto& [path, bytes] : UnknownIn(message)) EXPECT_NE(bytes, "") << path;
    return;
  }
  T read;
  ASSERT_TRUE(pb::TextFormat::ParseFromString(sample.text, &read));
  EXPECT_TRUE(MessageDifferencer::Equals(message, read)) << "the text beside it is of another sample";
}

TEST(CorpusTest, EveryRecordIsReadAndIsOneOfOursOrSaysWhyNot) {
  std::set<std::string> places;
  for (const Sample& sample : ReadSamples("Record")) {
    SCOPED_TRACE(sample.version + "/" + sample.name);
    v1::Record record;
    ExpectReadable(sample, record);
    const absl::Status checked = CheckRecord(record, sample.Note("subject"));
    EXPECT_EQ(std::string(checked.message()), sample.Note("outcome"));
    places.insert(sample.version + " " + sample.Note("subject").substr(0, 5));
  }
  EXPECT_TRUE(places.contains("v1 ready") && places.contains("v1 wait.") && places.contains("v1 due.0") &&
              places.contains("v1 held."));
}

std::string StateOf(const RecipientStatus& recipient) {
  constexpr const char* kNames[] = {"QUEUED",  "DEFERRED", "HELD",      "DELIVERED",
                                    "BOUNCED", "EXPIRED",  "CANCELLED", "SUPPRESSED"};
  return kNames[static_cast<int>(recipient.state)];
}

TEST(CorpusTest, EveryEventIsReadAndFoldsToItsState) {
  std::set<int> types;
  for (const Sample& sample : ReadSamples("EventRecord")) {
    SCOPED_TRACE(sample.version + "/" + sample.name);
    v1::EventRecord record;
    ExpectReadable(sample, record);
    OpenRecipients open;
    for (const v1::Event& event : record.events()) {
      types.insert(event.type());
      open.Add(event);
    }
    std::multiset<std::string> folded;
    std::multiset<std::string> expected;
    const auto expectations = sample.notes.equal_range("expect");
    std::set<std::string> ids;
    for (auto note = expectations.first; note != expectations.second; ++note) {
      expected.insert(note->second);
      ids.insert(note->second.substr(0, note->second.find(' ')));
    }
    for (const std::string& id : ids) {
      StatusFold fold(id);
      for (const v1::Event& event : record.events()) fold.Add(event);
      EXPECT_EQ(fold.second_terminals(), 0);
      for (const auto& [index, recipient] : fold.status().recipients) {
        folded.insert(id + " " + std::to_string(index) + " " + StateOf(recipient) + " " +
                      std::to_string(recipient.generation));
        // The audit agrees about what has ended.
        EXPECT_EQ(open.Ended(id, index), IsTerminal(recipient.state)) << index;
      }
    }
    EXPECT_EQ(folded, expected);
  }
  for (int i = 0; i < v1::EventType_descriptor()->value_count(); ++i) {
    const auto* type = v1::EventType_descriptor()->value(i);
    if (type->number() != v1::EVENT_TYPE_UNSPECIFIED) {
      EXPECT_TRUE(types.contains(type->number())) << "there is no sample of " << type->name();
    }
  }
}

// Whatever becomes of the mail: WAIT's copies and HELD's are made by the same function.
TEST(CorpusTest, ACopyOfACopyKeepsWhatALaterVersionSaid) {
  int moved = 0;
  for (const Sample& sample : ReadSamples("Record")) {
    if (!sample.OfTheFuture() || !sample.Note("outcome").empty()) continue;
    SCOPED_TRACE(sample.name);
    v1::Record record;
    ASSERT_TRUE(record.ParseFromString(sample.bytes));
    const v1::Mail& mail = record.mails(0);
    const std::uint32_t last = static_cast<std::uint32_t>(mail.recipients_size()) - 1;
    v1::Record expected = record;
    while (expected.mails_size() > 1) expected.mutable_mails()->RemoveLast();
    expected.mutable_mails(0)->clear_recipients();
    *expected.mutable_mails(0)->add_recipients() = mail.recipients(static_cast<int>(last));
    const auto unknown = UnknownIn(expected);

    const WallTime at = std::chrono::system_clock::now();
    const Move first = MakeMove(record, mail, {last}, ToWait{"first.test", at}, 1);
    v1::Record stored;
    ASSERT_TRUE(stored.ParseFromString(first.record.SerializeAsString()));
    const Move second = MakeMove(stored, stored.mails(0), {0}, ToWait{"first.test", at}, 2);
    EXPECT_EQ(UnknownIn(first.record), unknown);
    EXPECT_EQ(UnknownIn(second.record), unknown);
    expected.mutable_mails(0)->set_generation(mail.generation() + 2);
    expected.mutable_mails(0)->set_attempts(2);
    EXPECT_TRUE(MessageDifferencer::Equals(second.record, expected));
    ++moved;
  }
  EXPECT_GE(moved, 5);
}

}  // namespace
}  // namespace goniec::queue
