// Whose turn it is when new mail of several tenants waits in READY. A queue serves who came first, so ten
// mails of one tenant would wait behind the hundred thousand of another. A tenant whose backlog is much
// larger than that of somebody else therefore yields: its mail is pulled and delivered as far as its sites
// take it now, and goes to their shelves beyond that, where tenants take turns (outbound/site/keeper.h).
// READY empties at the speed of moves, so the others' mail is soon at its head. Where only one tenant waits,
// or all have about as much, nobody yields and no mail costs a move.
//
// Backlogs are told by ReadyBacklog (ready_backlog.h), and RecordWork asks for each record.
//
// Pure; confined to the worker's executor.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "outbound/consume/slots.h"

namespace goniec::outbound {

// Records in READY, by tenant.
using Backlog = std::map<std::string, std::uint64_t>;

// A smaller backlog is no reason to yield.
inline constexpr std::uint64_t kLeastBacklog = 64;
// Nor is one that is not so many times another's.
inline constexpr std::uint64_t kUnequal = 4;

// The tenants that yield.
std::set<std::string> YieldingTenants(const Backlog& backlog);

class ReadyTurns {
 public:
  // What waits of one kind in one lane now.
  void Note(Kind kind, int lane, const Backlog& backlog);
  [[nodiscard]] bool MustYield(Kind kind, int lane, const std::string& tenant) const;

 private:
  std::map<std::pair<Kind, int>, std::set<std::string>> yielding_;
};

}  // namespace goniec::outbound
