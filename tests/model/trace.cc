// Traces for people: a line for each step, and below it what it changed.
#include <array>
#include <sstream>
#include <string>

#include "tests/model/search.h"

namespace goniec::model {
namespace {

std::string ItemName(int item) {
  static constexpr std::array<std::string_view, kItems> kNames{
      "the record", "its second storing", "copy 1", "copy 1's twin", "copy 2", "copy 2's twin"};
  return item < kItems ? std::string(kNames[static_cast<std::size_t>(item)]) : std::string("nothing");
}

std::string_view PlaceName(Place place) {
  static constexpr std::array<std::string_view, 4> kNames{"", "available", "pending", "put back"};
  return kNames[static_cast<std::size_t>(place)];
}

std::string_view AtName(At at) {
  static constexpr std::array<std::string_view, 17> kNames{
      "idle",
      "about to take",
      "frozen before taking",
      "looking for an earlier one of",
      "looking, to read the events, for",
      "looking, to read wait., for",
      "looking, to read due., for",
      "looking, to read the events again, for",
      "looking, to publish the copy, for",
      "connecting with",
      "before the dot of",
      "after the dot of",
      "waiting for the reply to",
      "to store the event of",
      "to store the copy of",
      "to acknowledge",
      "to return",
  };
  return kNames[static_cast<std::size_t>(at)];
}

std::string_view LateName(Late late) {
  static constexpr std::array<std::string_view, 8> kNames{
      "", "the record", "the record (marked)", "an end", "a move", "a copy", "an acknowledgement", "a -NAK"};
  return kNames[static_cast<std::size_t>(late)];
}

void DescribeQueue(const State& state, std::ostream& out) {
  for (int i = 0; i < kItems; ++i) {
    const Item& item = state.items[static_cast<std::size_t>(i)];
    if (item.place == Place::kAbsent) continue;
    out << ItemName(i) << " " << PlaceName(item.place) << (item.marked ? ", marked" : "")
        << (item.counted ? ", count > 1 next" : "") << (item.before_start ? ", from before the start" : "")
        << (item.left_alone ? ", left alone" : "") << "; ";
  }
  for (std::size_t g = 0; g < state.waiting.size(); ++g) {
    if (state.waiting[g]) out << "copy " << g + 1 << " waits; ";
  }
}

void DescribeWorker(const State& state, int w, std::ostream& out) {
  const Worker& worker = state.workers[static_cast<std::size_t>(w)];
  if (worker.at == At::kIdle) return;
  out << "W" << w + 1 << " " << AtName(worker.at) << " " << ItemName(worker.item)
      << (worker.leased             ? ", leased"
          : worker.at == At::kInbox ? ""
                                    : ", no lease")
      << (worker.connected ? "" : ", cut off") << "; ";
}

}  // namespace

std::string Describe(const State& state) {
  std::ostringstream out;
  DescribeQueue(state, out);
  if (state.generation > 0) out << "events name generation " << int{state.generation} << "; ";
  if (state.ends > 0) out << "ended" << (state.ends > 1 ? " twice" : "") << "; ";
  if (state.late != Late::kNothing) out << "on its way: " << LateName(state.late) << "; ";
  for (int w = 0; w < kWorkers; ++w) DescribeWorker(state, w, out);
  std::string text = out.str();
  if (text.empty()) return "nothing is stored";
  text.resize(text.size() - 2);
  return text;
}

std::string Describe(const Trace& trace) {
  std::ostringstream out;
  for (std::size_t i = 1; i < trace.steps.size(); ++i) {
    const auto& [state, step] = trace.steps[i];
    const ActionText& text = TextOf(step.action);
    out << i << ". " << (step.fault ? "FAULT " : "");
    if (step.worker != kNobody) out << "W" << step.worker + 1 << ", ";
    if (step.item < kItems) out << ItemName(step.item) << ": ";
    out << text.says << "  [" << text.code << "]\n     " << Describe(state) << "\n";
  }
  return out.str();
}

std::string_view Describe(Violation violation) {
  switch (violation) {
    case Violation::kNone:
      return "none";
    case Violation::kDuplicate:
      return "the peer takes the message once more, and nothing excuses it";
    case Violation::kStaleRecord:
      return "a record is stored whose sender has long sent the mail anew";
    case Violation::kNotFound:
      return "a reader is told that there is no such message";
    case Violation::kBackFromEnd:
      return "a reader that was shown the end is shown something else";
    case Violation::kOtherEnd:
      return "a reader that was shown one end is shown another";
    case Violation::kEndedByOther:
      return "one that does not hold the recipient ends it as not delivered, and its holder delivers";
    case Violation::kLost:
      return "the recipient never ends: nothing is left that could end it";
    case Violation::kStuck:
      return "from here on there is no way to the end without another fault";
  }
  return "";
}

}  // namespace goniec::model
