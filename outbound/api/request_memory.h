// Memory of the API's requests against a limit, at what they really take: what gRPC has read, the parsed
// message and what is composed from it are there at the same time. Reserved before anything is read, and
// given back when the call has ended.
//
// Thread-safe; outlives its reservations.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/observe/metrics.h"

namespace goniec::outbound {

// Beside the message itself: recipients, tags, metadata, framing.
inline constexpr std::uint64_t kRequestOverhead = 1 << 20;
// A call without its request: gRPC's state, and HTTP/2's first window.
inline constexpr std::uint64_t kMemoryOfCall = 64 * 1024;
// How often the octets of a request may be in memory at its worst moment: as they were read, parsed, and
// composed with base64 (a third more), with room for what the allocator keeps.
inline constexpr std::uint64_t kCopiesOfRequest = 4;

constexpr std::uint64_t MemoryOfRequest(std::uint64_t octets) {
  return kMemoryOfCall + kCopiesOfRequest * octets;
}

class RequestMemory {
 public:
  // A tenant may have `share` of the limit in hand.
  RequestMemory(std::uint64_t limit, std::uint64_t share, observe::Gauge gauge)
      : limit_(limit), share_(share), gauge_(gauge) {}

  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)),
          tenant_(std::move(other.tenant_)),
          octets_(other.octets_) {}
    Reservation& operator=(Reservation&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(tenant_, other.tenant_);
      std::swap(octets_, other.octets_);
      return *this;
    }
    ~Reservation() {
      if (owner_ != nullptr) owner_->Release(tenant_, octets_);
    }
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    friend class RequestMemory;
    Reservation(RequestMemory* owner, std::string tenant, std::uint64_t octets)
        : owner_(owner), tenant_(std::move(tenant)), octets_(octets) {}
    RequestMemory* owner_ = nullptr;
    std::string tenant_;
    std::uint64_t octets_ = 0;
  };

  // Empty if it would pass the limit or the tenant's share.
  [[nodiscard]] Reservation Reserve(const std::string& tenant, std::uint64_t octets);
  [[nodiscard]] std::uint64_t used() const;

 private:
  void Release(const std::string& tenant, std::uint64_t octets);

  const std::uint64_t limit_;
  const std::uint64_t share_;
  const observe::Gauge gauge_;
  mutable std::mutex mutex_;
  std::uint64_t used_ = 0;
  absl::flat_hash_map<std::string, std::uint64_t> by_tenant_;
};

}  // namespace goniec::outbound
