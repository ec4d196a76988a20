// A site's word among two processes, each worker and keeper: the functions of outbound/site/breaker.h as they
// are, with a watch that lags, compare-and-set, lost answers and frozen keepers around them. All
// interleavings, for ever: epochs are numbered anew in each state, for only their order counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/queue/model/timestamps.h"
#include "outbound/site/breaker.h"
#include "tests/model/exploration.h"

namespace goniec::model {
namespace {

using outbound::SiteState;
using Proto = queue::v1::SiteWord;

constexpr WallTime kNow{std::chrono::hours(1'000'000)};
constexpr int kProcesses = 2;
constexpr int kProbes = 2;

// Epoch 0: there is none, the site is open.
struct Word {
  SiteState state = SiteState::kOpen;
  std::uint8_t epoch = 0;
  bool operator==(const Word&) const = default;
};

enum class Attempt : std::uint8_t { kNone, kRunning, kWorked, kFailed };

struct Process {
  Word known;
  Attempt attempt = Attempt::kNone;
  std::uint8_t epoch = 0;    // in which the attempt began
  std::uint8_t probe = 0;    // it is the probe of that epoch
  std::uint8_t release = 0;  // has begun the probe of this epoch and is about to release it; 0: no
  std::uint8_t frozen = 0;
};

enum class Violation { kNone, kSecondProbe, kOldAnswer, kLost, kStuck };

struct State {
  Word word;
  std::uint8_t due = 0;  // the next probe's time has come
  std::array<Process, kProcesses> processes;
  std::array<std::uint8_t, kProbes> probes{};  // released, by epoch; 0: none
  std::uint8_t probed = 0;                     // the last epoch in which a probe was begun
  std::uint8_t faults = 0;
  Violation violation = Violation::kNone;
};

enum class Rule {
  kProbeByCompareAndSet,
  kAnswerByCompareAndSet,
  kFailureOfItsEpoch,
  kProbeOfItsEpoch,
  kUnansweredReleasesNothing,
  kLostProbeEnds
};

struct Options {
  std::optional<Rule> without;
  int max_faults = 2;
  [[nodiscard]] bool Has(Rule rule) const { return without != rule; }
};

enum Action : std::size_t {
  kBegin,
  kTimePasses,
  kHears,
  kAttempts,
  kEnds,
  kTells,
  kTellsUnanswered,
  kGivesUp,
  kBeginsProbe,
  kBeginsProbeUnanswered,
  kReleases,
  kFreezes,
  kThaws,
  kCrashes,
  kProbeArrives,
  kProbeGoesBack,
  kProbeIsLost,
  kActions
};

struct Step {
  Action action = kBegin;
  bool fault = false;
};
struct Successor {
  State state;
  Step step;
};

template <typename Visitor>
void VisitEpochs(State& state, Visitor visit) {
  visit(state.word.epoch);
  for (Process& process : state.processes) {
    visit(process.known.epoch);
    visit(process.epoch);
    visit(process.release);
  }
  for (auto& probe : state.probes) visit(probe);
  visit(state.probed);
}

// Epochs from 1 on, in their order; 0 stays.
State Renumbered(State state) {
  std::map<int, int> numbers;
  VisitEpochs(state, [&](std::uint8_t& epoch) { numbers[epoch] = 0; });
  numbers.erase(0);
  int next = 0;
  for (auto& [epoch, number] : numbers) number = ++next;
  VisitEpochs(state, [&](std::uint8_t& epoch) {
    if (epoch != 0) epoch = static_cast<std::uint8_t>(numbers[epoch]);
  });
  std::sort(state.probes.begin(), state.probes.end());
  return state;
}

std::optional<Proto> ProtoOf(const Word& word, bool due) {
  if (word.epoch == 0) return std::nullopt;
  static constexpr std::array kStates{Proto::STATE_OPEN, Proto::STATE_CLOSED, Proto::STATE_PROBING};
  Proto proto;
  proto.set_version(1);
  proto.set_state(kStates[static_cast<std::size_t>(word.state)]);
  proto.set_epoch(word.epoch);
  *proto.mutable_since() = queue::ToProto(kNow - std::chrono::minutes(1));
  if (word.state == SiteState::kClosed) {
    *proto.mutable_next_probe_time() =
        queue::ToProto(due ? kNow - std::chrono::seconds(1) : kNow + std::chrono::hours(1));
  }
  return proto;
}

std::optional<Word> WordOf(const std::optional<Proto>& proto) {
  if (!proto) return std::nullopt;
  const outbound::SiteWord view = outbound::ViewOf(*proto);
  return Word{view.state, static_cast<std::uint8_t>(view.epoch)};
}

class Words {
 public:
  Words(const Options& options, const State& from, std::vector<Successor>& out)
      : options_(options), from_(from), out_(out) {}

  void Expand() {
    if (from_.violation != Violation::kNone) return;
    State next = from_;
    if (!next.due && next.word.state == SiteState::kClosed) {
      next.due = 1;
      Add(next, kTimePasses);
    }
    for (int p = 0; p < kProcesses; ++p) ExpandProcess(p);
  }

 private:
  void Add(State state, Action action, bool fault = false) {
    if (fault && ++state.faults > options_.max_faults) return;
    out_.push_back({Renumbered(state), {action, fault}});
  }
  static Process& In(State& state, int p) { return state.processes[static_cast<std::size_t>(p)]; }

  void ExpandProcess(int p) {
    State next = from_;
    const Process& process = In(next, p);
    if (process.frozen) {
      In(next, p).frozen = 0;
      return Add(next, kThaws);
    }
    State crashed = from_;
    In(crashed, p) = {.known = crashed.word};
    Add(crashed, kCrashes, true);
    if (!(process.known == next.word)) {
      In(next, p).known = next.word;
      Add(next, kHears);
    }
    if (process.release != 0) return Release(p);
    if (process.attempt == Attempt::kNone) Begin(p);
    if (process.attempt == Attempt::kRunning) End(p);
    if (process.attempt == Attempt::kWorked || process.attempt == Attempt::kFailed) Tell(p);
    Keep(p);
  }

  void Begin(int p) {
    State next = from_;
    Process& process = In(next, p);
    if (process.known.state == SiteState::kOpen) {
      process.attempt = Attempt::kRunning;
      process.epoch = process.known.epoch;
      Add(next, kAttempts);
    }
    for (std::size_t i = 0; i < kProbes; ++i) {
      if (from_.probes[i] != 0) TakeProbe(p, i);
    }
  }

  void TakeProbe(int p, std::size_t i) {
    State next = from_;
    Process& process = In(next, p);
    const std::uint8_t epoch = next.probes[i];
    next.probes[i] = 0;
    Add(next, kProbeGoesBack);
    if (process.known.state != SiteState::kProbing || process.known.epoch != epoch) return;
    process.attempt = Attempt::kRunning;
    process.epoch = epoch;
    process.probe = 1;
    if (next.probed == epoch) next.violation = Violation::kSecondProbe;
    next.probed = epoch;
    Add(next, kProbeArrives);
  }

  void End(int p) {
    for (const Attempt end : {Attempt::kWorked, Attempt::kFailed}) {
      State next = from_;
      In(next, p).attempt = end;
      Add(next, kEnds);
    }
  }

  // What it says of the word that it knows; an older one than its attempt's is read anew.
  void Tell(int p) {
    State next = from_;
    Process& process = In(next, p);
    if (process.known.epoch < process.epoch) return;
    const std::optional<Word> word = Told(process);
    const bool current = process.known == next.word || !options_.Has(Rule::kAnswerByCompareAndSet);
    if (word && current) {
      Store(next, p, *word);
      if (IsOld(process)) next.violation = Violation::kOldAnswer;
      State unanswered = next;
      Add(unanswered, kTellsUnanswered, true);
    } else if (word) {
      return;  // refused; it hears of the newer word first
    }
    Forget(In(next, p));
    Add(next, word ? kTells : kGivesUp);
  }
  [[nodiscard]] bool IsOld(const Process& process) const { return process.epoch != from_.word.epoch; }
  static void Forget(Process& process) {
    process.attempt = Attempt::kNone;
    process.epoch = 0;
    process.probe = 0;
  }

  [[nodiscard]] std::optional<Word> Told(const Process& process) const {
    const bool worked = process.attempt == Attempt::kWorked;
    const Rule rule = worked ? Rule::kProbeOfItsEpoch : Rule::kFailureOfItsEpoch;
    const std::uint8_t epoch = options_.Has(rule) ? process.epoch : process.known.epoch;
    const std::optional<Proto> known = ProtoOf(process.known, from_.due != 0);
    if (worked) return WordOf(outbound::AfterSuccess(known, epoch, kNow));
    return WordOf(outbound::AfterFailure(known, "mx.example", epoch, {}, kNow, 0.5));
  }

  // Another's put in between is lost without compare-and-set, and its epoch is used again.
  static void Store(State& state, int p, const Word& word) {
    state.word = word;
    state.due = 0;
    In(state, p).known = word;
  }

  void Keep(int p) {
    State next = from_;
    Process& process = In(next, p);
    const bool current = process.known == next.word || !options_.Has(Rule::kProbeByCompareAndSet);
    const std::optional<Proto> known = ProtoOf(process.known, next.due != 0);
    if (!current) return;
    if (const auto word = WordOf(outbound::BeginProbe(known, "keeper", kNow))) {
      Store(next, p, *word);
      State unanswered = next;
      if (!options_.Has(Rule::kUnansweredReleasesNothing)) {
        In(unanswered, p).release = word->epoch;
        In(unanswered, 1 - p).release = word->epoch;
      }
      Add(unanswered, kBeginsProbeUnanswered, true);
      In(next, p).release = word->epoch;
      Add(next, kBeginsProbe);
    }
    if (options_.Has(Rule::kLostProbeEnds)) EndLostProbe(p);
  }

  // No released record is left, and for so long that no keeper that runs is about to release one.
  void EndLostProbe(int p) {
    State next = from_;
    const bool outstanding =
        std::any_of(next.probes.begin(), next.probes.end(), [](auto e) { return e != 0; }) ||
        std::any_of(next.processes.begin(), next.processes.end(), [](const Process& each) {
          return (each.release != 0 && !each.frozen) || (each.probe && each.attempt == Attempt::kRunning);
        });
    if (outstanding) return;
    const std::optional<Proto> known = ProtoOf(In(next, p).known, next.due != 0);
    const auto word = WordOf(outbound::ProbeLost(known, known ? known->epoch() : 0, kNow, 0.5));
    if (!word || !(In(next, p).known == next.word)) return;
    Store(next, p, *word);
    Add(next, kProbeIsLost);
  }

  void Release(int p) {
    State next = from_;
    Process& process = In(next, p);
    State frozen = next;
    In(frozen, p).frozen = 1;
    Add(frozen, kFreezes, true);
    const auto place = std::find(next.probes.begin(), next.probes.end(), 0);
    if (place == next.probes.end()) return;
    *place = process.release;
    process.release = 0;
    Add(next, kReleases);
  }

  const Options& options_;
  const State& from_;
  std::vector<Successor>& out_;
};

struct WordModel {
  using Options = model::Options;
  using State = model::State;
  using Successor = model::Successor;
  using Violation = model::Violation;
  struct Key {
    std::uint64_t word = 0;
    std::uint64_t processes = 0;
    bool operator==(const Key&) const = default;
  };
  static constexpr std::size_t kActions = model::kActions;

  template <typename S, typename Visitor>
  static void Visit(S& state, Visitor visit) {
    visit(0, state.word.state, 2);
    visit(0, state.word.epoch, 4);
    visit(0, state.due, 1);
    for (auto& probe : state.probes) visit(0, probe, 4);
    visit(0, state.probed, 4);
    visit(0, state.faults, 3);
    visit(0, state.violation, 3);
    for (auto& process : state.processes) {
      visit(1, process.known.state, 2);
      visit(1, process.known.epoch, 4);
      visit(1, process.attempt, 2);
      visit(1, process.epoch, 4);
      visit(1, process.probe, 1);
      visit(1, process.release, 4);
      visit(1, process.frozen, 1);
    }
  }
  static Key Pack(const State& state) {
    std::array<std::uint64_t, 2> words{};
    std::array<int, 2> at{};
    Visit(state, [&](std::size_t word, const auto& value, int bits) {
      words[word] |= static_cast<std::uint64_t>(value) << at[word];
      at[word] += bits;
    });
    return {words[0], words[1]};
  }
  static State Unpack(const Key& key) {
    State state;
    std::array<std::uint64_t, 2> words{key.word, key.processes};
    Visit(state, [&](std::size_t word, auto& value, int bits) {
      value = static_cast<std::remove_reference_t<decltype(value)>>(words[word] & ((1U << bits) - 1));
      words[word] >>= bits;
    });
    return state;
  }
  static std::uint64_t Hash(const Key& key) {
    std::uint64_t mixed = key.word * 0x9e3779b97f4a7c15ULL;
    mixed = ((mixed ^ mixed >> 32) + key.processes) * 0xd6e8feb86659fd93ULL;
    return mixed ^ mixed >> 32;
  }
  static void Expand(const Options& options, const State& state, std::vector<Successor>& out) {
    Words(options, state, out).Expand();
  }
  static bool IsQuiet(const State& state) {
    return state.word.state == SiteState::kOpen &&
           std::all_of(state.processes.begin(), state.processes.end(), [&](const Process& process) {
             return process.known == state.word && process.attempt == Attempt::kNone && process.release == 0;
           });
  }
  static bool IsGoodEnd(const State& state) { return IsQuiet(state); }
};

std::string Text(const ReportOf<WordModel>& report) {
  static constexpr std::array<const char*, 3> kStates{"open", "closed", "probing"};
  static constexpr std::array<const char*, kActions> kNames{"the beginning",
                                                            "time passes",
                                                            "hears of the word",
                                                            "an attempt begins",
                                                            "it ends",
                                                            "tells of it",
                                                            "tells of it, the answer is lost",
                                                            "has nothing to tell",
                                                            "begins a probe",
                                                            "begins a probe, the answer is lost",
                                                            "releases the probe",
                                                            "freezes",
                                                            "thaws",
                                                            "is killed",
                                                            "the probe arrives",
                                                            "the probe goes back to the shelf",
                                                            "the probe is lost"};
  std::string text;
  for (const Successor& taken : report.trace.steps) {
    text += std::string(kNames[taken.step.action]) + ": " +
            kStates[static_cast<std::size_t>(taken.state.word.state)] + " " +
            std::to_string(taken.state.word.epoch) + "\n";
  }
  return text + std::to_string(report.states) + " states\n";
}

TEST(SiteWordModel, OneProbeAnEpochNoOldAnswerAndNeverStuck) {
  const auto report = Explore<WordModel>({});
  EXPECT_EQ(report.violation, Violation::kNone) << Text(report);
  for (std::size_t i = 1; i < kActions; ++i) EXPECT_TRUE(report.actions.test(i)) << i;
}

struct Removal {
  std::string name;
  Rule rule;
  Violation violation;
};

class WithoutRule : public testing::TestWithParam<Removal> {};

TEST_P(WithoutRule, IsMissed) {
  const auto report = ExploreFewestFaults<WordModel>({.without = GetParam().rule});
  EXPECT_EQ(report.violation, GetParam().violation) << Text(report);
}

INSTANTIATE_TEST_SUITE_P(
    SiteWordModel, WithoutRule,
    testing::Values(Removal{"ProbeByCompareAndSet", Rule::kProbeByCompareAndSet, Violation::kSecondProbe},
                    Removal{"AnswerByCompareAndSet", Rule::kAnswerByCompareAndSet, Violation::kOldAnswer},
                    Removal{"FailureOfItsEpoch", Rule::kFailureOfItsEpoch, Violation::kOldAnswer},
                    Removal{"ProbeOfItsEpoch", Rule::kProbeOfItsEpoch, Violation::kOldAnswer},
                    Removal{"UnansweredReleasesNothing", Rule::kUnansweredReleasesNothing,
                            Violation::kSecondProbe},
                    Removal{"LostProbeEnds", Rule::kLostProbeEnds, Violation::kStuck}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace goniec::model
