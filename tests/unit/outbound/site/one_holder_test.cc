// Random lives of a handful of workers that hear of each other through a simulated bucket: they start, stop,
// are killed, stand still, and every message between them takes up to half a period. At no moment may more of
// a limit be in use than there is, and of a limit of one never two. The worker's part and its share are the
// real ones (membership.h, share.h).
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "common/queue/broker/membership.h"
#include "outbound/site/share.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPeriod{3'000};
constexpr milliseconds kStep{100};
constexpr const char* kSites[] = {"a.example", "b.example"};
constexpr std::size_t kLimits[] = {1, 2, 10};

// What a bucket's stream has, with what it had before.
struct Word {
  std::string name;
  std::string text;
  bool gone = false;
  BootTime stored;
};

// A message on its way, to the bucket or back.
template <typename T>
struct Underway {
  BootTime arrives;
  T what;
};

struct Worker {
  Worker(std::string the_name, BootTime now)
      : name(std::move(the_name)), membership(name, kPeriod), next_word(now) {}

  std::string name;
  queue::Membership membership;
  BootTime next_word;
  bool leaving = false;
  bool ended = false;
  BootTime frozen_until;
  // Its connection is cut: what is sent waits, and nothing comes.
  BootTime cut_until;
  std::size_t told = 0;  // words of the bucket that have passed it by
  BootTime last_told;
  std::deque<Underway<Word>> words;
  std::deque<Underway<std::uint64_t>> questions;
  std::deque<Underway<std::pair<std::uint64_t, std::vector<std::string>>>> answers;
  bool asking = false;
};

class Simulation {
 public:
  explicit Simulation(unsigned seed) : random_(seed) {}

  void Run(milliseconds span, bool calm) {
    for (const BootTime end = now_ + span; now_ < end && !testing::Test::HasFailure(); now_ += kStep) {
      calm_ = calm;
      std::erase_if(workers_, [](const Worker& worker) { return worker.ended && worker.words.empty(); });
      if (!calm) Disturb();
      for (Worker& worker : workers_) Arrive(worker);
      for (Worker& worker : workers_) {
        if (Acts(worker)) Act(worker);
      }
      Check();
    }
  }

  // Once all is calm, everybody knows everybody and nothing of a limit is left unused.
  void ExpectSettled() {
    if (Count() == 0) return;
    const std::vector<queue::Members> views = Views();
    for (const std::size_t limit : kLimits) {
      for (const char* site : kSites) {
        EXPECT_EQ(InUse(views, site, limit), limit) << "of " << Count() << " workers";
      }
    }
  }

 private:
  template <typename T>
  T Between(T least, T most) {
    return std::uniform_int_distribution<T>(least, most)(random_);
  }
  milliseconds Delay() {
    return milliseconds(calm_ ? Between<long>(0, 100) : Between<long>(0, kPeriod.count() / 2));
  }
  [[nodiscard]] std::size_t Count() const {
    return static_cast<std::size_t>(std::count_if(workers_.begin(), workers_.end(),
                                                  [](const Worker& w) { return !w.ended && !w.leaving; }));
  }
  [[nodiscard]] bool Acts(const Worker& worker) const { return !worker.ended && now_ >= worker.frozen_until; }

  void Disturb() {
    if (Count() < 4 && Between(0, 150) == 0) workers_.emplace_back(absl::StrCat("w", ++named_), now_);
    for (Worker& worker : workers_) {
      if (!Acts(worker)) continue;
      switch (Between(0, 2'000)) {
        case 0:
        case 1:
          worker.ended = true;
          break;
        case 2:
        case 3:
          Leave(worker);
          break;
        case 4:
        case 5:
        case 6:
          worker.frozen_until = now_ + milliseconds(Between<long>(0, 5 * kPeriod.count()));
          break;
        case 7:
        case 8:
        case 9:
          worker.cut_until = now_ + milliseconds(Between<long>(0, 5 * kPeriod.count()));
          break;
        default:
          break;
      }
    }
  }

  // To the bucket, and to its leader with a question.
  void Arrive(Worker& worker) {
    if (now_ < worker.cut_until) return;
    while (!worker.words.empty() && worker.words.front().arrives <= now_) {
      Word word = worker.words.front().what;
      worker.words.pop_front();
      word.stored = now_;
      last_[word.name] = log_.size();
      log_.push_back(std::move(word));
    }
    while (!worker.questions.empty() && worker.questions.front().arrives <= now_) {
      std::vector<std::string> names;
      for (const auto& [name, at] : last_) names.push_back(name);
      worker.answers.push_back({now_ + Delay(), {worker.questions.front().what, std::move(names)}});
      worker.questions.pop_front();
    }
  }

  void Act(Worker& worker) {
    if (now_ >= worker.cut_until) Listen(worker);
    if (!worker.leaving && worker.next_word <= now_) {
      Send(worker, {worker.name, worker.membership.NextWord(now_), false, {}});
      worker.next_word = now_ + kPeriod;
    }
    if (const auto question = worker.membership.MayBeAlone(now_); question && !worker.asking) {
      worker.asking = true;
      worker.questions.push_back({now_ + Delay(), *question});
    }
  }

  // Words come in order; one that was replaced before it came never comes.
  void Listen(Worker& worker) {
    while (worker.told < log_.size()) {
      const Word& word = log_[worker.told];
      if (last_[word.name] == worker.told) {
        if (worker.last_told == BootTime()) worker.last_told = now_ + Delay();
        if (worker.last_told > std::max(now_, word.stored)) break;
        worker.membership.Heard(word.name, worker.told + 1, word.text, word.gone, now_);
        worker.last_told = BootTime();
      }
      ++worker.told;
    }
    while (!worker.answers.empty() && worker.answers.front().arrives <= now_) {
      worker.membership.LeaderListed(worker.answers.front().what.first, worker.answers.front().what.second);
      worker.answers.pop_front();
      worker.asking = false;
    }
  }

  void Send(Worker& worker, Word word) {
    const BootTime after = worker.words.empty() ? now_ : worker.words.back().arrives;
    worker.words.push_back({std::max(after, now_ + Delay()), std::move(word)});
  }

  void Leave(Worker& worker) {
    if (worker.leaving) return;
    worker.leaving = true;
    worker.membership.Leave();
    Send(worker, {worker.name, "", true, {}});
  }

  // As each that can act sees it now.
  std::vector<queue::Members> Views() {
    std::vector<queue::Members> views;
    for (Worker& worker : workers_) {
      if (Acts(worker)) views.push_back(worker.membership.At(now_));
    }
    return views;
  }

  static std::size_t InUse(const std::vector<queue::Members>& views, const char* site, std::size_t limit) {
    std::size_t sum = 0;
    for (const queue::Members& members : views) {
      if (limit == 1 || members.confirmed) sum += ShareOf(limit, site, members);
    }
    return sum;
  }

  void Check() {
    const std::vector<queue::Members> views = Views();
    for (const char* site : kSites) {
      for (const std::size_t limit : kLimits) {
        ASSERT_LE(InUse(views, site, limit), limit)
            << site << " at " << now_.time_since_epoch().count() / 1'000'000;
      }
      ASSERT_LE(std::count_if(views.begin(), views.end(), [&](const auto& v) { return IsKeeper(site, v); }),
                1);
    }
  }

  std::mt19937 random_;
  bool calm_ = false;
  BootTime now_{std::chrono::hours(1)};
  int named_ = 0;
  std::list<Worker> workers_;
  std::vector<Word> log_;
  std::map<std::string, std::size_t> last_;
};

TEST(OneHolderTest, NoMoreOfALimitIsInUseThanThereIs) {
  for (unsigned seed = 1; seed <= 60 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(seed);
    simulation.Run(std::chrono::minutes(2), false);
    simulation.Run(std::chrono::seconds(40), true);
    simulation.ExpectSettled();
  }
}

}  // namespace
}  // namespace goniec::outbound
