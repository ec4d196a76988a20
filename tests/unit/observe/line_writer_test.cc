#include "common/observe/line_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

namespace goniec::observe {
namespace {

class LineWriterTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(pipe2(pipe_.data(), O_CLOEXEC), 0); }
  void TearDown() override {
    close(pipe_[0]);
    close(pipe_[1]);
  }
  // Reads until `lines` line ends have come.
  std::string Read(size_t lines) const {
    std::string text;
    char buffer[4096];
    while (static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) < lines) {
      const ssize_t got = read(pipe_[0], buffer, sizeof buffer);
      if (got <= 0) break;
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }
  static std::string Dropped(uint64_t n) { return "dropped " + std::to_string(n) + "\n"; }

  std::array<int, 2> pipe_{};
};

TEST_F(LineWriterTest, WritesAtOnceWhileNotStarted) {
  LineWriter writer(pipe_[1], 1000, Dropped);
  writer.Append("early\n", false);
  EXPECT_EQ(Read(1), "early\n");
}

TEST_F(LineWriterTest, WritesInOrderAndAllBeforeStopReturns) {
  LineWriter writer(pipe_[1], 1 << 20, Dropped);
  writer.Start();
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string line = std::to_string(i) + "\n";
    writer.Append(line, i % 10 == 0);
    expected += line;
  }
  writer.Stop();
  writer.Append("late\n", false);
  EXPECT_EQ(Read(101), expected + "late\n");
}

TEST_F(LineWriterTest, NeverBlocksAndSaysWhatItDropped) {
  LineWriter writer(pipe_[1], 10'000, Dropped);
  writer.Start();
  const std::string line = std::string(999, 'x') + "\n";
  // The pipe takes 64 KiB, the buffer ten lines: nobody reads, yet all of these return.
  for (int i = 0; i < 1000; ++i) writer.Append(line, false);
  std::string text;
  while (text.find("dropped") == std::string::npos) text += Read(1);
  const size_t whole = static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) - 1;
  EXPECT_LT(whole, 1000U);
  EXPECT_GE(whole, 7U) << "three quarters are for lines that are not urgent";
  writer.Stop();
}

TEST_F(LineWriterTest, AFloodLeavesRoomForUrgentLines) {
  LineWriter writer(pipe_[1], 10'000, Dropped);
  writer.Start();
  const std::string line = std::string(99, 'x') + "\n";
  // The pipe takes 64 KiB, then the writer's thread stands still and the buffer fills.
  for (int i = 0; i < 10'000; ++i) writer.Append(line, false);
  writer.Append("urgent\n", true);
  std::string text;
  while (text.find("dropped") == std::string::npos) text += Read(1);
  EXPECT_THAT(text, testing::HasSubstr("urgent\n"));
  writer.Stop();
}

TEST_F(LineWriterTest, WhatIsOwedIsToldSoonAndAtTheEnd) {
  LineWriter writer(pipe_[1], 10'000, Dropped, [] { return std::string("owed\n"); });
  writer.Start();
  writer.Owe();
  writer.Owe();
  EXPECT_EQ(Read(1), "owed\n");
  writer.Stop();
  EXPECT_EQ(Read(1), "owed\n");
}

}  // namespace
}  // namespace goniec::observe
