// Mails that wait in hand for one site, and whose turn it is: transactional before bulk, the tenants of a
// class one after the other, a tenant's mails in the order of their coming. So a tenant with thousands of
// mails delays another's ten by at most as many. Where there is no room for all, the tenant with the most
// mails gives way.
//
// Small while nothing waits: there is one for each site. A tenant is found by looking through those that
// wait, for what waits in hand is bounded. Pure; confined to its owner.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goniec::outbound {

template <typename T>
class TenantQueue {
 public:
  struct Place {
    std::string_view tenant;
    bool bulk = false;
  };

  void Push(const Place& place, T item) {
    auto& lane = Of(LaneOf(place.tenant), place.bulk);
    lane.push_back(std::move(item));
    ++size_;
  }
  // It is the next of its class.
  void PushFirst(const Place& place, T item) {
    const auto lane = LaneOf(place.tenant);
    lanes_.splice(lanes_.begin(), lanes_, lane);
    Of(lane, place.bulk).push_front(std::move(item));
    ++size_;
  }

  // The next, if there is one.
  std::optional<T> Take() {
    for (const bool bulk : {false, true}) {
      const auto lane = std::find_if(lanes_.begin(), lanes_.end(),
                                     [bulk](const Lane& other) { return !other.Of(bulk).empty(); });
      if (lane == lanes_.end()) continue;
      lanes_.splice(lanes_.end(), lanes_, lane);  // the others come first now
      return Remove(lane, bulk, Of(lane, bulk).begin());
    }
    return std::nullopt;
  }

  // For want of room: of the tenant with the most that may go, the last that came, bulk first. `may_go` says
  // of each item whether it is one.
  template <typename MayGo>
  std::optional<T> TakeOfLargest(const MayGo& may_go) {
    auto largest = lanes_.end();
    std::size_t most = 0;
    for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane) {
      std::size_t count = 0;
      for (const bool bulk : {false, true}) {
        count +=
            static_cast<std::size_t>(std::count_if(Of(lane, bulk).begin(), Of(lane, bulk).end(), may_go));
      }
      if (count <= most) continue;
      most = count;
      largest = lane;
    }
    if (largest == lanes_.end()) return std::nullopt;
    for (const bool bulk : {true, false}) {
      auto& items = Of(largest, bulk);
      const auto last = std::find_if(items.rbegin(), items.rend(), may_go);
      if (last != items.rend()) return Remove(largest, bulk, std::prev(last.base()));
    }
    return std::nullopt;
  }

  // All for which it is true.
  template <typename Condition>
  std::vector<T> TakeAll(const Condition& condition) {
    std::vector<T> taken;
    for (Lane& lane : lanes_) {
      for (const bool bulk : {false, true}) {
        auto& items = lane.Of(bulk);
        for (auto item = items.begin(); item != items.end();) {
          if (!condition(*item)) {
            ++item;
            continue;
          }
          taken.push_back(std::move(*item));
          item = items.erase(item);
        }
      }
    }
    size_ -= taken.size();
    lanes_.remove_if([](const Lane& lane) { return lane.Empty(); });
    return taken;
  }

  template <typename Each>
  void ForEach(const Each& each) const {
    for (const Lane& lane : lanes_) {
      for (const bool bulk : {false, true}) std::for_each(lane.Of(bulk).begin(), lane.Of(bulk).end(), each);
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  struct Lane {
    std::string tenant;
    std::list<T> transactional;
    std::list<T> bulk;

    std::list<T>& Of(bool is_bulk) { return is_bulk ? bulk : transactional; }
    [[nodiscard]] const std::list<T>& Of(bool is_bulk) const { return is_bulk ? bulk : transactional; }
    [[nodiscard]] bool Empty() const { return transactional.empty() && bulk.empty(); }
  };
  using Lanes = std::list<Lane>;

  static std::list<T>& Of(typename Lanes::iterator lane, bool bulk) { return lane->Of(bulk); }
  typename Lanes::iterator LaneOf(std::string_view tenant) {
    const auto lane =
        std::find_if(lanes_.begin(), lanes_.end(), [&](const Lane& other) { return other.tenant == tenant; });
    if (lane != lanes_.end()) return lane;
    return lanes_.insert(lanes_.end(), Lane{std::string(tenant), {}, {}});
  }
  T Remove(typename Lanes::iterator lane, bool bulk, typename std::list<T>::iterator item) {
    T taken = std::move(*item);
    Of(lane, bulk).erase(item);
    --size_;
    if (lane->Empty()) lanes_.erase(lane);
    return taken;
  }

  // Only those with something, in the order of their turns.
  Lanes lanes_;
  std::size_t size_ = 0;
};

}  // namespace goniec::outbound
