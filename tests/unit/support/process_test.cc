#include "tests/support/process.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "tests/support/nats_server.h"

namespace goniec::test {
namespace {

using std::chrono::seconds;

TEST(Process, GivesOutputAndExitStatus) {
  const auto finished = RunProcess({"sh", "-c", "echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(finished.ok()) << finished.status();
  EXPECT_EQ(finished->status, 3);
  EXPECT_EQ(finished->output, "out\nerr\n");
}

TEST(Process, AMissingProgramSaysSo) {
  const auto finished = RunProcess({"no-such-program-here"});
  ASSERT_TRUE(finished.ok());
  EXPECT_EQ(finished->status, 127);
  EXPECT_NE(finished->output.find("cannot start no-such-program-here"), std::string::npos);
}

TEST(Process, ReportsTheSignalThatEndedIt) {
  auto process = Process::Start({"sleep", "600"});
  ASSERT_TRUE(process.ok());
  EXPECT_TRUE(process->running());
  EXPECT_EQ(process->Terminate(), 128 + SIGTERM);
  EXPECT_FALSE(process->running());
}

TEST(Process, DiesWithItsOwner) {
  pid_t pid = -1;
  {
    auto process = Process::Start({"sleep", "600"});
    ASSERT_TRUE(process.ok());
    pid = process->pid();
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(FreePort, IsGivenOnce) {
  std::set<uint16_t> ports;
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(ports.insert(FreePort()).second);
}

TEST(TempDir, IsRemovedWithItsContent) {
  std::string path;
  {
    const TempDir folder;
    path = folder.path();
    folder.Write("file", "content");
    EXPECT_EQ(ReadFileOrEmpty(folder.File("file")), "content");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(NatsServer, SurvivesAKillWithTheSamePorts) {
  auto server = NatsServer::Start();
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(CanConnect((*server)->port()));
  (*server)->Kill();
  EXPECT_FALSE(CanConnect((*server)->port()));
  ASSERT_TRUE((*server)->StartAgain().ok());
  EXPECT_TRUE(CanConnect((*server)->port()));
  (*server)->Freeze();
  (*server)->Thaw();
  (*server)->Stop();
  EXPECT_FALSE((*server)->process().running());
}

// Fixtures that had none used to end in a null pointer.
TEST(NatsServerDeathTest, WithoutOneTheTestProgramEndsWithALineThatSaysSo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const char* binary : {"/no/such/nats-server", "true"}) {
    EXPECT_EXIT(
        {
          setenv("GONIEC_NATS_SERVER", binary, 1);
          (void)NatsServer::Start();
        },
        testing::ExitedWithCode(1), "nats-server 2.15 or newer is missing .*GONIEC_NATS_SERVER");
  }
}

TEST(NatsServer, ABadConfigurationIsAnError) {
  NatsServerOptions options;
  options.extra = "this is not configuration {";
  EXPECT_FALSE(NatsServer::Start(options).ok());
}

}  // namespace
}  // namespace goniec::test
