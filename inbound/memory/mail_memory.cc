#include "inbound/memory/mail_memory.h"

namespace goniec::inbound {

std::shared_ptr<ClientMemory> MailMemory::Client(const net::IpAddress& ip) {
  const net::IpAddress key = net::ClientNetwork(ip);
  const std::lock_guard lock(mutex_);
  std::weak_ptr<ClientMemory>& entry = clients_[key];
  if (std::shared_ptr<ClientMemory> known = entry.lock()) return known;
  std::shared_ptr<ClientMemory> client(new ClientMemory(*this), [this, key](ClientMemory* gone) {
    delete gone;
    Forget(key);
  });
  entry = client;
  return client;
}

void MailMemory::Forget(const net::IpAddress& key) {
  const std::lock_guard lock(mutex_);
  // The same address may have come again meanwhile.
  const auto entry = clients_.find(key);
  if (entry != clients_.end() && entry->second.expired()) clients_.erase(entry);
}

size_t MailMemory::clients() const {
  const std::lock_guard lock(mutex_);
  return clients_.size();
}

uint64_t MailMemory::ShareOf(uint64_t used) const {
  return used >= limit_ ? 0 : (limit_ - used) / 3;
}

bool MailMemory::Take(ClientMemory& client, MemoryPart part, uint64_t bytes) {
  const uint64_t all = used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  const uint64_t own = client.used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  by_part_[static_cast<size_t>(part)].fetch_add(bytes, std::memory_order_relaxed);
  if (own <= ShareOf(all)) return true;
  Give(client, part, bytes);
  return false;
}

void MailMemory::Give(ClientMemory& client, MemoryPart part, uint64_t bytes) {
  used_.fetch_sub(bytes, std::memory_order_relaxed);
  client.used_.fetch_sub(bytes, std::memory_order_relaxed);
  by_part_[static_cast<size_t>(part)].fetch_sub(bytes, std::memory_order_relaxed);
}

bool MemoryHold::Resize(uint64_t bytes) {
  if (client_ == nullptr) return true;
  if (bytes > size_) {
    if (!client_->all_.Take(*client_, part_, bytes - size_)) return false;
  } else {
    client_->all_.Give(*client_, part_, size_ - bytes);
  }
  size_ = bytes;
  return true;
}

void MemoryHold::Release() {
  if (client_ != nullptr) client_->all_.Give(*client_, part_, size_);
  size_ = 0;
}

bool MemoryHold::IsTight() const {
  if (client_ == nullptr) return false;
  const MailMemory& all = client_->all_;
  return all.used() > all.limit_ / 2 || client_->used() > all.ShareOf(all.used()) / 2;
}

}  // namespace goniec::inbound
