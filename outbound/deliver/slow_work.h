// What connections are busy with, and which of it takes long: a connection that is being opened, or a
// transaction. Each is known by a pointer, which is never followed. Confined to its owner.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>

#include "absl/container/flat_hash_map.h"
#include "common/base/clock.h"

namespace goniec::outbound {

class Site;

class SlowWork {
 public:
  void Began(const void* work, Site& site, BootTime now);
  // It ended; nothing happens if it is not known.
  void Ended(const void* work);
  // Notes at their sites what began before `since`.
  void Judge(BootTime since);

  // Work that takes long now, at all sites.
  [[nodiscard]] std::size_t slow() const { return slow_.size(); }

 private:
  struct Work {
    const void* key;
    Site* site;
    BootTime since;
    bool slow = false;
  };
  std::list<Work> begun_;  // the oldest first
  std::list<Work> slow_;
  absl::flat_hash_map<const void*, std::list<Work>::iterator> places_;
};

}  // namespace goniec::outbound
