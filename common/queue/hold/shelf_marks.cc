#include "common/queue/hold/shelf_marks.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/await.h"
#include "common/base/spawn.h"
#include "common/base/task_group.h"
#include "common/base/text.h"
#include "common/queue/broker/broker.h"
#include "common/queue/model/stream_settings.h"

namespace goniec::queue {
namespace {

constexpr char kPrefix[] = "shelf";

}  // namespace

std::string MarkKey(const ShelfPlace& place) {
  return absl::StrCat(kPrefix, ".", place.lane, ".", ToAbsl(ClassToken(place.mail_class)), ".", place.site,
                      ".", place.tenant);
}

std::optional<ShelfPlace> PlaceOfMark(std::string_view key) {
  std::vector<std::string> tokens = absl::StrSplit(ToAbsl(key), '.');
  ShelfPlace place;
  if (tokens.size() != 5 || tokens[0] != kPrefix || !absl::SimpleAtoi(tokens[1], &place.lane) ||
      place.lane < 0 || tokens[3].empty() || !IsValidTenant(tokens[4])) {
    return std::nullopt;
  }
  const bool bulk = tokens[2] == ClassToken(MailClass::kBulk);
  if (!bulk && tokens[2] != ClassToken(MailClass::kTransactional)) return std::nullopt;
  place.mail_class = bulk ? MailClass::kBulk : MailClass::kTransactional;
  place.site = std::move(tokens[3]);
  place.tenant = std::move(tokens[4]);
  return place;
}

struct ShelfMarks::State : std::enable_shared_from_this<State> {
  State(Broker& the_broker, asio::any_io_executor the_executor, TaskGroup& the_tasks, Times the_times)
      : broker(the_broker), executor(std::move(the_executor)), tasks(the_tasks), times(the_times) {}

  void OnEntry(const KvEntry& entry);
  void OnCurrent();
  void Learn(const ShelfPlace& place, Mark mark);
  void Forget(const ShelfPlace& place);
  [[nodiscard]] bool IsFresh(const ShelfPlace& place) const;
  asio::awaitable<void> Put(ShelfPlace place, std::string site_name);

  using Waiting = std::vector<std::function<void(absl::Status)>>;

  Broker& broker;
  asio::any_io_executor executor;
  TaskGroup& tasks;
  const Times times;
  std::unique_ptr<KvWatch> watch;
  std::function<void(const ShelfPlace&)> on_change;
  std::map<ShelfPlace, Mark> marks;
  std::set<ShelfPlace> told;                // since the watch began anew, or put since then
  std::map<ShelfPlace, Waiting> under_way;  // puts, and who waits for them
  bool stopped = false;
};

void ShelfMarks::State::OnEntry(const KvEntry& entry) {
  const std::optional<ShelfPlace> place = PlaceOfMark(entry.key);
  if (!place) return;
  const auto known = marks.find(*place);
  // Our own put may be known before the watch tells of what was there earlier. What was not put since the
  // watch began anew is as it is told now: it may be older, of a bucket that was made anew or of a replica
  // that lags.
  if (known != marks.end() && entry.revision < known->second.revision && told.contains(*place)) return;
  if (entry.deleted) return Forget(*place);
  const auto age = std::max<WallTime::duration>(broker.Now() - entry.stored_at, {});
  Learn(*place, {entry.value, entry.revision, BootClock::now() - age});
}

// What was not told is not there any more.
void ShelfMarks::State::OnCurrent() {
  std::vector<ShelfPlace> gone;
  for (const auto& [place, mark] : marks) {
    if (!told.contains(place)) gone.push_back(place);
  }
  for (const ShelfPlace& place : gone) Forget(place);
}

void ShelfMarks::State::Learn(const ShelfPlace& place, Mark mark) {
  told.insert(place);
  const auto [known, is_new] = marks.try_emplace(place, mark);
  const bool changed = is_new || known->second.revision != mark.revision;
  // The broker's clock tells the time of our own put less well than we know it.
  if (!is_new && changed) known->second = std::move(mark);
  if (changed && on_change) on_change(place);
}

void ShelfMarks::State::Forget(const ShelfPlace& place) {
  if (marks.erase(place) > 0 && on_change) on_change(place);
}

bool ShelfMarks::State::IsFresh(const ShelfPlace& place) const {
  const auto known = marks.find(place);
  return known != marks.end() && BootClock::now() - known->second.put_at < times.fresh;
}

asio::awaitable<void> ShelfMarks::State::Put(ShelfPlace place, std::string site_name) {
  const auto self = shared_from_this();
  const BootTime began = BootClock::now();
  const absl::StatusOr<std::uint64_t> stored =
      co_await KvPut(broker, kControlBucket, MarkKey(place), site_name);
  if (stored.ok() && !stopped) {
    const auto known = marks.find(place);
    if (known == marks.end() || known->second.revision < *stored) Learn(place, {site_name, *stored, began});
  }
  const Waiting waiting = std::exchange(under_way[place], {});
  under_way.erase(place);
  for (const auto& done : waiting) done(stored.status());
}

ShelfMarks::ShelfMarks(Broker& broker, asio::any_io_executor executor, TaskGroup& tasks)
    : ShelfMarks(broker, std::move(executor), tasks, Times()) {}

ShelfMarks::ShelfMarks(Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, Times times)
    : state_(std::make_shared<State>(broker, std::move(executor), tasks, times)) {}

ShelfMarks::~ShelfMarks() {
  Stop();
}

void ShelfMarks::Start(std::function<void(const ShelfPlace&)> on_change) {
  State& state = *state_;
  state.on_change = std::move(on_change);
  KvWatch::Events events;
  events.on_entry = [&state](const KvEntry& entry) { state.OnEntry(entry); };
  events.on_current = [&state] { state.OnCurrent(); };
  events.on_restart = [&state] { state.told.clear(); };
  state.watch = std::make_unique<KvWatch>(state.broker, state.executor, state.tasks, kControlBucket,
                                          absl::StrCat(kPrefix, ".>"), std::move(events));
  state.watch->Start();
}

void ShelfMarks::Stop() {
  state_->stopped = true;
  state_->on_change = nullptr;
  if (state_->watch != nullptr) state_->watch->Stop();
}

bool ShelfMarks::current() const {
  return state_->watch != nullptr && state_->watch->current();
}

const std::map<ShelfPlace, ShelfMarks::Mark>& ShelfMarks::all() const {
  return state_->marks;
}

asio::awaitable<absl::Status> ShelfMarks::SeeTo(ShelfPlace place, std::string site_name) {
  const auto state = state_;
  if (state->stopped) co_return absl::CancelledError("marks are not followed any more");
  if (state->IsFresh(place)) co_return absl::OkStatus();
  co_return co_await AwaitCallback<absl::Status>(
      [state, place, site_name](std::function<void(absl::Status)> done) {
        const auto [under_way, first] = state->under_way.try_emplace(place);
        under_way->second.push_back(std::move(done));
        if (first) SpawnLogged(state->executor, state->tasks, "shelf mark", state->Put(place, site_name));
      });
}

asio::awaitable<absl::Status> ShelfMarks::Remove(ShelfPlace place) {
  const auto state = state_;
  const auto known = state->marks.find(place);
  if (known == state->marks.end() || BootClock::now() - known->second.put_at < state->times.kept) {
    co_return absl::OkStatus();
  }
  const std::uint64_t revision = known->second.revision;
  const absl::Status removed = co_await KvDelete(state->broker, kControlBucket, MarkKey(place), revision);
  if (absl::IsAborted(removed)) co_return absl::OkStatus();  // put anew, or taken away by another
  if (!removed.ok()) co_return removed;
  const auto now = state->marks.find(place);
  if (now != state->marks.end() && now->second.revision == revision && !state->stopped) state->Forget(place);
  co_return absl::OkStatus();
}

}  // namespace goniec::queue
