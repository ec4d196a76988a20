// What this worker knows of sites and says of them, among all workers: the words (words.h), the members
// (common/queue/broker/presence.h) and what follows from both. It closes a site that fails, unless it may be
// our own network that does (own_network.h), and writes what a probe came to. Who keeps a site and releases
// its mail is the keeper's matter (keeper.h).
//
// Confined to its executor, whose context has one thread.
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/queue/broker/presence.h"
#include "outbound/site/cluster_view.h"
#include "outbound/site/words.h"

namespace goniec {
class TaskGroup;
}

namespace goniec::outbound {

struct ClusterParts {
  asio::any_io_executor executor;
  queue::Broker& broker;
  TaskGroup& tasks;
  queue::Presence& presence;  // the cluster starts it
  std::string name;           // the presence's
  observe::Metrics& metrics;
};

class Cluster final : public ClusterView {
 public:
  // All parts must outlive it.
  explicit Cluster(ClusterParts parts);
  ~Cluster() override;
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // `settled` is called once: when we count among the members and know what they say of sites. What is not
  // known of the others' words, or whether we are still counted, is waited for only so long: then we go on
  // with the lower shares. But never before we count: nothing would be ours, and all mail that is pulled
  // would go to shelves. It stays in READY, for others or for later.
  void Start(std::function<void()> settled);
  // Nothing is followed any more, and nothing written. Presence is its owner's to stop.
  void Stop();

  [[nodiscard]] SiteWord WordOf(const std::string& site) const override;
  [[nodiscard]] std::size_t ShareOf(std::size_t limit, const std::string& site) const override;
  [[nodiscard]] double RateShare() const override;
  void Failed(const std::string& site, std::uint64_t epoch, const queue::v1::Outcome& outcome) override;
  void Worked(const std::string& site, std::uint64_t epoch) override;
  void Contradict(const std::string& site, std::uint64_t epoch) override;
  // Beside those that have asked for it before.
  void OnChange(std::function<void(const std::string& site)> changed) override;

  // --- For the keeper: sites by their tokens.
  [[nodiscard]] Words& words();
  [[nodiscard]] const queue::Members& members() const;
  // Ours to keep: never while it is not certain who is there.
  [[nodiscard]] bool IsKeeper(const std::string& token) const;
  // Called when a site's word may have changed, or (empty) the members.
  void OnTokenChange(std::function<void(const std::string& token)> changed);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::outbound
