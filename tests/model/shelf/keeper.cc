// Who releases: two processes that both believe that they keep the site, and whoever releases what is
// overdue. All do the same: read, publish one after the other, take off what was read.
#include <algorithm>

#include "tests/model/shelf/moves.h"

namespace goniec::model::shelf {
namespace {

class Keeping {
 public:
  Keeping(Moves& moves, int k)
      : moves_(moves), k_(k), next_(moves.from()), keeper_(next_.keepers[static_cast<std::size_t>(k)]) {}

  void Expand() {
    if (keeper_.at != Work::kIdle) {
      State killed = next_;
      In(killed) = {};
      Add(killed, Action::kKeeperCrashes, true);
    }
    switch (keeper_.at) {
      case Work::kIdle:
        return Begin();
      case Work::kReleasing:
        return ReleaseNext();
      case Work::kTakingOff:
        return TakeOffAll();
      case Work::kRemovingMark:
        return RemoveMark();
    }
  }

 private:
  void Add(const State& state, Action action, bool fault = false) {
    moves_.Add(state, {.action = action, .keeper = Name(k_), .fault = fault});
  }
  [[nodiscard]] Keeper& In(State& state) const { return state.keepers[static_cast<std::size_t>(k_)]; }
  [[nodiscard]] bool ReleaseFirst() const { return moves_.Has(Rule::kReleaseBeforeTakeOff); }

  void Begin() {
    const bool empty = std::none_of(next_.shelf.begin(), next_.shelf.end(),
                                    [](const Shelved& shelved) { return shelved.on_shelf != 0; });
    const bool overdue = next_.hour == Hour::kExpired && moves_.Has(Rule::kOverdueIsReleased);
    const bool known = next_.mark || !moves_.options().marks;
    if (overdue && !next_.minute_passed) {
      if (!empty) return Read(Action::kOverdueReads);
      State passed = next_;
      passed.minute_passed = 1;
      Add(passed, Action::kMinutePasses);
    }
    if (!moves_.options().site_opens || !known) return;
    if (!empty) return Read(Action::kKeeperReads);
    FindEmpty();
  }

  // The first ones, or all.
  void Read(Action action) {
    std::uint8_t found = 0;
    for (int i = 0; i < kShelf; ++i) {
      if (!next_.shelf[static_cast<std::size_t>(i)].on_shelf) continue;
      found |= MaskOf(i);
      State read = next_;
      In(read) = {.at = ReleaseFirst() ? Work::kReleasing : Work::kTakingOff,
                  .to_release = found,
                  .up_to = Name(i + 1)};
      Add(read, action);
    }
  }

  void Released(State& state, int position) {
    Keeper& keeper = In(state);
    keeper.to_release = Name(keeper.to_release & ~MaskOf(position));
    if (keeper.to_release != 0) return;
    keeper.at = ReleaseFirst() ? Work::kTakingOff : Work::kIdle;
    if (keeper.at == Work::kIdle) keeper = {};
  }

  void ReleaseNext() {
    int position = 0;
    while ((keeper_.to_release & MaskOf(position)) == 0) ++position;
    if (moves_.MayBeLate()) {
      State late = next_;
      late.late = Late::kRelease;
      late.late_mails = Name(position);
      In(late) = {};
      Add(late, Action::kKeeperStalls, true);
    }
    State lost = next_;
    if (!moves_.Has(Rule::kTakeOffOnlyReleased)) Released(lost, position);
    if (!(lost.keepers[static_cast<std::size_t>(k_)].at == keeper_.at &&
          lost.keepers[static_cast<std::size_t>(k_)].to_release == keeper_.to_release)) {
      Add(lost, Action::kReleaseLost, true);
    }
    State released = next_;
    if (Release(released, position, false)) {
      Add(released, Action::kReleaseAnswerLost, true);
      Released(released, position);
      Add(released, Action::kReleases);
    }
    State probe = next_;
    if (!moves_.options().probes || !Release(probe, position, true)) return;
    Released(probe, position);
    Add(probe, Action::kReleasesAsProbe);
  }

  void TakeOffAll() {
    const int up_to = moves_.Has(Rule::kTakeOffUpToReleased) ? keeper_.up_to : kShelf;
    if (moves_.MayBeLate()) {
      State late = next_;
      late.late = Late::kTakeOff;
      late.late_mails = Name(up_to);
      In(late) = {};
      Add(late, Action::kKeeperStalls, true);
    }
    State lost = next_;
    Done(lost);
    Add(lost, Action::kTakeOffLost, true);
    TakeOff(next_, up_to);
    Done(next_);
    Add(next_, Action::kTakesOff);
  }
  void Done(State& state) {
    Keeper& keeper = In(state);
    if (ReleaseFirst()) {
      keeper = {};
    } else {
      keeper.at = Work::kReleasing;
      keeper.up_to = 0;
    }
  }

  // Late messages are not waited for.
  void FindEmpty() {
    if (!moves_.options().marks || !next_.mark) return;
    const bool relied_on = std::any_of(next_.workers.begin(), next_.workers.end(), [](const Worker& worker) {
      return worker.leased && worker.marked == Marked::kFresh;
    });
    if (moves_.Has(Rule::kMarkIsKept) && (next_.mark_fresh || relied_on)) return;
    keeper_ = {.at = Work::kRemovingMark, .current = 1};
    Add(next_, Action::kFindsEmpty);
  }

  void RemoveMark() {
    const bool current = keeper_.current || !moves_.Has(Rule::kMarkGoesByRevision);
    keeper_ = {};
    if (current) {
      next_.mark = 0;
      next_.mark_fresh = 0;
    }
    Add(next_, current ? Action::kRemovesMark : Action::kMarkStays);
  }

  Moves& moves_;
  const int k_;
  State next_;
  Keeper& keeper_;
};

}  // namespace

void ExpandKeeper(Moves& moves, int k) {
  Keeping(moves, k).Expand();
}

}  // namespace goniec::model::shelf
