#include "tests/support/load/options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace goniec::load {
namespace {

absl::StatusOr<Options> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "goniec-load");
  return Options::Parse(static_cast<int>(words.size()), words.data());
}

TEST(LoadOptions, DefaultsAreAClosedLoop) {
  const auto options = Parse({"smtp", "127.0.0.1:2525"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->protocol, Options::Protocol::kSmtp);
  EXPECT_EQ(options->host, "127.0.0.1");
  EXPECT_EQ(options->port, "2525");
  EXPECT_EQ(options->sessions, 20U);
  EXPECT_EQ(options->mails, 1'000U);
  EXPECT_EQ(options->rate, 0);
  EXPECT_EQ(options->size, 10'240U);
}

TEST(LoadOptions, ARateAllowsManyConnections) {
  const auto options = Parse({"smtp", "mx.test:25", "--rate=3000", "--seconds", "1.5"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->sessions, 1'000U);
  EXPECT_EQ(options->mails, 0U);
  EXPECT_EQ(options->duration, std::chrono::milliseconds(1'500));
}

TEST(LoadOptions, AnswersAreInTimeUntilAGraceAfterTheSending) {
  using std::chrono::milliseconds;
  const struct {
    std::vector<const char*> words;
    milliseconds until;
  } kCases[] = {
      {{"--seconds", "3"}, milliseconds(3'500)},
      {{"--seconds", "3", "--grace", "0"}, milliseconds(3'000)},
      {{"--mails", "50", "--grace", "1.25"}, milliseconds(6'250)},
      {{"--mails", "50", "--seconds", "3"}, milliseconds(3'500)},
      {{"--mails", "20", "--seconds", "3"}, milliseconds(2'500)},
  };
  for (auto c : kCases) {
    c.words.insert(c.words.end(), {"smtp", "mx.test:25", "--rate", "10"});
    const auto options = Parse(c.words);
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->InTime(), c.until);
  }
}

TEST(LoadOptions, FlagsStandAnywhere) {
  const auto options = Parse({"--json", "grpc", "--connections", "4", "[::1]:8443", "--token-file", "t"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->protocol, Options::Protocol::kGrpc);
  EXPECT_EQ(options->target, "[::1]:8443");
  EXPECT_EQ(options->host, "::1");
  EXPECT_EQ(options->connections, 4U);
  EXPECT_EQ(options->token_file, "t");
  EXPECT_TRUE(options->json);
}

TEST(LoadOptions, WhatIsWrongIsOneLine) {
  const struct {
    std::vector<const char*> words;
    std::string line;
  } kCases[] = {
      {{}, "say where to: goniec-load smtp HOST:PORT, or grpc HOST:PORT; try --help"},
      {{"smtp"}, "say where to: goniec-load smtp HOST:PORT, or grpc HOST:PORT; try --help"},
      {{"lmtp", "a:1"}, "unknown argument 'lmtp'; try --help"},
      {{"smtp", "localhost"}, "'localhost' is not HOST:PORT; try --help"},
      {{"smtp", "a:0"}, "'a:0' is not HOST:PORT; try --help"},
      {{"smtp", "a:65536"}, "'a:65536' is not HOST:PORT; try --help"},
      {{"smtp", ":25"}, "':25' is not HOST:PORT; try --help"},
      {{"smtp", "a:1", "b:2"}, "unknown argument 'b:2'; try --help"},
      {{"smtp", "a:1", "--mials", "3"}, "unknown argument '--mials'; try --help"},
      {{"smtp", "a:1", "-n", "3"}, "unknown argument '-n'; try --help"},
      {{"smtp", "a:1", "--mails"}, "--mails needs a value: N; try --help"},
      {{"smtp", "a:1", "--mails", "0"},
       "--mails must be a whole number from 1 to 9999999999, not '0'; try --help"},
      {{"smtp", "a:1", "--mails=-1"},
       "--mails must be a whole number from 1 to 9999999999, not '-1'; try --help"},
      {{"smtp", "a:1", "--sessions", "2e1"},
       "--sessions must be a whole number from 1 to 20000, not '2e1'; try --help"},
      {{"smtp", "a:1", "--rate", "fast"},
       "--rate must be mails a second from 0.01 to 1000000, not 'fast'; try --help"},
      {{"smtp", "a:1", "--rate", "nan"},
       "--rate must be mails a second from 0.01 to 1000000, not 'nan'; try --help"},
      {{"smtp", "a:1", "--grace", "1"}, "--grace is for --rate only; try --help"},
      {{"smtp", "a:1", "--timeout", "0"}, "--timeout must be seconds from 0.1 to 86400, not '0'; try --help"},
      {{"smtp", "a:1", "--to", "a@b\r\nDATA"},
       "--to must be local@domain, not 'a@b\\x0d\\x0aDATA'; try --help"},
      {{"smtp", "a:1", "--from", "a"}, "--from must be local@domain, not 'a'; try --help"},
      {{"smtp", "a:1", "--size", "511"},
       "--size must be a whole number from 512 to 104857600, not '511'; try --help"},
      {{"smtp", "a:1", "--json=yes"}, "--json takes no value; try --help"},
      {{"smtp", "a:1", "--json", "--json"}, "--json was given twice; try --help"},
      {{"smtp", "a:1", "--token-file", "t"}, "--token-file is for grpc only; try --help"},
      {{"smtp", "a:1", "--plaintext-token"}, "--plaintext-token is for grpc only; try --help"},
      {{"grpc", "a:1", "--mails-per-connection", "2"}, "--mails-per-connection is for smtp only; try --help"},
  };
  for (const auto& c : kCases) {
    const auto options = Parse(c.words);
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument) << c.line;
    EXPECT_EQ(options.status().message(), c.line);
  }
}

TEST(LoadOptions, ATokenGoesInClearToThisMachineOnly) {
  for (const char* target : {"127.0.0.1:1", "127.8.9.10:1", "[::1]:1", "localhost:1"}) {
    const auto options = Parse({"grpc", target});
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_TRUE(options->AllowToken().ok()) << target;
  }
  for (const char* target : {"mx.test:1", "10.0.0.1:1", "127.0.0.1.mx.test:1", "localhost.test:1", "[::2]:1",
                             "::1:1", "unix:/s:1"}) {
    auto options = Parse({"grpc", target});
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->AllowToken().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(options->AllowToken().message(), std::string("the token would go to ") + target +
                                                   " in clear: give --plaintext-token if it may; try --help");
    options = Parse({"grpc", target, "--plaintext-token"});
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_TRUE(options->AllowToken().ok()) << target;
  }
}

}  // namespace
}  // namespace goniec::load
