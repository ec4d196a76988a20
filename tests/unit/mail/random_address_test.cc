// Address fields by the dice. What is written by the grammar is read as it was meant, and as GMime, another
// reader, reads it; what is damaged is read without harm, and never with an address in it that a well-formed
// reading has not. Each round's input comes from a seed of its own, which a failure names.
#include <gmime/gmime.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>

#include "common/mail/address_field.h"

namespace goniec::mail {
namespace {

using testing::ElementsAreArray;

constexpr unsigned kRounds = 3'000;

class RandomField {
 public:
  explicit RandomField(unsigned seed) : dice_(seed) {}

  std::string List() {
    std::string list;
    for (std::size_t n = 1 + Below(4); n > 0; --n) {
      if (!list.empty()) list += ",";
      list += Below(5) == 0 ? Group() : Mailbox();
    }
    return list;
  }

  std::string Damaged() {
    std::string list = List();
    static constexpr std::string_view kBytes = "<>@,:;.\"\\()[] \ta\x01=?";
    for (std::size_t n = 1 + Below(3); n > 0; --n) {
      const std::size_t at = Below(list.size() + 1);
      if (Below(3) == 0) {
        list.erase(at, 1 + Below(3));
      } else {
        list.insert(at, 1, kBytes[Below(kBytes.size())]);
      }
    }
    return list;
  }

  std::vector<std::string> meant;

 private:
  std::size_t Below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(dice_);
  }

  template <std::size_t kSize>
  std::string One(const std::array<const char*, kSize>& of) {
    return of[Below(kSize)];
  }

  std::string Space() {
    return One(std::array{"", "", " ", "  ", "\t", " (c)", "(a (b) c) ", " (\\)) ", "(<x@y.test>, \\\")"});
  }

  std::string Name() {
    std::string name;
    for (std::size_t n = 1 + Below(3); n > 0; --n) {
      if (!name.empty()) name += " ";
      name += One(std::array{"John", "Doe", "=?utf-8?q?J=C3=BC?=", "\"Q. <a@b.test>,\"", "\"x \\\" y\"",
                             "a-b", "\"\""});
    }
    return name;
  }

  std::string Address() {
    const std::string local =
        One(std::array{"a", "john.doe", "a+b=c", "x_y", "\"a b\"", "\"x@y\"", "o'neil"});
    const std::string domain = One(std::array{"one.test", "b.two.test", "c-d.test", "[192.0.2.1]", "X.TEST"});
    meant.push_back(local + "@" + domain);
    return meant.back();
  }

  std::string Mailbox() {
    if (Below(2) == 0) return Space() + Address() + Space();
    const std::string name = Below(4) == 0 ? "" : Name() + " ";
    return Space() + name + "<" + Address() + ">" + Space();
  }

  std::string Group() {
    std::string group = Name() + ":";
    for (std::size_t n = Below(3); n > 0; --n) group += Mailbox() + (n > 1 ? "," : "");
    return group + ";" + Space();
  }

  std::mt19937 dice_;
};

void Collect(InternetAddressList* list, std::vector<std::string>& addresses) {
  for (int i = 0; i < internet_address_list_length(list); ++i) {
    InternetAddress* address = internet_address_list_get_address(list, i);
    if (INTERNET_ADDRESS_IS_GROUP(address)) {
      Collect(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(address)), addresses);
    } else {
      addresses.emplace_back(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address)));
    }
  }
}

std::vector<std::string> AsGmimeReads(const std::string& value) {
  static const bool ready = (g_mime_init(), true);
  EXPECT_TRUE(ready);
  std::vector<std::string> addresses;
  const std::unique_ptr<InternetAddressList, decltype(&g_object_unref)> list(
      internet_address_list_parse(nullptr, value.c_str()), &g_object_unref);
  if (list != nullptr) Collect(list.get(), addresses);
  return addresses;
}

TEST(RandomAddresses, AreReadAsTheyWereMeant) {
  for (unsigned seed = 0; seed < kRounds; ++seed) {
    RandomField random(seed);
    const std::string value = random.List();
    const auto field = ReadAddressField(value);
    ASSERT_TRUE(field.ok()) << "seed " << seed;
    EXPECT_THAT(field->addresses, ElementsAreArray(random.meant)) << "seed " << seed << ": " << value;
    EXPECT_EQ(field->malformed.empty(), !random.meant.empty())
        << "seed " << seed << ": " << value << field->malformed;
    EXPECT_THAT(AsGmimeReads(value), ElementsAreArray(random.meant)) << "seed " << seed << ": " << value;
  }
}

TEST(RandomAddresses, DamageHidesNoDomainFromAWellFormedReading) {
  for (unsigned seed = 0; seed < kRounds; ++seed) {
    const std::string value = RandomField(seed).Damaged();
    const auto field = ReadAddressField(value);
    ASSERT_TRUE(field.ok()) << "seed " << seed;
    if (!field->malformed.empty()) continue;
    for (const std::string& address : AsGmimeReads(value)) {
      const std::size_t at = address.rfind('@');
      if (at == std::string::npos) continue;
      const std::string domain = address.substr(at);
      // GMime drops a dot at the end, as anybody may.
      const bool known = std::any_of(
          field->addresses.begin(), field->addresses.end(),
          [&](const std::string& ours) { return ours.ends_with(domain) || ours.ends_with(domain + '.'); });
      EXPECT_TRUE(known) << "seed " << seed << ": " << value << " has " << address;
    }
  }
}

}  // namespace
}  // namespace goniec::mail
