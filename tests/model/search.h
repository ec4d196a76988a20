// The search (exploration.h) over this model's states, and what it found in words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/model/exploration.h"
#include "tests/model/transitions.h"

namespace goniec::model {

struct HolderModel {
  using Options = model::Options;
  using State = model::State;
  using Key = model::Key;
  using Successor = model::Successor;
  using Violation = model::Violation;
  static constexpr auto kActions = static_cast<std::size_t>(Action::kCount);
  static Key Pack(const State& state) { return model::Pack(state); }
  static State Unpack(Key key) { return model::Unpack(key); }
  static std::uint64_t Hash(Key key);
  static void Expand(const Options& options, const State& state, std::vector<Successor>& out) {
    model::Expand(options, state, out);
  }
  static bool IsQuiet(const State& state) { return model::IsQuiet(state); }
  static bool IsGoodEnd(const State& state) { return model::IsGoodEnd(state); }
};

using Trace = TraceOf<HolderModel>;
using Report = ReportOf<HolderModel>;

Report Search(const Options& options);

// With no fault first, then one, up to options.max_faults: the counterexample with the fewest faults.
Report SearchFewestFaults(const Options& options);

std::string Describe(const State& state);
std::string Describe(const Trace& trace);
std::string_view Describe(Violation violation);

}  // namespace goniec::model
