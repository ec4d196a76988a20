// One of many: for work that one process of a kind does for all. Whoever holds the key in the presence bucket
// is the one; it must be renewed well within the minute that an entry lives, and another may take it once it
// has gone. Two may believe in it for a moment: what they do must bear that. Confined to one coroutine at a
// time.
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
