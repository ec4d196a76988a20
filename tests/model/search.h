// Breadth first over all states that can be reached: finds a shortest way to a violation, or proves that
// there is none within the options' bounds. Then that from every state, without another fault, the good end
// can be reached: nothing is lost, nothing is stuck.
#pragma once

#include <bitset>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tests/model/transitions.h"

namespace goniec::model {

struct Trace {
  // The states in their order with the step that led to each; the first is the beginning.
  std::vector<Successor> steps;
};

struct Report {
  Violation violation = Violation::kNone;
  Trace trace;  // empty if there is none
  std::size_t states = 0;
  std::size_t transitions = 0;
  std::size_t good_ends = 0;
  std::bitset<static_cast<std::size_t>(Action::kCount)> actions;  // those that occurred
};

Report Search(const Options& options);

// With no fault first, then one, up to options.max_faults: the counterexample with the fewest faults.
Report SearchFewestFaults(Options options);

std::string Describe(const State& state);
std::string Describe(const Trace& trace);
std::string_view Describe(Violation violation);

}  // namespace goniec::model
