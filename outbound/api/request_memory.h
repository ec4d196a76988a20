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
// How often the octets of a request are in memory at its worst moment. Measured, as growth of the resident
// set an octet of the request: 2.0 for a raw message, 3.3 for one whose lines end in LF, 3.0 for attachments,
// 2.6 for text, and 4.5 at worst, text of which each line is a dot (as parsed, two and a half times as much
// composed, and what the allocator keeps of what was read).
inline constexpr std::uint64_t kCopiesOfRequest = 5;
// A field of a request in all that is made of it: parsed, in the mail, in the answer. Measured: 135 to 160
// octets, of calls with 1,000 short recipients, which have two fields each.
inline constexpr std::uint64_t kMemoryOfField = 160;

constexpr std::uint64_t MemoryOfRequest(std::uint64_t octets) {
  return kMemoryOfCall + kCopiesOfRequest * octets;
}

class RequestMemory {
 public:
  RequestMemory(std::uint64_t limit, observe::Gauge gauge) : limit_(limit), gauge_(gauge) {}

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
    // So much more for the same tenant. False, and nothing is taken, if that would pass the limit or `share`.
    [[nodiscard]] bool Grow(std::uint64_t octets, std::uint64_t share);

   private:
    friend class RequestMemory;
    Reservation(RequestMemory* owner, std::string tenant, std::uint64_t octets)
        : owner_(owner), tenant_(std::move(tenant)), octets_(octets) {}
    RequestMemory* owner_ = nullptr;
    std::string tenant_;
    std::uint64_t octets_ = 0;
  };

  // Empty if it would pass the limit, or `share`: what the tenant may have of it.
  [[nodiscard]] Reservation Reserve(const std::string& tenant, std::uint64_t octets, std::uint64_t share);
  [[nodiscard]] std::uint64_t used() const;

 private:
  [[nodiscard]] bool Take(const std::string& tenant, std::uint64_t octets, std::uint64_t share);
  void Release(const std::string& tenant, std::uint64_t octets);

  const std::uint64_t limit_;
  const observe::Gauge gauge_;
  mutable std::mutex mutex_;
  std::uint64_t used_ = 0;
  absl::flat_hash_map<std::string, std::uint64_t> by_tenant_;
};

}  // namespace goniec::outbound
