// How many connections there may be, in all and from one client address. The accept loops of all threads
// share one quota; whoever serves a connection keeps its slot until the end. Thread-safe.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/net/ip_address.h"

namespace goniec::net {

class ConnectionQuota {
 public:
  enum class Refusal { kTotal, kPerAddress };

  // The right to one connection; its destructor gives it back. The quota must outlive it.
  class [[nodiscard]] Slot {
   public:
    Slot(Slot&& other) noexcept : quota_(std::exchange(other.quota_, nullptr)), ip_(other.ip_) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (quota_ != nullptr) quota_->Leave(ip_);
    }

   private:
    friend class ConnectionQuota;
    Slot(ConnectionQuota* quota, const IpAddress& ip) : quota_(quota), ip_(ip) {}
    ConnectionQuota* quota_;
    IpAddress ip_;
  };

  // An IPv6 client counts by its /64: that is what one customer has.
  ConnectionQuota(size_t total, size_t per_address) : total_(total), per_address_(per_address) {}

  // Nothing when a limit is reached; `why` then says which.
  [[nodiscard]] std::optional<Slot> Enter(const IpAddress& ip, Refusal* why = nullptr);
  [[nodiscard]] size_t size() const;

 private:
  void Leave(const IpAddress& key);

  const size_t total_;
  const size_t per_address_;
  mutable std::mutex mutex_;
  size_t open_ = 0;
  absl::flat_hash_map<IpAddress, size_t> by_address_;
};

}  // namespace goniec::net
