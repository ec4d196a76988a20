// Gathers log lines in memory and writes them to a file descriptor from a thread of its own, many in one
// system call. Appending never blocks on the descriptor; when the buffer is full, lines are dropped and
// counted. Before Start() and after Stop() lines are written at once. Private to this folder. Thread-safe.
#pragma once

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
  // `dropped_line` makes the line that tells how many are missing.
  LineWriter(int fd, size_t max_buffered, std::function<std::string(uint64_t)> dropped_line)
      : fd_(fd), max_buffered_(max_buffered), dropped_line_(std::move(dropped_line)) {}
  ~LineWriter() { Stop(); }
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  void Start();
  void Stop();

  // `line` ends with a newline. An urgent one does not wait for others to gather.
  void Append(std::string_view line, bool urgent);

 private:
  void Run();

  const int fd_;
  const size_t max_buffered_;
  const std::function<std::string(uint64_t)> dropped_line_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::string buffer_;
  uint64_t dropped_ = 0;
  bool urgent_ = false;
  bool running_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace goniec::observe
