// All that can happen in a state. Deterministic, without state of its own.
#pragma once

#include <vector>

#include "tests/model/shelf/actions.h"
#include "tests/model/shelf/rules.h"
#include "tests/model/shelf/state.h"

namespace goniec::model::shelf {

inline constexpr std::uint8_t kNobody = 255;

struct Options {
  Rules rules;
  int max_faults = 2;
  int generations = 1;  // moves that a mail may make
  // The site may take mail; else only expiry ends anything.
  bool site_opens = true;
  // The mails may expire. Else nothing comes back from a shelf by itself.
  bool expires = false;
  // Moves to WAIT as well, after a peer's 4xx.
  bool defers = true;
  // Shelves need marks to be found by their keepers.
  bool marks = false;
  // A record may be released as a probe too, under another id.
  bool probes = false;
  bool late_messages = true;
  int keepers = kKeepers;
};

struct Step {
  Action action = Action::kNothing;
  std::uint8_t worker = kNobody;
  std::uint8_t keeper = kNobody;
  std::uint8_t item = kNobody;
  bool fault = false;
};

struct Successor {
  State state;
  Step step;
};

// Appends; steps that cost a fault are left out when none is left.
void Expand(const Options& options, const State& state, std::vector<Successor>& out);

// Nothing is stored, on its way or in hand: what is there now is the end.
bool IsQuiet(const State& state);
// Quiet, and every mail has an end.
bool IsGoodEnd(const State& state);

}  // namespace goniec::model::shelf
