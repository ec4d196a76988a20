// The search (tests/model/exploration.h) over this model's states, and what it found in words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/model/exploration.h"
#include "tests/model/shelf/transitions.h"

namespace goniec::model::shelf {

struct ShelfModel {
  using Options = shelf::Options;
  using State = shelf::State;
  using Key = shelf::Key;
  using Successor = shelf::Successor;
  using Violation = shelf::Violation;
  static constexpr auto kActions = static_cast<std::size_t>(Action::kCount);
  static Key Pack(const State& state) { return shelf::Pack(state); }
  static State Unpack(const Key& key) { return shelf::Unpack(key); }
  static std::uint64_t Hash(const Key& key);
  static void Expand(const Options& options, const State& state, std::vector<Successor>& out) {
    shelf::Expand(options, state, out);
  }
  static bool IsQuiet(const State& state) { return shelf::IsQuiet(state); }
  static bool IsGoodEnd(const State& state) { return shelf::IsGoodEnd(state); }
};

using Trace = TraceOf<ShelfModel>;
using Report = ReportOf<ShelfModel>;

Report Search(const Options& options);
// With no fault first, then one, up to options.max_faults: the counterexample with the fewest faults.
Report SearchFewestFaults(const Options& options);

std::string Describe(const State& state);
std::string Describe(const Trace& trace);
std::string_view Describe(Violation violation);

}  // namespace goniec::model::shelf
