#include "outbound/api/request_fields.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "goniec/v1/mail_service.pb.h"

namespace goniec::outbound {
namespace {

std::optional<std::size_t> Count(const std::string& octets, std::size_t most = 1'000'000, int block = -1) {
  google::protobuf::io::ArrayInputStream stream(octets.data(), static_cast<int>(octets.size()), block);
  return CountFields(stream, *v1::SendMessageRequest::descriptor(), most);
}

std::string Repeated(const std::string& field, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += field;
  return all;
}

TEST(RequestFields, AreCountedInAllMessagesOfTheRequest) {
  v1::SendMessageRequest request;
  EXPECT_EQ(Count(request.SerializeAsString()), 0u);
  request.set_raw(std::string(100'000, '\x0A'));
  EXPECT_EQ(Count(request.SerializeAsString()), 1u) << "what looks like fields and is content is none";
  request.mutable_envelope()->set_mail_from("a@b.c");
  for (int i = 0; i < 100; ++i) request.mutable_envelope()->add_to()->set_address("a@b.c");
  (*request.mutable_metadata())["a"] = "b";
  request.add_tags("tag");
  request.mutable_options()->mutable_expire_time()->set_seconds(1);
  // raw; envelope, mail_from, 100 of two; an entry with key and value; a tag; three of the options.
  const std::size_t expected = 1 + 2 + 200 + 3 + 1 + 3;
  for (const int block : {1, 7, 1000})
    EXPECT_EQ(Count(request.SerializeAsString(), 1'000'000, block), expected);
}

TEST(RequestFields, EmptyOnesCountToo) {
  const struct {
    const char* name;
    std::string octets;
    std::size_t fields;
  } kRows[] = {
      {"tags", Repeated(std::string("\x32\0", 2), 1'000), 1'000},
      {"unknown numbers", Repeated(std::string("\xF8\x06\0", 3), 1'000), 1'000},
      {"unknown octets", Repeated(std::string("\xFA\x06\0", 3), 1'000), 1'000},
      {"unknown fixed",
       Repeated("\xF9\x06"
                "12345678",
                1'000),
       1'000},
      {"unknown short fixed",
       Repeated("\xFD\x06"
                "1234",
                1'000),
       1'000},
  };
  for (const auto& row : kRows) {
    v1::SendMessageRequest parsed;
    EXPECT_TRUE(parsed.ParseFromString(row.octets)) << row.name;
    EXPECT_EQ(Count(row.octets), row.fields) << row.name;
  }
}

TEST(RequestFields, EndAtTheMost) {
  v1::SendMessageRequest request;
  for (int i = 0; i < 1'000; ++i) request.mutable_envelope()->add_to();
  EXPECT_EQ(Count(request.SerializeAsString(), 1'001), 1'001u);
  EXPECT_EQ(Count(request.SerializeAsString(), 1'000), 1'001u);
  EXPECT_EQ(Count(request.SerializeAsString(), 10), 11u);
}

TEST(RequestFields, EndWhereTheRequestIsMalformed) {
  const std::string rest = Repeated(std::string("\x32\0", 2), 10);
  const struct {
    const char* name;
    std::string octets;
  } kRows[] = {
      {"cut content", std::string("\x32\x05", 2) + "abc"},
      {"longer than anything", "\x32\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F" + rest},
      {"a message that ends within a field", std::string("\x12\x01\x0A", 3) + rest},
      {"an endless number", "\x38" + std::string(11, '\xFF') + rest},
      {"no wire type", "\x37" + rest},
  };
  for (const auto& row : kRows) {
    v1::SendMessageRequest parsed;
    EXPECT_FALSE(parsed.ParseFromString(row.octets)) << row.name;
    EXPECT_EQ(Count(row.octets), std::nullopt) << row.name;
  }
}

// A parser takes them, and what is in them has other rules.
TEST(RequestFields, GroupsAreRefused) {
  const std::string rest = Repeated(std::string("\x32\0", 2), 10);
  const struct {
    const char* name;
    std::string octets;
  } kRows[] = {
      {"empty", "\xFB\x06\xFC\x06" + rest},
      {"with what would be a message outside", std::string("\xFB\x06\x12\x01\x0A\xFC\x06", 7) + rest},
      {"in a message", std::string("\x12\x04\xFB\x06\xFC\x06", 6) + rest},
      {"with a number that is known", std::string("\x33\x34", 2) + rest},
  };
  for (const auto& row : kRows) {
    v1::SendMessageRequest parsed;
    EXPECT_TRUE(parsed.ParseFromString(row.octets)) << row.name;
    EXPECT_EQ(Count(row.octets), std::nullopt) << row.name;
  }
}

// What a parser found, in all depths.
std::size_t FieldsOf(const google::protobuf::UnknownFieldSet& unknown) {
  std::size_t count = 0;
  for (int i = 0; i < unknown.field_count(); ++i) {
    ++count;
    if (unknown.field(i).type() == google::protobuf::UnknownField::TYPE_GROUP)
      count += FieldsOf(unknown.field(i).group());
  }
  return count;
}
std::size_t FieldsOf(const google::protobuf::Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::size_t count = FieldsOf(reflection.GetUnknownFields(message));
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const auto* field : fields) {
    // An entry of a map has key and value in any case.
    if (message.GetDescriptor()->options().map_entry() && reflection.GetString(message, field).empty())
      continue;
    const bool is_message = field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE;
    if (!field->is_repeated()) {
      count += 1 + (is_message ? FieldsOf(reflection.GetMessage(message, field)) : 0);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i)
      count += 1 + (is_message ? FieldsOf(reflection.GetRepeatedMessage(message, field, i)) : 0);
  }
  return count;
}

// Fields of all wire types with numbers that the types know, and some that they do not, messages and groups
// in them; now and then something is cut or wrong.
class RandomRequests {
 public:
  std::string Make() {
    may_have_group_ = false;
    std::string octets = Fields(0, 4);
    if (Below(8) == 0 && !octets.empty()) octets.resize(Below(octets.size()));
    if (Below(8) == 0 && !octets.empty()) {
      may_have_group_ = true;
      octets[Below(octets.size())] = static_cast<char>(Below(256));
    }
    return octets;
  }
  // Of the one that was made last.
  [[nodiscard]] bool may_have_group() const { return may_have_group_; }

 private:
  std::size_t Below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  static std::string Varint(std::uint64_t number) {
    std::string octets;
    for (; number > 127; number >>= 7) octets.push_back(static_cast<char>(number | 128));
    octets.push_back(static_cast<char>(number));
    return octets;
  }
  std::string Fields(int depth, std::size_t most) {
    std::string octets;
    for (std::size_t i = Below(most + 1); i > 0; --i) octets += Field(depth);
    return octets;
  }
  std::string Field(int depth) {
    constexpr std::size_t kGroups = 8;  // one in so many fields
    const std::uint64_t number = Below(6) == 0 ? 90 + Below(30) : 1 + Below(12);
    const auto tag = [number](std::uint64_t type) { return Varint(number << 3 | type); };
    if (depth < 4 && Below(kGroups) == 0) {
      may_have_group_ = true;
      return tag(3) + Fields(depth + 1, 3) + tag(4);
    }
    switch (Below(8)) {
      case 0:
        return tag(0) + Varint(Below(1000));
      case 1:
        return tag(1) + std::string(8, 'x');
      case 2:
        return tag(5) + std::string(4, 'x');
      case 3:
        return tag(2) + Varint(3) + "abc";
      default: {
        const std::string content = depth < 5 ? Fields(depth + 1, 4) : "";
        return tag(2) + Varint(content.size()) + content;
      }
    }
  }

  std::mt19937_64 random_{17};
  bool may_have_group_ = false;
};

TEST(RequestFields, WhateverAParserTakesIsCountedToItsEndAndInFull) {
  RandomRequests requests;
  int taken = 0;
  int with_groups = 0;
  int refused = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::string octets = requests.Make();
    v1::SendMessageRequest parsed;
    const bool parses = parsed.ParseFromString(octets);
    const std::optional<std::size_t> fields = Count(octets);
    if (!parses) {
      ++refused;
    } else if (!fields) {
      ++with_groups;
      ASSERT_TRUE(requests.may_have_group()) << absl::BytesToHexString(octets);
    } else {
      taken += octets.empty() ? 0 : 1;
      ASSERT_GE(*fields, FieldsOf(parsed)) << absl::BytesToHexString(octets);
    }
  }
  // Of each kind there were enough.
  EXPECT_GT(taken, 10'000);
  EXPECT_GT(with_groups, 10'000);
  EXPECT_GT(refused, 10'000);
}

}  // namespace
}  // namespace goniec::outbound
