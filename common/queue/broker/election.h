// Elects one process of a kind, for work that one does for all. The holder of a key in the presence bucket is
// elected. The key must be renewed well within the minute that an entry lives; once it has gone, another may
// take it. For a moment two may believe that they hold it: their work must bear that. Confined to one
// coroutine at a time.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <string>

namespace goniec::queue {

class Broker;

class Election {
 public:
  // `role` is the key, `name` (who we are) its value: for people.
  Election(Broker& broker, std::string role, std::string name);

  // Takes or renews it. False: somebody else has it, or the broker cannot be asked.
  asio::awaitable<bool> Hold();
  // Lets another take it at once.
  asio::awaitable<void> Resign();

 private:
  Broker& broker_;
  const std::string role_;
  const std::string name_;
  std::uint64_t sequence_ = 0;  // of our last entry; 0: none
};

}  // namespace goniec::queue
