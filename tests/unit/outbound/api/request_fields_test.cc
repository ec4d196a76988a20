#include "outbound/api/request_fields.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <string>

#include "goniec/v1/mail_service.pb.h"

namespace goniec::outbound {
namespace {

std::size_t Count(const std::string& octets, std::size_t most = 1'000'000, int block = -1) {
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
      {"unknown groups", Repeated("\xFB\x06\xFC\x06", 1'000), 2'000},
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
    EXPECT_LE(Count(row.octets), 2u) << row.name;
  }
}

}  // namespace
}  // namespace goniec::outbound
