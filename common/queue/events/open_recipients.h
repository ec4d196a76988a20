// Which accepted recipients have not ended: the fold behind the audit, over the events of all messages in
// stream order. Keeps the open ones and, of those that have ended lately, a hash: its size follows the
// waiting mail, not the traffic. Pure; confined.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/base/clock.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

class OpenRecipients {
 public:
  struct Recipient {
    std::uint32_t generation = 0;
    // By the pages of the audit's walks: whole passes that begin with this one or later must meet the copy
    // that holds it; and where it was met last.
    std::uint64_t due_page = 0;
    std::uint64_t met_page = 0;
  };
  struct Message {
    std::string tenant;
    // Those that events have named and not ended, by index. The others of `recipient_count` are in the
    // record.
    std::map<std::uint32_t, Recipient> recipients;
    std::uint32_t recipient_count = 0;
    std::uint32_t ended = 0;
    std::vector<std::uint64_t> events;  // hashes of the ids of those that were added
  };
  struct Counts {
    std::uint64_t messages = 0;
    std::uint64_t recipients = 0;                  // of these messages
    std::map<v1::EventType, std::uint64_t> ended;  // by how they ended
    std::uint64_t second_terminals = 0;            // ends after the end: the first one counts
  };

  // Ends are remembered for this many recipients at least.
  explicit OpenRecipients(std::size_t remembered_ends = 1'000'000) : remembered_ends_(remembered_ends) {}

  // As StatusFold: drops ids that it knows (of messages that are open) and recipients that the message does
  // not have. `page`: the first one of the walks over the copies that comes after this.
  void Add(const v1::Event& event, std::uint64_t page = 1);

  // In that page a copy of this generation was met that holds the recipient.
  void Met(const std::string& message_id, std::uint32_t index, std::uint32_t generation, std::uint64_t page);
  // The message was looked for by itself, and all is well.
  void Met(const std::string& message_id, std::uint64_t page);

  // All of it has ended, as was seen elsewhere.
  void Forget(const std::string& message_id) { open_.erase(message_id); }

  // By message id.
  [[nodiscard]] const std::map<std::string, Message>& open() const { return open_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }
  // True if the recipient has ended, as far as ends are remembered.
  [[nodiscard]] bool Ended(const std::string& message_id, std::uint32_t index) const;

  // Drops half of the messages, now and from now on: what is left is a fair sample.
  void HalveShare();
  // Keeps twice as many of the messages that are accepted after `now`, if it is not all already. Those that
  // were dropped do not come back.
  void DoubleShare(WallTime now);
  // One in 2^n of the messages that are accepted now is kept.
  [[nodiscard]] int share_bits() const { return shares_.back().bits; }

 private:
  using Ends = absl::flat_hash_map<std::uint64_t, std::uint64_t>;  // recipient → the event that ended it

  [[nodiscard]] const std::uint64_t* FindEnd(std::uint64_t recipient) const;
  void Remember(std::uint64_t recipient, std::uint64_t event);
  void AddTo(Message& message, const v1::Event& event, const v1::EventRecipient& about, std::uint64_t page);
  [[nodiscard]] bool InShare(const std::string& message_id) const;

  const std::size_t remembered_ends_;
  std::map<std::string, Message> open_;
  Ends ends_;
  Ends earlier_ends_;
  Counts counts_;
  // By time of acceptance, oldest first: those whose hash ends in so many zero bits.
  struct Share {
    WallTime since;
    int bits = 0;
  };
  std::vector<Share> shares_ = {{WallTime::min(), 0}};
};

}  // namespace goniec::queue
