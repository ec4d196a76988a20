#include "common/dns/lookup_schedule.h"

namespace goniec::dns {

void LookupSchedule::Queue(const Question& question, State& state) {
  state.put = false;
  state.ticket = ++last_ticket_;
  StateOf(state.lane).waiting.emplace(state.ticket, question);
}

LookupSchedule::Place LookupSchedule::Ask(const Question& question) {
  if (requests_ >= limits_.requests) return Place::kRefused;
  ++requests_;
  const auto [entry, is_new] = questions_.try_emplace(question);
  State& state = entry->second;
  if (is_new) Queue(question, state);
  return ++state.requests == 1 ? Place::kFirst : Place::kShared;
}

std::optional<LookupSchedule::Start> LookupSchedule::Next() {
  for (const Lane lane : {Lane::kQuick, Lane::kPatient}) {
    LaneState& of_lane = StateOf(lane);
    const std::size_t limit = lane == Lane::kQuick ? limits_.quick : limits_.patient;
    if (of_lane.put >= limit || of_lane.waiting.empty()) continue;
    auto first = of_lane.waiting.extract(of_lane.waiting.begin());
    questions_.at(first.mapped()).put = true;
    ++of_lane.put;
    return Start{std::move(first.mapped()), lane};
  }
  return std::nullopt;
}

bool LookupSchedule::Answered(const Question& question, bool conclusive) {
  const auto found = questions_.find(question);
  if (found == questions_.end() || !found->second.put) return false;
  State& state = found->second;
  --StateOf(state.lane).put;
  if (!conclusive && state.lane == Lane::kQuick && state.requests > 0) {
    state.lane = Lane::kPatient;
    Queue(question, state);
    return false;
  }
  requests_ -= state.requests;
  questions_.erase(found);
  return true;
}

bool LookupSchedule::GiveUp(const Question& question) {
  const auto found = questions_.find(question);
  if (found == questions_.end()) return false;
  State& state = found->second;
  requests_ -= state.requests;
  state.requests = 0;
  const bool was_put = state.put || state.lane == Lane::kPatient;
  if (!state.put) {
    StateOf(state.lane).waiting.erase(state.ticket);
    questions_.erase(found);
  }
  return was_put;
}

}  // namespace goniec::dns
