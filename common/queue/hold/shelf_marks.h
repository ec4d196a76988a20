// That a shelf has something on it: a mark in the bucket `control`, key shelf.<lane>.<class>.<site>.<tenant>,
// so that no shelf is without a keeper. Who moves mail there sees to the mark first. A mark is fresh for
// kMarkFresh after it was put, and may be taken away kMarkKept after it was put last, by compare-and-set and
// with the shelf found empty in the second half of that time: then no move that relied on it can still be
// under way. To have seen a mark does not make it fresh. The audit puts marks for shelves that have none (of
// a move that stood still for minutes).
//
// Confined to its executor, whose context has one thread.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/queue/broker/kv.h"
#include "common/queue/hold/shelf.h"

namespace goniec {
class TaskGroup;
}

namespace goniec::queue {

class Broker;

inline constexpr std::chrono::seconds kMarkFresh{60};
inline constexpr std::chrono::seconds kMarkKept{300};

std::string MarkKey(const ShelfPlace& place);
// Nothing of another key.
std::optional<ShelfPlace> PlaceOfMark(std::string_view key);

// One watch of the marks for all who need them. The value is the site's name (Route::site), for people; empty
// if the audit put it, who does not know.
class ShelfMarks {
 public:
  struct Mark {
    std::string site_name;
    std::uint64_t revision = 0;
    // As far as the broker's clock tells.
    BootTime put_at;
  };

  // Broker and tasks must outlive it.
  ShelfMarks(Broker& broker, asio::any_io_executor executor, TaskGroup& tasks);
  ~ShelfMarks();
  ShelfMarks(const ShelfMarks&) = delete;
  ShelfMarks& operator=(const ShelfMarks&) = delete;

  // `on_change` is called for each mark that comes, is renewed or goes.
  void Start(std::function<void(const ShelfPlace&)> on_change);
  void Stop();
  [[nodiscard]] bool current() const;
  [[nodiscard]] const std::map<ShelfPlace, Mark>& all() const;

  // The mark is there and fresh when this is OK: at once if it was so before; calls for the same place share
  // one put. Else the put's error. After Stop() kCancelled.
  asio::awaitable<absl::Status> SeeTo(ShelfPlace place, std::string site_name);
  // Takes the mark away if nobody has put it anew for kMarkKept; OK also if somebody has. Call it only if the
  // shelf was found empty kMarkKept / 2 or longer after `put_at`.
  asio::awaitable<absl::Status> Remove(ShelfPlace place);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::queue
