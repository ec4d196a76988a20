// Breadth first over all states of a model that can be reached: finds a shortest way to a violation, or
// proves that there is none within the options' bounds. Then that from every state, without another fault,
// the good end can be reached: nothing is lost, nothing is stuck.
//
// A model names its types and functions:
//
//     struct Model {
//       using Options, State, Key, Successor, Violation;   // Successor: {State state; Step step;}
//       static constexpr std::size_t kActions;             // step.action is below it, step.fault costs a
//       fault static Key Pack(const State&);                      // equal for states that differ only in
//       names static State Unpack(Key); static std::uint64_t Hash(Key); static void Expand(const Options&,
//       const State&, std::vector<Successor>&); static bool IsQuiet(const State&);                  //
//       nothing more will happen by itself static bool IsGoodEnd(const State&);                // quiet, and
//       all promises are kept
//     };
//
// The beginning is State{}; a state's `violation` ends the search; Violation has kNone, kLost and kStuck.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

namespace goniec::model {

template <typename Model>
struct TraceOf {
  // The states in their order with the step that led to each; the first is the beginning.
  std::vector<typename Model::Successor> steps;
};

template <typename Model>
struct ReportOf {
  typename Model::Violation violation = Model::Violation::kNone;
  TraceOf<Model> trace;  // empty if there is none
  std::size_t states = 0;
  std::size_t transitions = 0;
  std::size_t good_ends = 0;
  std::bitset<Model::kActions> actions;  // those that occurred
};

using Index = std::uint32_t;
inline constexpr Index kNoIndex = 0xffffffff;

// The states in the order of their finding, each with the one that led to it.
template <typename Model>
class Found {
  using Key = typename Model::Key;

 public:
  Found() : slots_(1 << 16, kFree) {}

  // True if it is new.
  bool Insert(Key key, Index parent) {
    if ((keys_.size() + 1) * 2 > slots_.size()) Grow();
    const std::uint64_t hash = Model::Hash(key);
    std::size_t at = hash & (slots_.size() - 1);
    for (; slots_[at] != kFree; at = (at + 1) & (slots_.size() - 1)) {
      // The upper half of the hash is in the slot: a key is rarely read in vain.
      if (slots_[at] >> 32 != hash >> 32) continue;
      last_ = static_cast<Index>(slots_[at]);
      if (keys_[last_] == key) return false;
    }
    last_ = static_cast<Index>(keys_.size());
    slots_[at] = (hash >> 32 << 32) | last_;
    keys_.push_back(key);
    parents_.push_back(parent);
    return true;
  }
  // Where the last inserted one is, new or not.
  [[nodiscard]] Index last() const { return last_; }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  [[nodiscard]] Key key(Index index) const { return keys_[index]; }
  [[nodiscard]] Index parent(Index index) const { return parents_[index]; }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};

  void Grow() {
    slots_.assign(slots_.size() * 4, kFree);
    for (Index i = 0; i < keys_.size(); ++i) {
      const std::uint64_t hash = Model::Hash(keys_[i]);
      std::size_t at = hash & (slots_.size() - 1);
      while (slots_[at] != kFree) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = (hash >> 32 << 32) | i;
    }
  }

  std::vector<Key> keys_;
  std::vector<Index> parents_;
  std::vector<std::uint64_t> slots_;
  Index last_ = 0;
};

template <typename Model>
class Exploration {
  using State = typename Model::State;
  using Successor = typename Model::Successor;
  using Violation = typename Model::Violation;

 public:
  explicit Exploration(const typename Model::Options& options) : options_(options) {}

  ReportOf<Model> Run() {
    found_.Insert(Model::Pack(State{}), kNoIndex);
    for (Index at = 0; at < found_.size(); ++at) {
      if (!Visit(at)) return std::move(report_);
    }
    first_edge_.push_back(edges_.size());
    report_.states = found_.size();
    if (const Index lost = FirstWithoutEnd(); lost != kNoIndex) {
      std::vector<Index> way = WayTo(lost);
      GoOnToQuiet(way);
      report_.trace = TraceAlong(way);
      report_.violation =
          Model::IsQuiet(report_.trace.steps.back().state) ? Violation::kLost : Violation::kStuck;
    }
    return std::move(report_);
  }

 private:
  // False if there was a violation.
  bool Visit(Index at) {
    first_edge_.push_back(edges_.size());
    const State state = Model::Unpack(found_.key(at));
    if (Model::IsGoodEnd(state)) {
      ++report_.good_ends;
      good_ends_.push_back(at);
    }
    successors_.clear();
    Model::Expand(options_, state, successors_);
    report_.transitions += successors_.size();
    for (const Successor& successor : successors_) {
      report_.actions.set(static_cast<std::size_t>(successor.step.action));
      found_.Insert(Model::Pack(successor.state), at);
      if (successor.state.violation != Violation::kNone) {
        report_.violation = successor.state.violation;
        report_.states = found_.size();
        report_.trace = TraceAlong(WayTo(found_.last()));
        return false;
      }
      if (!successor.step.fault) edges_.push_back(found_.last());
    }
    return true;
  }

  // The first state found from which no way without faults leads to a good end.
  [[nodiscard]] Index FirstWithoutEnd() const {
    std::vector<bool> ends(found_.size(), false);
    for (const Index end : good_ends_) ends[end] = true;
    for (bool changed = true; changed;) {
      changed = false;
      for (Index at = static_cast<Index>(found_.size()); at-- > 0;) {
        if (ends[at]) continue;
        const auto begin = edges_.begin() + static_cast<std::ptrdiff_t>(first_edge_[at]);
        const auto end = edges_.begin() + static_cast<std::ptrdiff_t>(first_edge_[at + 1]);
        if (std::any_of(begin, end, [&](Index next) { return ends[next]; })) ends[at] = changed = true;
      }
    }
    const auto first = std::find(ends.begin(), ends.end(), false);
    return first == ends.end() ? kNoIndex : static_cast<Index>(first - ends.begin());
  }

  [[nodiscard]] std::vector<Index> WayTo(Index last) const {
    std::vector<Index> way;
    for (Index at = last; at != kNoIndex; at = found_.parent(at)) way.push_back(at);
    std::reverse(way.begin(), way.end());
    return way;
  }

  // Prolongs it, without faults and by the shortest way, to where nothing more will happen; if there is such
  // a state.
  void GoOnToQuiet(std::vector<Index>& way) const {
    const Index begin = way.back();
    std::vector<Index> from(found_.size(), kNoIndex);
    std::vector<Index> queue{begin};
    from[begin] = begin;
    for (std::size_t i = 0; i < queue.size(); ++i) {
      const Index at = queue[i];
      if (Model::IsQuiet(Model::Unpack(found_.key(at)))) {
        std::vector<Index> rest;
        for (Index back = at; back != begin; back = from[back]) rest.push_back(back);
        way.insert(way.end(), rest.rbegin(), rest.rend());
        return;
      }
      for (std::size_t edge = first_edge_[at]; edge < first_edge_[at + 1]; ++edge) {
        if (from[edges_[edge]] != kNoIndex) continue;
        from[edges_[edge]] = at;
        queue.push_back(edges_[edge]);
      }
    }
  }

  // Keys do not tell the workers apart: the way is gone again from the beginning, with the names kept.
  TraceOf<Model> TraceAlong(const std::vector<Index>& way) {
    TraceOf<Model> trace;
    trace.steps.push_back({State{}, {}});
    for (std::size_t i = 1; i < way.size(); ++i) {
      successors_.clear();
      Model::Expand(options_, trace.steps.back().state, successors_);
      const auto next = std::find_if(successors_.begin(), successors_.end(), [&](const Successor& successor) {
        return Model::Pack(successor.state) == found_.key(way[i]);
      });
      if (next == successors_.end()) throw std::logic_error("the transitions depend on the workers' names");
      trace.steps.push_back(*next);
    }
    return trace;
  }

  const typename Model::Options& options_;
  Found<Model> found_;
  std::vector<Successor> successors_;
  std::vector<Index> edges_;  // those without a fault, by where they begin
  std::vector<std::size_t> first_edge_;
  std::vector<Index> good_ends_;
  ReportOf<Model> report_;
};

template <typename Model>
ReportOf<Model> Explore(const typename Model::Options& options) {
  return Exploration<Model>(options).Run();
}

// With no fault first, then one, up to options.max_faults: the counterexample with the fewest faults.
template <typename Model>
ReportOf<Model> ExploreFewestFaults(typename Model::Options options) {
  ReportOf<Model> report;
  const int most = options.max_faults;
  for (int faults = 0; faults <= most; ++faults) {
    options.max_faults = faults;
    report = Explore<Model>(options);
    if (report.violation != Model::Violation::kNone) break;
  }
  return report;
}

}  // namespace goniec::model
