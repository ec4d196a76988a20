// Who counts, as one worker reckons it: the pure part of presence.h, which puts our words into the bucket and
// brings what the watch tells.
//
// It stands on one thing: our own word comes back to us by the watch, in the order of the stream. So by then
// we have heard of everybody whose word was stored before it was sent. With P the period:
// - We are sure of the members until 1.5 P after our last word that came back was sent. A newcomer counts
//   1.5 P after its first word came back: by then, who is sure of the members has heard of it.
// - Who is silent is dropped 3 P after its last word was heard, and by nobody who is not sure himself; and
// not
//   before a word of ours came back that was sent 2 P or more after that: the other's next one may have been
//   stored, and be on its way to us. It was sure of itself no later than 1.5 P after its last word was sent.
// - Whose words came back with a gap of more than 1.5 P may have been dropped: it is sure again 1.5 P after
//   the first word behind the gap.
// - Where the stream's leader knows of no word but ours, nobody need be waited for.
//
// Pure; confined to its owner's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/queue/broker/presence.h"

namespace goniec::queue {

class Membership {
 public:
  Membership(std::string self, std::chrono::milliseconds period);

  // What our next word says; it is sent no earlier than `now`.
  std::string NextWord(BootTime now);

  // The watch tells a key, ours or another's; the same revision may be told again.
  void Heard(const std::string& name, std::uint64_t revision, std::string_view word, bool gone, BootTime now);

  // We wait to be sure of the members, and know of no others: the stream's leader may be asked who has a
  // word. The number is of the question, for its answer.
  [[nodiscard]] std::optional<std::uint64_t> MayBeAlone(BootTime now) const;
  // The leader was asked after that, and `names` have a word (or the trace of one).
  void LeaderListed(std::uint64_t question, const std::vector<std::string>& names);

  // Our word is taken back, or will be now. No further word counts.
  void Leave();

  // As it is now. Valid until the next call to anything.
  const Members& At(BootTime now);
  // When At() will say something else though nothing is heard. Nothing: never.
  [[nodiscard]] std::optional<BootTime> NextChange() const;
  // Of our last word that came back; 0: none.
  [[nodiscard]] std::uint64_t own_revision() const { return own_revision_; }

 private:
  struct Other {
    std::uint64_t revision = 0;
    BootTime heard;
    bool gone = false;
  };
  // Words of ours that came back without a gap.
  struct Run {
    std::uint64_t number = 0;
    BootTime first_back;
    BootTime last_sent;
    bool alone = false;
  };

  void HeardOwn(std::string_view word, bool gone, BootTime now);
  [[nodiscard]] bool IsSure(BootTime now) const;
  [[nodiscard]] std::chrono::nanoseconds Sure() const { return period_ * 3 / 2; }
  [[nodiscard]] std::chrono::nanoseconds Silence() const { return period_ * 3; }
  // We are sure, and would have heard of its next word by ours.
  [[nodiscard]] bool MissedBy(const Other& other) const {
    return run_->last_sent - other.heard >= period_ * 2;
  }

  const std::string self_;
  const std::chrono::nanoseconds period_;
  std::map<std::string, Other> others_;
  std::uint64_t next_word_ = 1;
  // Words that have not come back, with the time at which they were sent.
  std::map<std::uint64_t, BootTime> sent_;
  std::uint64_t own_revision_ = 0;
  std::optional<Run> run_;
  std::uint64_t runs_ = 0;
  bool counted_ = false;
  bool left_ = false;
  Members members_;
};

}  // namespace goniec::queue
