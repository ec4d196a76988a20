// How many connections one worker has to a site at most: a window that follows what the site takes (additive
// increase, multiplicative decrease), never above our share of the limit. A site that nothing is known of may
// have all of it; how fast connections are opened is decided elsewhere (Site::MayOpen). After an outage it
// grows from one.
//
// Pure: the time is handed in. Confined to its owner.
#pragma once

#include <chrono>
#include <cstddef>
#include <limits>

#include "common/base/clock.h"

namespace goniec::outbound {

class Window {
 public:
  // Signs of one trouble come together (a server that is restarted cuts all of its connections): within this
  // time they halve the window once.
  static constexpr std::chrono::seconds kOnce{1};

  // Connections that may be open; 0 if none are ours.
  [[nodiscard]] std::size_t size() const { return size_ < share_ ? size_ : share_; }
  // Our share of the limit.
  void SetShare(std::size_t share) { share_ = share; }
  [[nodiscard]] std::size_t share() const { return share_; }

  // It took a mail.
  void Worked();
  // It was too much for it, with `open` connections.
  void Slower(std::size_t open, BootTime now);
  // After an outage.
  void Restart() { size_ = 1; }

 private:
  std::size_t size_ = std::numeric_limits<std::size_t>::max();
  std::size_t share_ = 0;
  BootTime halved_at_{};
  bool halved_ = false;
};

}  // namespace goniec::outbound
