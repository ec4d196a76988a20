// All that can happen in a state. Deterministic, without state of its own.
#pragma once

#include <vector>

#include "tests/model/actions.h"
#include "tests/model/rules.h"
#include "tests/model/state.h"

namespace goniec::model {

struct Options {
  Rules rules;
  int max_faults = 3;
  int generations = kMaxGeneration;  // attempts after the first; the last one's failure ends the recipient
  // A cut-off process's last message may arrive later, after others have acted.
  bool late_messages = true;
  // The duplicate window may end while a record or copy is stored (a fault); no first sending is late then.
  bool window_ends = false;
  // Holds it against a worker without a lease if it ends the recipient as not delivered.
  bool only_holder_ends = false;
  // Consumers may be reset, each time a fault.
  bool resets = false;
  // Three servers: none forgets what it has acknowledged or whom it has sent a record, but one may be cut off
  // with a worker and not know it.
  bool cluster = false;
  // Someone asks for the message's state all the time.
  bool reader = false;
};

struct Successor {
  State state;
  Step step;
};

// Appends; steps that cost a fault are left out when none is left.
void Expand(const Options& options, const State& state, std::vector<Successor>& out);

// Nothing is stored, on its way or in hand: what is there now is the end.
bool IsQuiet(const State& state);
// Quiet, and all promises are kept.
bool IsGoodEnd(const State& state);

}  // namespace goniec::model
