// All that a worker shares with the others about sites, put together for one process: its presence, the words
// of sites, the marks of shelves and the keeper. Made and stopped by the service, beside the worker; the site
// pool sees it as its ClusterView.
//
// Its parts are confined to the executor, whose context has one thread; Start and Leave may be
// called from others.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/queue/hold/shelf.h"

namespace goniec::observe {
class Metrics;
}
namespace goniec::queue {
class Broker;
}

namespace goniec::outbound {

class ClusterView;
class Router;

struct SharedSitesParts {
  asio::any_io_executor executor;
  queue::Broker& broker;
  const Router& router;
  observe::Metrics& metrics;
  std::string name;  // NewWorkerName() (worker_name.h)
  int lanes = 1;
  std::size_t slots = 1'000;  // worker.slots
  std::chrono::milliseconds presence_period{3'000};
};

class SharedSites {
 public:
  // All parts must outlive it.
  explicit SharedSites(SharedSitesParts parts);
  // Leave() first, and let the executor's handlers run out.
  ~SharedSites();
  SharedSites(const SharedSites&) = delete;
  SharedSites& operator=(const SharedSites&) = delete;

  // `settled` is called on the executor, once mail may be pulled (Cluster::Start).
  void Start(std::function<void()> settled);
  // When nothing is in hand any more: takes our presence back, so that others keep our sites, and ends all
  // that runs. Until then the keeper goes on: nobody else would do its work. Blocks the caller (never a
  // thread of the executor), not for long.
  void Leave();

  // --- From the executor
  [[nodiscard]] ClusterView& view();
  // Its name (Route::site), if anything here knows it; else empty.
  [[nodiscard]] std::string NameOf(const queue::ShelfPlace& place) const;
  // For SettlementContext: the mark, and the keeper knows that something comes.
  asio::awaitable<absl::Status> SeeToMark(queue::ShelfPlace place, std::string site_name);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::outbound
