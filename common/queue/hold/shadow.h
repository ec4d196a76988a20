// What a record in hand must leave to an earlier one: two stored records may hold the same recipients at the
// same generation (a resend that was stored twice, a schedule that fired twice, a record that came back from
// its shelf twice), and then the one with the lower sequence acts. It goes by mail, recipient and generation:
// neither a subject nor a record id says what is in a record. Asked by RecordWork for a record that is looked
// at, before it looks (holder.h).
//
// ReadShadow reads only. Confined to one coroutine at a time.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

class Delivery;
class MessageFinder;

class Shadow {
 public:
  explicit Shadow(const v1::Record& in_hand);
  // Of an earlier record, what it has of the mails in hand at their generation; nothing else is kept.
  void Add(const v1::Record& earlier);
  // Positions in the recipients of a mail in hand that none of the earlier records holds.
  [[nodiscard]] std::vector<std::uint32_t> Uncovered(const v1::Mail& mail) const;

 private:
  struct Covered {
    std::uint32_t generation = 0;
    std::set<std::uint32_t> indexes;
  };
  std::map<std::string, Covered> covered_;  // the mails in hand, by id
};

// The shadow of `record`, which was delivered from `lane`: of a resend, by what lies before it in READY; of a
// copy from WAIT, by what is due before it under its own subject or has come from a shelf; of a record from a
// shelf, by what is due before it of its mails or has come from one; of any other record none. kUnavailable:
// nothing is certain, let it return.
asio::awaitable<absl::StatusOr<Shadow>> ReadShadow(MessageFinder& finder, const Delivery& delivery,
                                                   const v1::Record& record, int lane);

}  // namespace goniec::queue
