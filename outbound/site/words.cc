#include "outbound/site/words.h"

#include <array>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/kv.h"
#include "common/queue/model/stream_settings.h"
#include "outbound/site/breaker.h"

namespace goniec::outbound {
namespace {

constexpr std::string_view kPrefix = "site.";
// So many others in a row that were faster are a storm; it is tried again with the next attempt at the site.
constexpr int kMostRounds = 8;

struct SiteGauges {
  explicit SiteGauges(observe::Metrics& metrics)
      : by_state{Make(metrics, "open"), Make(metrics, "closed"), Make(metrics, "probing")} {}
  static observe::Gauge Make(observe::Metrics& metrics, const char* state) {
    return metrics.AddGauge("goniec_sites",
                            "Sites that something is remembered of, by what their keepers say of them.",
                            {{"state", state}});
  }
  void Add(const std::optional<queue::v1::SiteWord>& word, double n) const {
    if (word) by_state.at(static_cast<std::size_t>(ViewOf(*word).state)).Add(n);
  }
  std::array<observe::Gauge, 3> by_state;  // by SiteState
};

}  // namespace

std::string WordKey(std::string_view token) {
  return absl::StrCat(std::string(kPrefix), std::string(token));
}

std::string_view TokenOfWord(std::string_view key) {
  return key.starts_with(kPrefix) ? key.substr(kPrefix.size()) : std::string_view();
}

struct Words::State : std::enable_shared_from_this<State> {
  State(queue::Broker& the_broker, const asio::any_io_executor& executor, TaskGroup& tasks,
        std::string the_writer, observe::Metrics& metrics)
      : broker(the_broker),
        writer(std::move(the_writer)),
        written(metrics.AddCounter("goniec_site_words_total", "Words about sites that this worker wrote.")),
        gauges(metrics),
        watch(broker, executor, tasks, queue::kControlBucket, WordKey(">"),
              {.on_entry = [this](const queue::KvEntry& entry) { OnEntry(entry); },
               .on_current = [this] { OnCurrent(); },
               .on_restart = [this] { OnRestart(); }}) {}

  void OnEntry(const queue::KvEntry& entry);
  void OnCurrent();
  void OnRestart();
  // What the bucket has at `revision`; older news than what is known is dropped.
  void Learn(const std::string& token, std::string_view stored, std::uint64_t revision, bool deleted);
  void Lose(const std::string& token);
  void Changed(const std::string& token) const {
    if (on_change) on_change(token);
  }
  bool Assume(const std::string& token, const Decide& decide);
  void EndAssumption(const std::string& token);
  asio::awaitable<absl::StatusOr<std::uint64_t>> ReadAnew(std::string token, std::string* stored);
  static asio::awaitable<absl::StatusOr<std::optional<Word>>> Change(std::shared_ptr<State> state,
                                                                     std::string token, Decide decide,
                                                                     std::uint64_t epoch);
  static asio::awaitable<absl::StatusOr<std::optional<Word>>> ChangeAssuming(std::shared_ptr<State> state,
                                                                             std::string token, Decide decide,
                                                                             std::uint64_t epoch,
                                                                             bool assuming);

  queue::Broker& broker;
  const std::string writer;
  observe::Counter written;
  SiteGauges gauges;
  std::function<void(const std::string&)> on_change;
  std::unordered_map<std::string, Known> known;
  struct Assumed {
    SiteWord view;
    int changes = 0;  // that have not ended
  };
  std::unordered_map<std::string, Assumed> assumed;
  // Known from before the watch began anew, and not told since.
  std::unordered_set<std::string> untold;
  queue::KvWatch watch;
};

void Words::State::OnEntry(const queue::KvEntry& entry) {
  const std::string token(TokenOfWord(entry.key));
  if (token.empty()) return;
  // Told anew it holds whatever its number: the bucket may have been made anew.
  if (untold.erase(token) > 0) {
    if (const auto it = known.find(token); it != known.end() && entry.revision < it->second.revision) {
      it->second.revision = 0;
    }
  }
  Learn(token, entry.value, entry.revision, entry.deleted);
}

void Words::State::OnCurrent() {
  for (const std::string& token : std::exchange(untold, {})) Lose(token);
}

void Words::State::OnRestart() {
  for (const auto& [token, each] : known) untold.insert(token);
}

void Words::State::Learn(const std::string& token, std::string_view stored, std::uint64_t revision,
                         bool deleted) {
  if (const auto it = known.find(token); it != known.end() && revision <= it->second.revision) return;
  if (deleted) return Lose(token);
  Known& entry = known[token];
  entry.revision = revision;
  entry.later = IsLaterWord(stored);
  if (std::optional<Word> word = ParseWord(stored)) {
    gauges.Add(entry.word, -1);
    entry.word = std::move(word);
    gauges.Add(entry.word, 1);
  } else {
    observe::Warn("a site's word cannot be read: the site stays as it was",
                  {{"site", token}, {"later_version", entry.later}});
  }
  Changed(token);
}

void Words::State::Lose(const std::string& token) {
  const auto it = known.find(token);
  if (it == known.end()) return;
  gauges.Add(it->second.word, -1);
  known.erase(it);
  Changed(token);
}

// The revision that a put must expect, and what stands there.
asio::awaitable<absl::StatusOr<std::uint64_t>> Words::State::ReadAnew(std::string token,
                                                                      std::string* stored) {
  const auto self = shared_from_this();
  const absl::StatusOr<queue::KvEntry> entry =
      co_await queue::KvGet(broker, queue::kControlBucket, WordKey(token));
  stored->clear();
  if (absl::IsNotFound(entry.status())) {
    Lose(token);
    co_return 0;
  }
  if (!entry.ok()) co_return entry.status();
  *stored = entry->value;
  untold.erase(token);
  Learn(token, entry->value, entry->revision, entry->deleted);
  co_return entry->revision;
}

Words::Words(queue::Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, std::string writer,
             observe::Metrics& metrics)
    : state_(std::make_shared<State>(broker, executor, tasks, std::move(writer), metrics)) {}

Words::~Words() {
  Stop();
}

void Words::Start(std::function<void(const std::string& token)> on_change) {
  state_->on_change = std::move(on_change);
  state_->watch.Start();
}

void Words::Stop() {
  state_->on_change = nullptr;
  state_->watch.Stop();
}

bool Words::current() const {
  return state_->watch.current();
}

SiteWord Words::ViewOf(const std::string& token) const {
  if (const auto it = state_->assumed.find(token); it != state_->assumed.end()) return it->second.view;
  const Known* known = Find(token);
  return known != nullptr && known->word ? outbound::ViewOf(*known->word) : SiteWord{};
}

const Words::Known* Words::Find(const std::string& token) const {
  const auto it = state_->known.find(token);
  return it == state_->known.end() ? nullptr : &it->second;
}

const std::unordered_map<std::string, Words::Known>& Words::all() const {
  return state_->known;
}

// ViewOf() says from now on what `decide` makes of the word that is known; false if that is nothing new.
bool Words::State::Assume(const std::string& token, const Decide& decide) {
  const auto it = known.find(token);
  if (it != known.end() && it->second.later) return false;
  const std::optional<Word> next = decide(it != known.end() ? it->second.word : std::nullopt);
  if (!next) return false;
  Assumed& of = assumed[token];
  of.view = outbound::ViewOf(*next);
  ++of.changes;
  Changed(token);
  return true;
}

void Words::State::EndAssumption(const std::string& token) {
  const auto it = assumed.find(token);
  if (it == assumed.end() || --it->second.changes > 0) return;
  assumed.erase(it);
  Changed(token);
}

asio::awaitable<absl::StatusOr<std::optional<Words::Word>>> Words::Change(std::string token, Decide decide,
                                                                          std::uint64_t epoch) {
  const bool assuming = state_->Assume(token, decide);
  return State::ChangeAssuming(state_, std::move(token), std::move(decide), epoch, assuming);
}

asio::awaitable<absl::StatusOr<std::optional<Words::Word>>> Words::State::ChangeAssuming(
    std::shared_ptr<State> state, std::string token, Decide decide, std::uint64_t epoch, bool assuming) {
  absl::StatusOr<std::optional<Word>> changed = co_await Change(state, token, std::move(decide), epoch);
  if (assuming) state->EndAssumption(token);
  co_return changed;
}

asio::awaitable<absl::StatusOr<std::optional<Words::Word>>> Words::State::Change(std::shared_ptr<State> state,
                                                                                 std::string token,
                                                                                 Decide decide,
                                                                                 std::uint64_t epoch) {
  std::string sent;
  std::optional<Word> next;
  std::optional<std::uint64_t> revision;
  absl::Status failed = absl::AbortedError("the site's word changes all the time");
  for (int round = 0; round < kMostRounds; ++round) {
    auto it = state->known.find(token);
    const bool old = it == state->known.end() || !it->second.word || it->second.word->epoch() < epoch;
    if (round > 0 || (epoch > 0 && old)) {
      std::string stored;
      const absl::StatusOr<std::uint64_t> read = co_await state->ReadAnew(token, &stored);
      if (!read.ok()) {
        failed = read.status();
        continue;
      }
      // Our own, whose confirmation was lost.
      if (!sent.empty() && stored == sent) co_return next;
      revision = *read;
      it = state->known.find(token);
    }
    const bool is_known = it != state->known.end();
    if (is_known && it->second.later) co_return std::optional<Word>();
    next = decide(is_known ? it->second.word : std::nullopt);
    if (!next) co_return std::optional<Word>();
    next->set_writer(state->writer);
    sent = next->SerializeAsString();
    const std::uint64_t expected = revision.value_or(is_known ? it->second.revision : 0);
    const absl::StatusOr<std::uint64_t> put =
        co_await queue::KvPut(state->broker, queue::kControlBucket, WordKey(token), sent, expected);
    if (put.ok()) {
      state->written.Add();
      state->untold.erase(token);
      state->Learn(token, sent, *put, false);
      co_return next;
    }
    failed = put.status();
  }
  co_return failed;
}

asio::awaitable<absl::Status> Words::Forget(std::string token) {
  const auto state = state_;
  const auto it = state->known.find(token);
  if (it == state->known.end()) co_return absl::OkStatus();
  const absl::Status deleted =
      co_await queue::KvDelete(state->broker, queue::kControlBucket, WordKey(token), it->second.revision);
  // The watch tells of it.
  co_return absl::IsAborted(deleted) ? absl::OkStatus() : deleted;
}

}  // namespace goniec::outbound
