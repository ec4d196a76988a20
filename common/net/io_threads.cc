#include "common/net/io_threads.h"

#include <pthread.h>
#include <sched.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#include "common/observe/log.h"

namespace goniec::net {
namespace {

size_t UsableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  const int count = CPU_COUNT(&set);
  return count > 0 ? static_cast<size_t>(count) : 1;
}

// One thread runs it: the hint spares locks and wake-ups.
struct Loop {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
};

void Run(asio::io_context& context) {
  while (true) {
    try {
      context.run();
      return;
    } catch (const std::exception& e) {
      // A handler threw: our bug, but no reason to drop the other connections of this thread.
      observe::Error("I/O handler ended with an exception", {{"error", e.what()}});
    }
  }
}

}  // namespace

struct IoThreads::State {
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::thread> threads;
  std::atomic<size_t> next{0};
};

IoThreads::IoThreads(size_t count, const std::string& name) : state_(std::make_unique<State>()) {
  if (count == 0) count = UsableCores();
  for (size_t i = 0; i < count; ++i) state_->loops.push_back(std::make_unique<Loop>());
  for (size_t i = 0; i < count; ++i) {
    state_->threads.emplace_back([loop = state_->loops[i].get()] { Run(loop->context); });
    pthread_setname_np(state_->threads.back().native_handle(),
                       (name + "-" + std::to_string(i)).substr(0, 15).c_str());
  }
}

IoThreads::~IoThreads() {
  Stop();
}

size_t IoThreads::size() const {
  return state_->loops.size();
}

asio::io_context& IoThreads::context(size_t index) {
  return state_->loops[index]->context;
}

asio::io_context& IoThreads::next() {
  return context(state_->next.fetch_add(1, std::memory_order_relaxed) % state_->loops.size());
}

void IoThreads::Stop() {
  for (const auto& loop : state_->loops) loop->context.stop();
  for (std::thread& thread : state_->threads) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace goniec::net
