// The I/O threads of a process: N io_contexts with one thread each. A connection lives on one of them and
// shares nothing with the others. Thread-safe after construction.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace asio {
class io_context;
}

namespace goniec::net {

class IoThreads {
 public:
  // `count` 0 takes one for each core that the process may use. The threads start at once and run until
  // Stop(). `name` is the threads' name (at most 12 characters).
  explicit IoThreads(size_t count, const std::string& name = "goniec-io");
  ~IoThreads();  // Stop()
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  [[nodiscard]] size_t size() const;
  [[nodiscard]] asio::io_context& context(size_t index);
  // Round robin, for work that belongs to no connection yet.
  [[nodiscard]] asio::io_context& next();

  // Ends the threads; handlers that have not run are destroyed with the contexts. Call it once their work is
  // drained.
  void Stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace goniec::net
