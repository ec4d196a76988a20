// That a shelf has something on it: a mark in the bucket `control`, key shelf.<lane>.<class>.<site>.<tenant>,
// so that no shelf is without a keeper. Who moves mail there sees to the mark first. A mark is fresh for
// kMarkFresh after it was put (or seen) and may be taken away kMarkKept after that, by compare-and-set and
// with the shelf found empty since: then no move that relied on it can still be under way. The audit puts
// marks for shelves that have none (a move that stood still for minutes).
//
// Confined to the worker's executor.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/queue/broker/kv.h"
#include "common/queue/hold/shelf.h"

namespace goniec::queue {

inline constexpr std::chrono::seconds kMarkFresh{60};
inline constexpr std::chrono::seconds kMarkKept{300};

std::string MarkKey(const ShelfPlace& place);
// Nothing of another key.
std::optional<ShelfPlace> PlaceOfMark(std::string_view key);

// One watch of the marks for all who need them. The value is the site's name (Route::site), for people and
// for routing anew.
class ShelfMarks {
 public:
  struct Mark {
    std::string site_name;
    std::uint64_t revision = 0;
    BootTime seen_at;
  };

  ShelfMarks(Broker& broker, asio::any_io_executor executor, TaskGroup& tasks);
  ~ShelfMarks();

  // `on_change` is called for each mark that comes, is renewed or goes.
  void Start(std::function<void(const ShelfPlace&)> on_change);
  void Stop();
  [[nodiscard]] bool current() const;
  [[nodiscard]] const std::map<ShelfPlace, Mark>& all() const;

  // The mark is there and fresh when this is OK: at once if it was so before; calls for the same place share
  // one put.
  asio::awaitable<absl::Status> SeeTo(ShelfPlace place, std::string site_name);
  // Takes the mark away if nobody has renewed it for kMarkKept; OK also if somebody has. Call it only if the
  // shelf was found empty after that time.
  asio::awaitable<absl::Status> Remove(ShelfPlace place);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::queue
