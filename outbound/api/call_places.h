// Places for calls in hand, as many as api.max_calls. Where there are several tenants none can take all: it
// may hold a third of what the others leave, and one place in any case. So one that is alone beside others
// who are silent has a third of all, and when five have taken what they can, one after the other, an eighth
// is left.
//
// Thread-safe; outlives its places.
#pragma once

#include <mutex>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace goniec::outbound {

class CallPlaces {
 public:
  explicit CallPlaces(int most) : most_(most) {}

  // Gives itself back at its end.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), tenant_(std::move(other.tenant_)) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(tenant_, other.tenant_);
      return *this;
    }
    ~Place() {
      if (owner_ != nullptr) owner_->Leave(tenant_);
    }
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    friend class CallPlaces;
    Place(CallPlaces* owner, std::string tenant) : owner_(owner), tenant_(std::move(tenant)) {}
    CallPlaces* owner_ = nullptr;
    std::string tenant_;
  };

  // Empty if there is none for this tenant. `shared`: there are other tenants.
  [[nodiscard]] Place Take(const std::string& tenant, bool shared);

 private:
  void Leave(const std::string& tenant);

  const int most_;
  std::mutex mutex_;
  int taken_ = 0;
  absl::flat_hash_map<std::string, int> by_tenant_;
};

}  // namespace goniec::outbound
