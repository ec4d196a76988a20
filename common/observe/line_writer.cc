#include "common/observe/line_writer.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

namespace goniec::observe {
namespace {

// How long lines gather. Short enough for a person who watches.
constexpr std::chrono::milliseconds kGather{20};

void WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (written < 0 && errno == EAGAIN) {
      pollfd ready{fd, POLLOUT, 0};
      poll(&ready, 1, -1);
    } else if (written < 0 && errno != EINTR) {
      return;  // nobody reads the log any more; there is nowhere to complain
    }
  }
}

}  // namespace

void LineWriter::Start() {
  const std::lock_guard lock(mutex_);
  if (running_) return;
  running_ = true;
  stopping_ = false;
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "goniec-log");
}

void LineWriter::Stop() {
  {
    const std::lock_guard lock(mutex_);
    if (!running_) return;
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.join();
  const std::lock_guard lock(mutex_);
  running_ = false;
}

void LineWriter::Append(std::string_view line, bool urgent) {
  const std::lock_guard lock(mutex_);
  if (!running_ || stopping_) {
    // Behind what the thread still writes at its end, if it does: order matters less than the line.
    WriteAll(fd_, line);
    return;
  }
  if (buffer_.size() + line.size() > max_buffered_) {
    ++dropped_;
    return;
  }
  const bool first = buffer_.empty();
  buffer_ += line;
  if (urgent) urgent_ = true;
  if (first || urgent) wake_.notify_one();
}

void LineWriter::Run() {
  std::string batch;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !buffer_.empty(); });
    wake_.wait_for(lock, kGather, [this] { return stopping_ || urgent_; });
    batch.clear();
    batch.swap(buffer_);
    urgent_ = false;
    if (dropped_ > 0) batch += dropped_line_(std::exchange(dropped_, 0));
    const bool last = stopping_;
    lock.unlock();
    WriteAll(fd_, batch);
    lock.lock();
    if (last && buffer_.empty()) return;
  }
}

}  // namespace goniec::observe
