#include "common/observe/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "common/base/status.h"

namespace goniec::observe {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

// Everything that `write` logs under `config`, as it stands on standard error.
template <typename Write>
std::string Logged(const LogConfig& config, Write write) {
  testing::internal::CaptureStderr();
  StartLog(config);
  write();
  StopLog();
  return testing::internal::GetCapturedStderr();
}

TEST(Log, JsonIsOneObjectALine) {
  const std::string line = Logged({.format = LogFormat::kJson}, [] {
    Info("message accepted", {{"message", "01J"},
                              {"size", 10240},
                              {"tls", true},
                              {"commit_ms", std::chrono::microseconds(1500)},
                              {"text", "quote \" back\\slash\r\nline"}});
  });
  EXPECT_THAT(line, MatchesRegex("\\{\"time\":\"20[0-9]+-[0-9]+-[0-9]+T[0-9:.]+Z\",\"level\":\"info\",.*\n"));
  EXPECT_THAT(line,
              EndsWith("\"event\":\"message accepted\",\"message\":\"01J\",\"size\":10240,\"tls\":true,"
                       "\"commit_ms\":1.500,\"text\":\"quote \\\" back\\\\slash\\\\x0d\\\\x0aline\"}\n"));
}

TEST(Log, TextIsForPeople) {
  const std::string line = Logged({.format = LogFormat::kText}, [] {
    Warn("session refused", {{"peer", "192.0.2.1"}, {"why", "too many"}, {"empty", ""}, {"esc", "\x1b[31m"}});
  });
  EXPECT_THAT(line, MatchesRegex("[0-9:.]+ warn  session refused .*\n"));
  EXPECT_THAT(line, EndsWith(" peer=192.0.2.1 why=\"too many\" empty=\"\" esc=\"\\\\x1b[31m\"\n"));
}

TEST(Log, LevelsBelowAreNotWritten) {
  const std::string lines = Logged({.format = LogFormat::kText, .level = LogLevel::kWarn}, [] {
    Debug("a debug line", {});
    Info("an info line", {});
    spdlog::info("an info line");
    Warn("a warning", {});
    Error("an error", {});
  });
  EXPECT_EQ(lines.find("debug"), std::string::npos);
  EXPECT_EQ(lines.find("info"), std::string::npos);
  EXPECT_THAT(lines, HasSubstr("a warning"));
  EXPECT_THAT(lines, HasSubstr("an error"));
}

TEST(Log, PlainSpdlogCallsHaveTheSameForm) {
  const std::string line =
      Logged({.format = LogFormat::kJson}, [] { spdlog::error("task {} ended\n", "x"); });
  EXPECT_THAT(line, EndsWith("\"level\":\"error\",\"event\":\"task x ended\\\\x0a\"}\n"));
}

TEST(Log, AFieldIsBounded) {
  const std::string line =
      Logged({.format = LogFormat::kJson}, [] { Info("x", {{"text", std::string(100'000, 'y')}}); });
  EXPECT_LT(line.size(), 1300U);
}

TEST(Log, LinesThatStrangersCauseAreLimitedAndTheRestIsSummed) {
  const std::string lines = Logged({.format = LogFormat::kText, .limited_lines = 2}, [] {
    for (int i = 0; i < 1'000; ++i) InfoLimited("told by a stranger", {{"n", i}});
    for (int i = 0; i < 1'000; ++i) Info("told by us", {{"n", i}});
    for (int i = 0; i < 3; ++i) WarnLimited("another kind", {{"n", i}});
  });
  const auto count = [&lines](std::string_view what) {
    int found = 0;
    for (size_t at = lines.find(what); at != std::string::npos; at = lines.find(what, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("told by us n="), 1'000);
  EXPECT_EQ(count("another kind n="), 3);
  // Ten at once, and a few more if this took long.
  const int told = count("told by a stranger n=");
  EXPECT_GE(told, 10);
  EXPECT_LT(told, 100);
  EXPECT_THAT(lines, HasSubstr("warn  log lines left out of=\"told by a stranger\" lines="));
}

TEST(LogAddress, ShowsWhatPrivacyAllows) {
  EXPECT_EQ(LogAddress("Jo@Example.org", Privacy::kFull), "Jo@Example.org");
  EXPECT_EQ(LogAddress("Jo@Example.org", Privacy::kDomain), "*@Example.org");
  EXPECT_EQ(LogAddress("\"a@b\"@example.org", Privacy::kDomain), "*@example.org");
  EXPECT_EQ(LogAddress("postmaster", Privacy::kDomain), "*");
  EXPECT_EQ(LogAddress("Jo@Example.org", Privacy::kHash), LogAddress("jo@example.org", Privacy::kHash));
  EXPECT_EQ(LogAddress("jo@example.org", Privacy::kHash).size(), 16U);
  EXPECT_EQ(LogAddress("", Privacy::kHash), "<>");
}

TEST(LogConfig, IsReadFromItsSection) {
  auto document = config::Document::Parse(
      "log: {format: json, level: debug, addresses: hash, limited_lines: 7}", "t.yaml");
  ASSERT_TRUE(document.ok());
  LogConfig config;
  ReadLogConfig(document->root().Sub("log"), config);
  EXPECT_TRUE(document->Finish().ok());
  EXPECT_EQ(config.format, LogFormat::kJson);
  EXPECT_EQ(config.level, LogLevel::kDebug);
  EXPECT_EQ(config.addresses, Privacy::kHash);
  EXPECT_EQ(config.limited_lines, 7);
}

}  // namespace
}  // namespace goniec::observe
