#include "outbound/api/api_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/config/document.h"
#include "common/observe/metrics.h"
#include "outbound/api/request_fields.h"
#include "outbound/api/request_memory.h"
#include "tests/support/process.h"

namespace goniec::outbound {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kHash[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

struct Loaded {
  ApiConfig config;
  std::string problems;
};

Loaded Load(const std::string& yaml) {
  Loaded loaded;
  auto document = config::Document::Parse("api:\n" + yaml, "outbound.yaml");
  EXPECT_TRUE(document.ok()) << document.status();
  ReadApiConfig(document->root().Sub("api"), loaded.config);
  loaded.problems = std::string(document->Finish().message());
  return loaded;
}

TEST(ApiConfig, DefaultsAreSafe) {
  const Loaded loaded = Load("");
  EXPECT_EQ(loaded.problems, "");
  EXPECT_EQ(loaded.config.listen.ToString(), "127.0.0.1:8443");
  EXPECT_FALSE(loaded.config.needs_token);
  EXPECT_FALSE(ExposureWarning(loaded.config));
}

TEST(ApiConfig, ReadsTokens) {
  const test::TempDir folder;
  const std::string file = folder.Write("hash", absl::StrCat(kHash, "\n"));
  const Loaded loaded =
      Load(absl::StrCat("  tokens:\n    - sha256: ", kHash,
                        "\n      tenant: shop\n      sender_domains: [Shop.Example, bücher.test]\n"));
  EXPECT_EQ(loaded.problems, "");
  ASSERT_EQ(loaded.config.tokens.size(), 1u);
  EXPECT_EQ(loaded.config.tokens[0].name, "shop");
  EXPECT_THAT(loaded.config.tokens[0].sender_domains, ElementsAre("shop.example", "xn--bcher-kva.test"));
  const Loaded any =
      Load(absl::StrCat("  tokens: [{hash_file: ", file, ", tenant: a, sender_domains: ['*'], name: x}]\n"));
  EXPECT_EQ(any.problems, "");
  EXPECT_EQ(any.config.tokens[0].sha256, kHash);
  EXPECT_TRUE(any.config.tokens[0].sender_domains.empty());
}

TEST(ApiConfig, OperatorsNeedNoTenant) {
  const auto token = [](const std::string& rest) {
    return Load(absl::StrCat("  tokens: [{sha256: ", kHash, rest, "}]\n"));
  };
  const Loaded without = token(", operator: true");
  EXPECT_EQ(without.problems, "");
  EXPECT_TRUE(without.config.tokens[0].is_operator);
  EXPECT_EQ(without.config.tokens[0].tenant, "");
  EXPECT_EQ(without.config.tokens[0].name, "operator");
  const Loaded with = token(", operator: true, tenant: a, sender_domains: [a.test]");
  EXPECT_EQ(with.problems, "");
  EXPECT_EQ(with.config.tokens[0].name, "a");
  EXPECT_FALSE(token(", tenant: a, sender_domains: ['*']").config.tokens[0].is_operator);
  EXPECT_THAT(token(", operator: true, tenant: a").problems, HasSubstr("sender_domains: is missing"));
  EXPECT_THAT(token(", operator: true, sender_domains: ['*']").problems, HasSubstr("tenant: is missing"));
  EXPECT_THAT(token(", operator: false").problems, HasSubstr("tenant: is missing"));
}

TEST(ApiConfig, ReadsTokensFromAFileOfTheirOwn) {
  const test::TempDir folder;
  const std::string file = folder.Write(
      "tokens.yaml", absl::StrCat("tokens: [{sha256: ", kHash, ", tenant: a, sender_domains: ['*']}]\n"));
  const Loaded loaded = Load("  tokens_file: " + file + "\n");
  EXPECT_EQ(loaded.problems, "");
  EXPECT_TRUE(loaded.config.needs_token);
  EXPECT_EQ(loaded.config.tokens.size(), 1u);
  const std::string bad = folder.Write("bad.yaml", "tokens: [{tenant: a}]\n");
  EXPECT_THAT(Load("  tokens_file: " + bad + "\n").problems, HasSubstr("bad.yaml:1: tokens[0].sha256"));
  EXPECT_THAT(Load("  tokens_file: /nonexistent\n").problems, HasSubstr("outbound.yaml:2: api.tokens_file"));
}

TEST(ApiConfig, OtherAddressesNeedTlsAndTokensOrConsent) {
  const std::string tls = "  tls: {certificate_file: a.pem, key_file: a.key}\n";
  const std::string tokens =
      absl::StrCat("  tokens: [{sha256: ", kHash, ", tenant: a, sender_domains: ['*']}]\n");
  struct Row {
    const char* name;
    std::string yaml;
    bool refused;
    bool warned;
  };
  for (const Row& row :
       std::vector<Row>{{"loopback", "  listen: 127.0.0.1:1\n", false, false},
                        {"loopback net", "  listen: 127.9.9.9:1\n", false, false},
                        {"loopback v6", "  listen: '[::1]:1'\n", false, false},
                        {"mapped loopback", "  listen: '[::ffff:127.0.0.1]:1'\n", false, false},
                        {"any", "  listen: 0.0.0.0:1\n", true, true},
                        {"any v6", "  listen: '[::]:1'\n", true, true},
                        {"private", "  listen: 10.0.0.1:1\n", true, true},
                        {"only TLS", "  listen: 0.0.0.0:1\n" + tls, true, true},
                        {"only tokens", "  listen: 0.0.0.0:1\n" + tokens, true, true},
                        {"both", "  listen: 0.0.0.0:1\n" + tls + tokens, false, false},
                        {"consent", "  listen: 0.0.0.0:1\n  insecure: true\n", false, true},
                        {"consent and TLS", "  listen: 0.0.0.0:1\n  insecure: true\n" + tls, false, true}}) {
    const Loaded loaded = Load(row.yaml);
    EXPECT_EQ(loaded.problems.find("api.insecure: true") != std::string::npos, row.refused) << row.name;
    if (!row.refused) EXPECT_EQ(loaded.problems, "") << row.name;
    EXPECT_EQ(ExposureWarning(loaded.config).has_value(), row.warned) << row.name;
  }
}

// What two tenants send does not shut each other out.
TEST(ApiConfig, HalfOfTheMemoryIsEnoughForTheLargestRequest) {
  const std::string one = absl::StrCat("{sha256: ", kHash, ", tenant: a, sender_domains: ['*']}");
  const std::string two =
      absl::StrCat(one, ", {sha256: ", std::string(64, 'a'), ", tenant: b, sender_domains: ['*']}");
  const std::string larger = "  max_message: 50MiB\n";
  const std::string smaller = "  max_in_flight: 266MiB\n";
  const struct {
    const char* name;
    std::string yaml;
    bool enough;
    bool warned;
  } kRows[] = {
      {"default", "", true, false},
      {"one tenant, larger messages", larger + "  tokens: [" + one + "]\n", false, false},
      {"two tenants", "  tokens: [" + two + "]\n", true, false},
      {"two tenants, larger messages", larger + "  tokens: [" + two + "]\n", true, false},
      {"one tenant, less memory", smaller + "  tokens: [" + one + "]\n", false, false},
      {"two tenants, less memory", smaller + "  tokens: [" + two + "]\n", false, true},
  };
  for (const auto& row : kRows) {
    const Loaded loaded = Load(row.yaml);
    EXPECT_EQ(loaded.problems, "") << row.name;
    EXPECT_EQ(loaded.config.max_in_flight.bytes >= 2 * MostMemoryOfRequest(loaded.config), row.enough)
        << row.name;
    EXPECT_EQ(ShareWarning(loaded.config).has_value(), row.warned) << row.name;
  }
  EXPECT_THAT(ShareWarning(Load(smaller + "  tokens: [" + two + "]\n").config).value(),
              HasSubstr("set it to 267MiB or more"));
}

// The least that is allowed takes the largest request, with all the fields that it may have.
TEST(ApiConfig, TheLeastMemoryTakesTheLargestRequest) {
  const Loaded least = Load("  max_in_flight: 134MiB\n");
  ASSERT_EQ(least.problems, "");
  observe::Metrics metrics;
  const std::uint64_t limit = MostMemoryOfRequest(least.config);
  RequestMemory memory(limit, metrics.AddGauge("goniec_test_bytes", "Test."));
  auto request =
      memory.Reserve("a", MemoryOfRequest(least.config.max_message.bytes + kRequestOverhead), limit);
  ASSERT_TRUE(request);
  EXPECT_TRUE(request.Grow(kMostFields * kMemoryOfField, limit));
  EXPECT_THAT(Load("  max_in_flight: 133MiB\n").problems, HasSubstr("api.max_in_flight"));
}

TEST(ApiConfig, NamesWhatIsWrong) {
  struct Row {
    std::string yaml;
    std::string problem;
  };
  const std::string good = absl::StrCat("sha256: ", kHash, ", tenant: a");
  for (const Row& row : std::vector<Row>{
           {"  listen: localhost:1\n", "api.listen"},
           {"  tls: {key_file: x}\n", "api.tls"},
           {"  tokens: [{sha256: my-secret-token, tenant: a, sender_domains: ['*']}]\n", "goniec token hash"},
           {"  tokens: [{sha256: x, hash_file: y, tenant: a, sender_domains: ['*']}]\n", "either"},
           {"  tokens: [{hash_file: /nonexistent, tenant: a, sender_domains: ['*']}]\n", "/nonexistent"},
           {"  tokens: [{" + good + "}]\n", "sender_domains: is missing"},
           {"  tokens: [{" + good + ", sender_domains: []}]\n", "is empty"},
           {"  tokens: [{" + good + ", sender_domains: ['a b']}]\n", "sender_domains[0]"},
           {"  tokens: [{" + good + ", sender_domains: [a.test, '*']}]\n", "alone"},
           {"  tokens: [{" + good + ", sender_domains: ['*']}, {" + good + ", sender_domains: ['*']}]\n",
            "another token"},
           {absl::StrCat("  tokens: [{sha256: ", kHash, ", sender_domains: ['*']}]\n"), "tenant: is missing"},
           {absl::StrCat("  tokens: [{sha256: ", kHash, ", tenant: A.B, sender_domains: ['*']}]\n"),
            "tokens[0].tenant"},
           {"  default_tenant: 'no good'\n", "api.default_tenant"},
           {"  max_message: 51MiB\n", "api.max_message"},
           {"  max_message: 40MiB\n  max_in_flight: 100MiB\n", "api.max_in_flight"},
           {"  max_recipients: 1001\n", "api.max_recipients"},
           {"  max_life: 31d\n", "api.max_life"},
           {"  max_cals: 3\n", "did you mean max_calls"}}) {
    EXPECT_THAT(Load(row.yaml).problems, HasSubstr(row.problem)) << row.yaml;
  }
  EXPECT_THAT(Load("  tokens: [{sha256: my-secret-token, tenant: a, sender_domains: ['*']}]\n").problems,
              testing::Not(HasSubstr("my-secret-token")));
}

}  // namespace
}  // namespace goniec::outbound
