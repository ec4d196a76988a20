// goniec-load against goniec-sink: what it counts is what was received, what a server refuses or leaves
// unanswered ends it with a status and a line that says so, and what it calls latency counts from when a mail
// was due.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace goniec::load {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class LoadProgram : public testing::Test {
 protected:
  // A sink that writes a line for each mail.
  void StartSink(const std::string& script = "", const std::vector<std::string>& more = {}) {
    std::vector<std::string> argv = {GONIEC_SINK, "--listen", "127.0.0.1:0", "--log", log_};
    if (!script.empty()) argv.insert(argv.end(), {"--script", folder_.Write("rules.yaml", script)});
    argv.insert(argv.end(), more.begin(), more.end());
    auto started = test::Process::Start(argv);
    ASSERT_TRUE(started.ok()) << started.status();
    sink_.emplace(*std::move(started));
    ASSERT_TRUE(sink_->WaitForOutput("\n"));
    target_ = sink_->output().substr(sink_->output().find("127.0.0.1:"));
    target_.erase(target_.find('\n'));
  }

  test::Finished Load(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {GONIEC_LOAD, "smtp", target_});
    auto finished = test::RunProcess(arguments);
    EXPECT_TRUE(finished.ok()) << finished.status();
    return finished.ok() ? *finished : test::Finished{.status = -1};
  }

  // Every value of `"name":` in the sink's log or in the JSON of a run, as it stands there.
  static std::vector<std::string> Values(const std::string& text, const std::string& name) {
    const std::regex pattern("\"" + name + "\":(\"[^\"]*\"|[^,}]*)");
    std::vector<std::string> values;
    for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) {
      values.push_back((*at)[1]);
    }
    return values;
  }
  static double Number(const std::string& text, const std::string& name) {
    const std::vector<std::string> values = Values(text, name);
    return values.size() == 1 ? std::stod(values[0]) : -1;
  }
  std::string Log() const { return test::ReadFileOrEmpty(log_); }

  const test::TempDir folder_;
  const std::string log_ = folder_.File("log.jsonl");
  std::optional<test::Process> sink_;
  std::string target_;
};

TEST_F(LoadProgram, EveryMailArrivesOnceAndIsTheOnlyOneOfItsKind) {
  StartSink();
  const auto run = Load({"--mails", "300", "--sessions", "7", "--json"});
  EXPECT_EQ(run.status, 0) << run.output;
  EXPECT_EQ(Number(run.output, "accepted"), 300);
  EXPECT_EQ(Number(run.output, "connections"), 300);
  EXPECT_GT(Number(run.output, "rate"), 0);
  EXPECT_GT(Number(run.output, "p50"), 0);
  EXPECT_LE(Number(run.output, "p50"), Number(run.output, "max"));
  const std::vector<std::string> contents = Values(Log(), "sha256");
  EXPECT_EQ(contents.size(), 300U);
  EXPECT_EQ(std::set<std::string>(contents.begin(), contents.end()).size(), 300U);
  EXPECT_THAT(Values(Log(), "size"), testing::Each("10240"));
}

TEST_F(LoadProgram, ConnectionsTakeAsManyMailsAsTheyAreAllowed) {
  StartSink();
  auto run = Load({"--mails", "100", "--sessions", "3", "--mails-per-connection", "0", "--json"});
  EXPECT_EQ(run.status, 0) << run.output;
  EXPECT_EQ(Number(run.output, "connections"), 3);
  run = Load({"--mails", "100", "--sessions", "1", "--mails-per-connection", "10", "--json"});
  EXPECT_EQ(run.status, 0) << run.output;
  EXPECT_EQ(Number(run.output, "connections"), 10);
  EXPECT_EQ(Values(Log(), "sha256").size(), 200U);
}

TEST_F(LoadProgram, EnvelopesAndSizesAreAsAskedFor) {
  StartSink();
  const auto run =
      Load({"--mails", "4", "--sessions", "1", "--from", "a@b.test", "--to", "c@d.test", "--senders", "2",
            "--recipients", "2", "--size", "3000000", "--mails-per-connection", "0"});
  EXPECT_EQ(run.status, 0) << run.output;
  EXPECT_THAT(Values(Log(), "mail_from"),
              testing::ElementsAre("\"a1@b.test\"", "\"a2@b.test\"", "\"a1@b.test\"", "\"a2@b.test\""));
  EXPECT_THAT(Values(Log(), "size"), testing::Each("3000000"));
  EXPECT_THAT(Log(), HasSubstr(R"("rcpts":["c1@d.test","c2@d.test"])"));
}

// The sink refuses input ahead of a reply where it does not offer PIPELINING.
TEST_F(LoadProgram, PipelinesOnlyWhereItIsOffered) {
  StartSink("", {"--extensions", "8BITMIME"});
  const auto run = Load({"--mails", "20", "--recipients", "3", "--mails-per-connection", "4"});
  EXPECT_EQ(run.status, 0) << run.output;
  EXPECT_EQ(Values(Log(), "sha256").size(), 20U);
}

TEST_F(LoadProgram, ARefusedMailFailsTheRunWithItsReply) {
  StartSink("rules:\n  - {on: rcpt, nth: 3, reply: \"451 4.2.1 come back later\"}\n");
  const auto run = Load({"--mails", "20", "--sessions", "2", "--mails-per-connection", "0"});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(run.output, AllOf(HasSubstr("accepted     19   refused 1   lost 0\n"),
                                HasSubstr("goniec-load: 1 of 20 mails were refused, the first: "
                                          "RCPT TO: 451 4.2.1 come back later\n")));
  EXPECT_EQ(Values(Log(), "sha256").size(), 19U);
}

TEST_F(LoadProgram, AnUnansweredMailIsLostAndFailsTheRun) {
  StartSink("rules:\n  - {on: dot, nth: 3, then: close}\n  - {on: data, nth: 8, then: reset}\n");
  const auto run = Load({"--mails", "20", "--sessions", "2", "--mails-per-connection", "0"});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(
      run.output,
      AllOf(HasSubstr("accepted     18   refused 0   lost 2\n"),
            HasSubstr("goniec-load: 2 of 20 were lost, the first: no answer to the end of the content: "
                      "the server closed the connection\n")));
}

TEST_F(LoadProgram, ASilentServerLosesTheMailAfterTheTimeout) {
  StartSink("rules:\n  - {on: dot, nth: 2, then: stall}\n");
  const auto run = Load({"--mails", "10", "--sessions", "1", "--timeout", "1"});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(
      run.output,
      HasSubstr("1 of 10 were lost, the first: no answer to the end of the content: silence for 1 s\n"));
}

TEST_F(LoadProgram, AServerThatGoesAwayEndsTheRun) {
  StartSink("", {"--count", "50", "--exit"});
  const auto run = Load({"--mails", "1000000", "--sessions", "4"});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(run.output, HasSubstr("goniec-load: given up: 100 mails in a row were lost, the last: "));
}

// One session, and a server that takes at least 30 ms for a mail of which one is due each 10 ms: the last of
// twenty falls due at 190 ms and cannot be answered before 600 ms. Whoever counts from the sending shows
// little more than 30.
TEST_F(LoadProgram, LatencyCountsFromWhenAMailWasDue) {
  StartSink("rules:\n  - {on: dot, wait: 30ms}\n");
  const auto run = Load({"--mails", "20", "--rate", "100", "--sessions", "1", "--grace", "0.1", "--json"});
  EXPECT_EQ(run.status, 0) << run.output;
  EXPECT_GE(Number(run.output, "max"), 410);
  EXPECT_GE(Number(run.output, "p50"), 200);
  EXPECT_GT(Number(run.output, "waited"), 15);
  EXPECT_LE(Number(run.output, "in_time"), 10);
}

TEST_F(LoadProgram, AnOpenLoopKeepsItsRateAndReusesIdleConnections) {
  StartSink();
  const auto run = Load({"--seconds", "1", "--rate", "200", "--mails-per-connection", "0", "--json"});
  EXPECT_EQ(run.status, 0) << run.output;
  EXPECT_EQ(Number(run.output, "accepted"), 200);
  EXPECT_EQ(Number(run.output, "in_time"), 200);
  EXPECT_GE(Number(run.output, "seconds"), 0.99);
  EXPECT_LT(Number(run.output, "connections"), 200);
}

TEST(LoadProgramStart, WhatIsMissingIsOneLine) {
  const std::string nobody = "127.0.0.1:" + std::to_string(test::FreePort());
  const std::string limited =
      std::string("ulimit -n 64; exec ") + GONIEC_LOAD + " smtp " + nobody + " --sessions 100";
  const struct {
    const char* name;
    std::vector<std::string> argv;
    int status;
    std::string line;
  } kCases[] = {
      {"nobody listens",
       {GONIEC_LOAD, "smtp", nobody},
       1,
       "cannot connect to " + nobody + ": Connection refused\n"},
      {"nobody listens, open loop",
       {GONIEC_LOAD, "smtp", nobody, "--rate", "1000"},
       1,
       "cannot connect to " + nobody + ": Connection refused\n"},
      {"no API",
       {GONIEC_LOAD, "grpc", nobody},
       1,
       "no answer of the API at " + nobody + ": Connection refused\n"},
      {"no such host", {GONIEC_LOAD, "smtp", "nowhere.invalid:25"}, 1, "no address of nowhere.invalid: "},
      {"too few files",
       {"bash", "-c", limited},
       1,
       "--sessions 100 needs 116 open files, and 64 are allowed"},
      {"flag", {GONIEC_LOAD, "smtp", nobody, "--mials", "3"}, 2, "unknown argument '--mials'; try --help\n"},
      {"number", {GONIEC_LOAD, "smtp", nobody, "--rate", "x"}, 2, "--rate must be mails a second"},
      {"token",
       {GONIEC_LOAD, "grpc", nobody, "--token-file", "/nonexistent"},
       2,
       "--token-file /nonexistent cannot be read or is empty\n"},
      {"token to another machine",
       {"env", "GONIEC_TOKEN=secret", GONIEC_LOAD, "grpc", "192.0.2.1:8443"},
       2,
       "the token would go to 192.0.2.1:8443 in clear: give --plaintext-token if it may; try --help\n"},
  };
  for (const auto& c : kCases) {
    const auto finished = test::RunProcess(c.argv);
    ASSERT_TRUE(finished.ok()) << c.name << ": " << finished.status();
    EXPECT_EQ(finished->status, c.status) << c.name;
    EXPECT_THAT(finished->output, StartsWith("goniec-load: " + c.line)) << c.name;
    EXPECT_EQ(std::ranges::count(finished->output, '\n'), 1) << c.name << ": " << finished->output;
  }
}

}  // namespace
}  // namespace goniec::load
