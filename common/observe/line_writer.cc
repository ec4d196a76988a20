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
// How long counts gather before the line that tells them.
constexpr std::chrono::seconds kOwedAfter{1};
// One part in so many of the buffer is kept for urgent lines.
constexpr size_t kUrgentPart = 4;

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
  const size_t room = urgent ? max_buffered_ : max_buffered_ - max_buffered_ / kUrgentPart;
  if (buffer_.size() + line.size() > room) {
    ++dropped_;
    return;
  }
  const bool first = buffer_.empty();
  buffer_ += line;
  if (urgent) urgent_ = true;
  if (first || urgent) wake_.notify_one();
}

void LineWriter::Owe() {
  const std::lock_guard lock(mutex_);
  if (!running_ || stopping_ || owed_at_ != Time::max()) return;
  owed_at_ = std::chrono::steady_clock::now() + kOwedAfter;
  wake_.notify_one();
}

void LineWriter::WaitForLines(std::unique_lock<std::mutex>& lock) {
  while (!stopping_ && buffer_.empty()) {
    if (owed_at_ == Time::max()) {
      wake_.wait(lock);
    } else if (wake_.wait_until(lock, owed_at_) == std::cv_status::timeout) {
      return;
    }
  }
  wake_.wait_for(lock, kGather, [this] { return stopping_ || urgent_; });
}

void LineWriter::Run() {
  std::string batch;
  std::unique_lock lock(mutex_);
  while (true) {
    WaitForLines(lock);
    batch.clear();
    batch.swap(buffer_);
    urgent_ = false;
    if (dropped_ > 0) batch += dropped_line_(std::exchange(dropped_, 0));
    const bool last = stopping_;
    const bool owed = last || std::chrono::steady_clock::now() >= owed_at_;
    if (owed) owed_at_ = Time::max();
    lock.unlock();
    if (owed && owed_lines_) batch += owed_lines_();
    WriteAll(fd_, batch);
    lock.lock();
    if (last && buffer_.empty()) return;
  }
}

}  // namespace goniec::observe
