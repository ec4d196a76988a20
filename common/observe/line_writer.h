// Gathers log lines in memory and writes them to a file descriptor from a thread of its own, many in one
// system call. Appending never blocks on the descriptor; when the buffer is full, lines are dropped and
// counted. A quarter of the buffer takes urgent lines only, so that no flood of others hides a warning.
// Before Start() and after Stop() lines are written at once. Private to this folder. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace goniec::observe {

class LineWriter {
 public:
  // `dropped_line` makes the line that tells how many are missing; `owed_lines`, if given, those that Owe()
  // has announced. Both are called on the writer's thread.
  LineWriter(int fd, size_t max_buffered, std::function<std::string(uint64_t)> dropped_line,
             std::function<std::string()> owed_lines = nullptr)
      : fd_(fd),
        max_buffered_(max_buffered),
        dropped_line_(std::move(dropped_line)),
        owed_lines_(std::move(owed_lines)) {}
  ~LineWriter() { Stop(); }
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  void Start();
  void Stop();

  // `line` ends with a newline. An urgent one does not wait for others to gather.
  void Append(std::string_view line, bool urgent);
  // `owed_lines` has something to say: it is asked within a second, and at the end. Nothing before Start().
  void Owe();

 private:
  using Time = std::chrono::steady_clock::time_point;
  void Run();
  void WaitForLines(std::unique_lock<std::mutex>& lock);

  const int fd_;
  const size_t max_buffered_;
  const std::function<std::string(uint64_t)> dropped_line_;
  const std::function<std::string()> owed_lines_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::string buffer_;
  uint64_t dropped_ = 0;
  Time owed_at_ = Time::max();  // when owed lines are due; max: nothing is owed
  bool urgent_ = false;
  bool running_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace goniec::observe
