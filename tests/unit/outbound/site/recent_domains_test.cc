#include "outbound/site/recent_domains.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"

namespace goniec::outbound {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(RecentDomains, AreCanonicalSortedAndNamedOnce) {
  RecentDomains domains;
  for (const char* address : {"a@Example.NET", "b@bücher.test", "c@example.net", "d@[192.0.2.1]"})
    domains.Note(address);
  EXPECT_THAT(domains.All(), ElementsAre("[192.0.2.1]", "example.net", "xn--bcher-kva.test"));
}

TEST(RecentDomains, WhatHasNoDomainIsNotNoted) {
  RecentDomains domains;
  for (const char* address : {"", "a", "a@"}) domains.Note(address);
  EXPECT_THAT(domains.All(), IsEmpty());
}

TEST(RecentDomains, OfManyTheLatestStay) {
  RecentDomains domains;
  for (int i = 10; i < 60; ++i) domains.Note(absl::StrCat("a@d", i, ".test"));
  const std::vector<std::string> all = domains.All();
  EXPECT_EQ(all.size(), kMostRecentDomains);
  EXPECT_EQ(all.front(), "d44.test");
  EXPECT_EQ(all.back(), "d59.test");
}

}  // namespace
}  // namespace goniec::outbound
