// What delivery knows of its sites beyond this worker: the keeper's word, our share of the limits; and what
// it says in return. Asked and told by the site pool; implemented by Cluster (cluster.h), and by AloneView
// where there is only one worker and no broker (tests, tools).
//
// Confined to the worker's executor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "goniec/queue/v1/queue.pb.h"

namespace goniec::outbound {

// As the sign on a shop's door.
enum class SiteState {
  kOpen,     // mail goes there
  kClosed,   // none does: it goes to the shelf at once
  kProbing,  // one probe is under way in the whole cluster; all other mail as kClosed
};

// A site's state, and which of its lives that is: rises with every change. What an attempt came to counts
// only in the epoch in which it began.
struct SiteWord {
  SiteState state = SiteState::kOpen;
  std::uint64_t epoch = 0;

  bool operator==(const SiteWord&) const = default;
};

// Whether a job may wait for the site or go there: any while it is open; while it is probing the mails that
// were released together as the probe of this very epoch. Such mails may be here before the word is.
[[nodiscard]] inline bool Admits(const SiteWord& word, std::optional<std::uint64_t> probe_epoch) {
  if (word.state == SiteState::kOpen) return true;
  return probe_epoch && *probe_epoch == word.epoch + (word.state == SiteState::kProbing ? 0 : 1);
}

class ClusterView {
 public:
  virtual ~ClusterView() = default;

  // `site` is Route::site everywhere.
  [[nodiscard]] virtual SiteWord WordOf(const std::string& site) const = 0;
  // Of a limit of connections at the site, those that are ours: may be 0, and may fall at any time.
  [[nodiscard]] virtual std::size_t ShareOf(std::size_t limit, const std::string& site) const = 0;
  // Of a rate at any site: above 0, at most 1.
  [[nodiscard]] virtual double RateShare() const = 0;

  // No address of the site let us in, while no connection to it was ready: it is down as far as we can tell.
  // `epoch` is WordOf's when the attempt began. If that closes the site, WordOf says so when this returns,
  // though the word is still on its way.
  virtual void Failed(const std::string& site, std::uint64_t epoch, const queue::v1::Outcome& outcome) = 0;
  // A transaction that began in `epoch` ended with a reply that shows the site at work. Not told of every
  // one: the first in an epoch, and the first after Failed() was called of any site.
  virtual void Worked(const std::string& site, std::uint64_t epoch) = 0;

  // Another worker has closed the site, in `epoch`, while it takes mail on our connections. If that opens it,
  // WordOf says so when this returns.
  virtual void Contradict(const std::string& site, std::uint64_t epoch) = 0;

  // Called when words or shares may have changed: of one site, or (empty) of all. May be called from inside
  // Failed(), Worked() and Contradict(). An empty function ends it.
  virtual void OnChange(std::function<void(const std::string& site)> changed) = 0;
};

// One worker, no keeper: open always, and all of each limit is ours.
class AloneView final : public ClusterView {
 public:
  [[nodiscard]] SiteWord WordOf(const std::string& /*site*/) const override { return {}; }
  [[nodiscard]] std::size_t ShareOf(std::size_t limit, const std::string& /*site*/) const override {
    return limit;
  }
  [[nodiscard]] double RateShare() const override { return 1; }
  void Failed(const std::string&, std::uint64_t, const queue::v1::Outcome&) override {}
  void Worked(const std::string&, std::uint64_t) override {}
  void Contradict(const std::string&, std::uint64_t) override {}
  void OnChange(std::function<void(const std::string&)>) override {}
};

}  // namespace goniec::outbound
