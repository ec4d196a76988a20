#include "outbound/api/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace goniec::outbound {
namespace {

ApiConfig TwoTokens() {
  ApiConfig config;
  config.needs_token = true;
  config.tokens = {
      {.sha256 = HashToken("first-secret"), .tenant = "shop", .sender_domains = {"shop.test"}, .name = "s"},
      {.sha256 = HashToken("second-secret"), .tenant = "news", .sender_domains = {}, .name = "n"}};
  return config;
}

TEST(Credentials, HashIsSha256) {
  EXPECT_EQ(HashToken("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Credentials, TokensNameTenants) {
  const Credentials credentials(TwoTokens());
  EXPECT_EQ(credentials.Authenticate("Bearer first-secret")->tenant, "shop");
  EXPECT_EQ(credentials.Authenticate("bearer  second-secret ")->tenant, "news");
  EXPECT_TRUE(credentials.Authenticate("Bearer second-secret")->MaySendFrom("any.test"));
  EXPECT_TRUE(credentials.Authenticate("Bearer first-secret")->MaySendFrom("shop.test"));
  EXPECT_FALSE(credentials.Authenticate("Bearer first-secret")->MaySendFrom("any.test"));
}

TEST(Credentials, AnythingElseIsUnauthenticated) {
  const Credentials credentials(TwoTokens());
  for (const char* header : {"", "Bearer", "Bearer ", "Bearer third", "Basic first-secret", "first-secret",
                             "Bearer first-secre", "Bearer first-secrett"}) {
    const auto caller = credentials.Authenticate(header);
    EXPECT_EQ(caller.status().code(), absl::StatusCode::kUnauthenticated) << header;
    EXPECT_THAT(std::string(caller.status().message()), testing::Not(testing::HasSubstr("first")));
  }
  EXPECT_EQ(credentials.Authenticate(std::nullopt).status().code(), absl::StatusCode::kUnauthenticated);
}

TEST(Credentials, OnlyOperatorsOperate) {
  ApiConfig config = TwoTokens();
  config.tokens[1].is_operator = true;
  config.tokens.push_back({.sha256 = HashToken("third-secret"), .is_operator = true, .name = "operator"});
  const Credentials credentials(config);
  EXPECT_FALSE(credentials.Authenticate("Bearer first-secret")->is_operator);
  EXPECT_TRUE(credentials.Authenticate("Bearer second-secret")->is_operator);
  EXPECT_TRUE(credentials.Authenticate("Bearer second-secret")->HasMail());
  const auto without_mail = credentials.Authenticate("Bearer third-secret");
  EXPECT_TRUE(without_mail->is_operator);
  EXPECT_FALSE(without_mail->HasMail());
  EXPECT_FALSE(without_mail->MaySendFrom("any.test")) << "no domains are not all domains";
}

TEST(Credentials, AnOperatorWithoutMailIsNoNeighbour) {
  ApiConfig config = TwoTokens();
  config.tokens.pop_back();
  config.tokens.insert(config.tokens.begin(), {.sha256 = HashToken("x"), .is_operator = true});
  config.tokens.push_back({.sha256 = HashToken("y"), .is_operator = true});
  EXPECT_FALSE(Credentials(config).has_several_tenants());
}

TEST(Credentials, WithoutTokensEverybodyIsTheDefaultTenant) {
  const Credentials credentials{ApiConfig()};
  EXPECT_TRUE(credentials.Authenticate(std::nullopt)->is_operator);
  EXPECT_EQ(credentials.Authenticate(std::nullopt)->tenant, "default");
  EXPECT_EQ(credentials.Authenticate("Bearer whatever")->tenant, "default");
}

TEST(Credentials, AnEmptyListLetsNobodyIn) {
  ApiConfig config;
  config.needs_token = true;
  EXPECT_FALSE(Credentials(config).Authenticate(std::nullopt).ok());
}

}  // namespace
}  // namespace goniec::outbound
