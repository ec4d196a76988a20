// The sequences of one READY stream that some event names, as ranges: a sequence between them must be stored,
// or is missing. The other end of the audit's ledger: OpenRecipients begins where a mail's first event does,
// this begins where its record was accepted.
//
// It knows nothing of records stored before its beginning: older events are gone, or were written by a
// version that did not name records. Sequences and times of storing rise together.
//
// Pure; confined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "common/base/clock.h"

namespace goniec::queue {

class ReadyLedger {
 public:
  // Beyond so many ranges the oldest are forgotten, and the ledger begins behind them.
  explicit ReadyLedger(std::size_t most_ranges = 500'000) : most_ranges_(most_ranges) {}

  // The stream is another one than before: nothing is known of it but when it was made.
  void Restart(WallTime created);
  [[nodiscard]] WallTime created() const { return created_; }
  // Records stored before `time` are not judged, now and from now on.
  void BeginAt(WallTime time);

  // An event names the record. One of an older stream of the same name is passed over.
  void Add(std::uint64_t sequence, WallTime stored_at);
  // These were dealt with by hand.
  void Close(std::uint64_t first, std::uint64_t last);

  // Sequences that no event names.
  struct Gap {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    WallTime after;                  // stored at or after that
    std::optional<WallTime> before;  // and at or before that, if anything younger is known
  };
  // Those at or after `from` and up to `last`, the stream's newest sequence; at most `most`, in order.
  [[nodiscard]] std::vector<Gap> Gaps(std::uint64_t from, std::uint64_t last, std::size_t most) const;

  // The first sequence that is judged; nothing: none is yet.
  [[nodiscard]] std::optional<std::uint64_t> begin() const;
  [[nodiscard]] std::size_t ranges() const { return ranges_.size(); }

 private:
  struct Range {
    std::uint64_t last = 0;
    WallTime first_stored;
    WallTime last_stored;
  };
  void ForgetOldest();

  const std::size_t most_ranges_;
  WallTime created_;
  WallTime begin_;
  bool from_the_start_ = true;                            // judged from sequence 1 on
  absl::btree_map<std::uint64_t, Range> ranges_;          // by their first sequence
  absl::btree_map<std::uint64_t, std::uint64_t> closed_;  // first to last
};

}  // namespace goniec::queue
