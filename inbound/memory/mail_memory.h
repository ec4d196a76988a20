// The budget of memory for mail on its way in: sessions, envelopes and bodies of all clients, at their real
// cost, so that the process stays flat under overload. A client that would pass the limit is told to come
// back.
//
// No client address can take it all: each may hold a third of the memory that is free beside it. One that is
// alone gets a quarter of the limit; after ten have taken their most, one after the other, a twentieth is
// left, and the next finds a quarter of that. An IPv6 client counts by its /64.
//
// Used by connections (accept/), the session engine (envelopes) and IncomingMail (bodies). Decides nothing
// about replies. Thread-safe, but for MemoryHold, which is confined to its owner.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "absl/container/flat_hash_map.h"
#include "common/net/ip_address.h"

namespace goniec::inbound {

// What memory is held for.
enum class MemoryPart : std::uint8_t { kSessions, kEnvelopes, kBodies };
inline constexpr size_t kMemoryParts = 3;

class MailMemory;

// What one client address holds; shared by all its sessions.
class ClientMemory {
 public:
  [[nodiscard]] uint64_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  friend class MailMemory;
  friend class MemoryHold;
  explicit ClientMemory(MailMemory& all) : all_(all) {}
  MailMemory& all_;
  std::atomic<uint64_t> used_{0};
};

class MailMemory {
 public:
  explicit MailMemory(uint64_t limit) : limit_(limit) {}
  MailMemory(const MailMemory&) = delete;
  MailMemory& operator=(const MailMemory&) = delete;

  // The same for all who come from there, as long as anybody has it. *this must outlive it.
  [[nodiscard]] std::shared_ptr<ClientMemory> Client(const net::IpAddress& ip);

  [[nodiscard]] uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t used(MemoryPart part) const {
    return by_part_[static_cast<size_t>(part)].load(std::memory_order_relaxed);
  }
  // Addresses that hold something, or may.
  [[nodiscard]] size_t clients() const;

 private:
  friend class MemoryHold;
  void Forget(const net::IpAddress& key);
  // False if there is no room; then nothing is taken.
  bool Take(ClientMemory& client, MemoryPart part, uint64_t bytes);
  void Give(ClientMemory& client, MemoryPart part, uint64_t bytes);
  // What `client` may hold while so much is used.
  [[nodiscard]] uint64_t ShareOf(uint64_t used) const;

  const uint64_t limit_;
  std::atomic<uint64_t> used_{0};
  std::array<std::atomic<uint64_t>, kMemoryParts> by_part_{};
  mutable std::mutex mutex_;
  absl::flat_hash_map<net::IpAddress, std::weak_ptr<ClientMemory>> clients_;
};

// What one session, envelope or body holds; gives all of it back at its end.
class MemoryHold {
 public:
  // Without a client nothing is counted and everything goes.
  MemoryHold(std::shared_ptr<ClientMemory> client, MemoryPart part)
      : client_(std::move(client)), part_(part) {}
  ~MemoryHold() { Release(); }
  MemoryHold(const MemoryHold&) = delete;
  MemoryHold& operator=(const MemoryHold&) = delete;

  // From now on `bytes` are held. False: there is no room for so many more, and nothing has changed.
  [[nodiscard]] bool Resize(uint64_t bytes);
  void Release();
  [[nodiscard]] uint64_t size() const { return size_; }
  // True when room gets scarce, for this client or for all: memory that can be freed should be.
  [[nodiscard]] bool IsTight() const;

 private:
  const std::shared_ptr<ClientMemory> client_;
  const MemoryPart part_;
  uint64_t size_ = 0;
};

}  // namespace goniec::inbound
