// Traces for people: a line for each step, and below it what it changed.
#include <array>
#include <sstream>
#include <string>

#include "tests/model/shelf/search.h"

namespace goniec::model::shelf {
namespace {

std::string MailNames(int mails) {
  static constexpr std::array<std::string_view, 4> kNames{"nothing", "A", "B", "A+B"};
  return std::string(kNames[static_cast<std::size_t>(mails)]);
}

std::string ItemName(int item) {
  return item == 0 ? std::string("READY's record") : "due " + std::to_string(item);
}

std::string_view AtName(At at) {
  static constexpr std::array<std::string_view, 11> kNames{
      "idle",
      "looking for earlier copies",
      "looking for earlier released records",
      "looking, to read the events",
      "looking, to read wait.",
      "looking, to read due.",
      "looking, to read the shelves",
      "looking, to read what was released",
      "looking, to read the events again",
      "looking, to store in WAIT",
      "serving",
  };
  return kNames[static_cast<std::size_t>(at)];
}

std::string_view LegName(Leg leg) {
  static constexpr std::array<std::string_view, 8> kNames{
      "", "to serve", "taken", "to end", "to hold", "to put on the shelf", "to defer", "to put in WAIT"};
  return kNames[static_cast<std::size_t>(leg)];
}

void DescribeItems(const State& state, std::ostream& out) {
  for (int i = 0; i < kItems; ++i) {
    const Item& item = state.items[static_cast<std::size_t>(i)];
    if (item.mails == 0) continue;
    out << ItemName(i) << (item.released ? " released " : " ") << MailNames(item.mails)
        << int{item.generation}
        << (item.gone      ? " gone"
            : item.pending ? " pending"
                           : " available")
        << "; ";
  }
  for (const Shelved& shelved : state.shelf) {
    if (shelved.mails == 0) continue;
    out << (shelved.on_shelf ? "shelf " : "taken off ") << MailNames(shelved.mails) << int{shelved.generation}
        << "; ";
  }
  if (state.mark) out << (state.mark_fresh ? "marked; " : "marked long ago; ");
}

void DescribeMail(const State& state, int m, std::ostream& out) {
  const Mail& mail = state.mails[static_cast<std::size_t>(m)];
  for (std::size_t g = 0; g < mail.waits.size(); ++g) {
    if (mail.waits[g]) out << MailNames(MaskOf(m)) << g + 1 << " waits; ";
  }
  if (mail.generation > 0) out << "events: " << MailNames(MaskOf(m)) << int{mail.generation} << "; ";
  if (mail.ended) out << MailNames(MaskOf(m)) << " ended; ";
}

void DescribeWorker(const State& state, int w, std::ostream& out) {
  const Worker& worker = state.workers[static_cast<std::size_t>(w)];
  if (worker.at == At::kIdle) return;
  out << "W" << w + 1 << " " << AtName(worker.at) << ", " << ItemName(worker.item);
  for (int m = 0; m < kMails; ++m) {
    const Leg leg = worker.legs[static_cast<std::size_t>(m)];
    if (leg != Leg::kDone) out << ", " << MailNames(MaskOf(m)) << " " << LegName(leg);
  }
  out << (worker.leased ? "" : ", no lease") << "; ";
}

void DescribeKeeper(const State& state, int k, std::ostream& out) {
  static constexpr std::array<std::string_view, 4> kNames{"", "releasing", "to take off",
                                                          "to remove the mark"};
  const Keeper& keeper = state.keepers[static_cast<std::size_t>(k)];
  if (keeper.at == Work::kIdle) return;
  out << "K" << k + 1 << " " << kNames[static_cast<std::size_t>(keeper.at)] << "; ";
}

}  // namespace

std::string Describe(const State& state) {
  static constexpr std::array<std::string_view, 5> kLate{"", "a move to the shelf", "a copy", "a release",
                                                         "a taking off"};
  std::ostringstream out;
  DescribeItems(state, out);
  for (int m = 0; m < kMails; ++m) DescribeMail(state, m, out);
  if (state.late != Late::kNothing)
    out << "on its way: " << kLate[static_cast<std::size_t>(state.late)] << "; ";
  for (int w = 0; w < kWorkers; ++w) DescribeWorker(state, w, out);
  for (int k = 0; k < kKeepers; ++k) DescribeKeeper(state, k, out);
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
    if (step.worker != kNobody) out << "W" << step.worker + 1 << " ";
    if (step.keeper != kNobody) out << "K" << step.keeper + 1 << " ";
    if (step.item != kNobody) out << "(" << ItemName(step.item) << ") ";
    out << text.says << "  [" << text.code << "]\n     " << Describe(state) << "\n";
  }
  return out.str();
}

std::string_view Describe(Violation violation) {
  switch (violation) {
    case Violation::kNone:
      return "none";
    case Violation::kDuplicate:
      return "the peer takes a mail once more, and nothing excuses it";
    case Violation::kEndedByOther:
      return "one that does not hold a mail ends it as not delivered, and its holder delivers";
    case Violation::kLost:
      return "a mail never ends: nothing is left that could end it";
    case Violation::kStuck:
      return "from here on there is no way to the end without another fault";
  }
  return "";
}

}  // namespace goniec::model::shelf
