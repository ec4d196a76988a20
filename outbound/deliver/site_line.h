// Sites that stand in a line: each once, in the order in which they came. The pool keeps one for each reason
// why it would otherwise walk all sites. Confined to its owner; a site must leave its lines before it is
// destroyed.
#pragma once

#include <cstddef>
#include <list>

#include "absl/container/flat_hash_map.h"

namespace goniec::outbound {

class Site;

class SiteLine {
 public:
  // At the end, if it does not stand in the line yet; true then.
  bool Add(Site& site) {
    const auto [place, added] = places_.try_emplace(&site);
    if (added) place->second = line_.insert(line_.end(), &site);
    return added;
  }
  void Remove(Site& site) {
    const auto place = places_.find(&site);
    if (place == places_.end()) return;
    line_.erase(place->second);
    places_.erase(place);
  }
  // The first, which leaves the line; null if there is none.
  Site* Take() {
    if (line_.empty()) return nullptr;
    Site* const site = line_.front();
    Remove(*site);
    return site;
  }
  [[nodiscard]] Site* First() const { return line_.empty() ? nullptr : line_.front(); }
  [[nodiscard]] bool empty() const { return line_.empty(); }
  [[nodiscard]] std::size_t size() const { return line_.size(); }
  // All of them now: a copy, so that the line may change meanwhile.
  [[nodiscard]] std::list<Site*> All() const { return line_; }

 private:
  std::list<Site*> line_;
  absl::flat_hash_map<Site*, std::list<Site*>::iterator> places_;
};

}  // namespace goniec::outbound
