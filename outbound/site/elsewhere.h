// Draining a closed site: mail on its shelves that would go to another site by now, for its domain has other
// MX hosts, or none, or a route of the configuration, is released at once. Some records are routed anew in
// each round, and the next round goes on where this one ends. Called by the keeper.
//
// Confined to one coroutine at a time.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/queue/hold/shelf.h"

namespace goniec::queue {
class Broker;
}

namespace goniec::outbound {

class Router;

// Of one round: answers are kept for as long as it lives.
class Elsewhere {
 public:
  // Of domains that need the DNS, at most `most_lookups` are asked about; of the others nothing is known.
  Elsewhere(const Router& router, std::string site_token, std::size_t most_lookups);

  // True if any of its mail would. What cannot be known now would not.
  asio::awaitable<bool> AnyOf(std::string_view record);

 private:
  asio::awaitable<bool> Goes(std::string domain);

  const Router& router_;
  const std::string site_token_;
  std::size_t lookups_left_;
  std::map<std::string, bool> known_;
};

// Where the next round begins.
struct DrainCursor {
  queue::ShelfPlace place;
  std::uint64_t from = 0;
};

// One round of at most `most` records over a site's shelves, none of which came after `until`. Returns how
// many were released.
asio::awaitable<std::size_t> DrainRound(queue::Broker& broker, Elsewhere& elsewhere,
                                        std::vector<queue::ShelfPlace> shelves, DrainCursor& cursor,
                                        std::size_t most, WallTime until);

}  // namespace goniec::outbound
