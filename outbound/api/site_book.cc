#include "outbound/api/site_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/await.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/broker/presence.h"
#include "common/queue/hold/shelf.h"
#include "common/queue/hold/shelf_marks.h"
#include "common/queue/model/stream_settings.h"
#include "common/queue/model/subjects.h"
#include "common/queue/model/timestamps.h"
#include "common/queue/streams/stream_state.h"
#include "outbound/site/share.h"
#include "outbound/site/site_report.h"

namespace goniec::outbound {
namespace {

using queue::StoredMessage;

// Reading is at most that part of the time.
constexpr int kFreshFactor = 10;
constexpr int kSmallBatch = 500;
constexpr int kLargeBatch = 4;
constexpr std::string_view kWordPrefix = "site.";
// Others count a worker for three periods after its last word; here it is seen by the broker's clock.
constexpr std::chrono::milliseconds kMemberFresh = queue::kPresencePeriod * 3 + std::chrono::seconds(1);

struct Entry {
  std::string key;
  std::string value;
  WallTime stored_at;
};

// What is there of the keys, at any replica; what was taken away is left out.
asio::awaitable<absl::StatusOr<std::vector<Entry>>> ReadKeys(queue::Broker& broker, std::string bucket,
                                                             std::string keys, int batch_size) {
  const std::string stream = absl::StrCat("KV_", bucket);
  const std::string prefix = absl::StrCat("$KV.", bucket, ".");
  std::vector<Entry> entries;
  std::uint64_t next = 0;
  for (;;) {
    absl::StatusOr<queue::DirectBatch> batch = co_await queue::GetDirectBatch(
        broker, stream, absl::StrCat(prefix, keys), batch_size, std::nullopt, next);
    if (!batch.ok()) co_return batch.status();
    for (StoredMessage& stored : batch->messages) {
      next = stored.sequence + 1;
      if (stored.data.empty()) continue;
      entries.push_back({stored.subject.substr(prefix.size()), std::move(stored.data), stored.stored_at});
    }
    if (batch->messages.empty() || batch->pending == 0) break;
  }
  co_return entries;
}

asio::awaitable<absl::Status> ReadWords(queue::Broker& broker, SiteSources& sources) {
  absl::StatusOr<std::vector<Entry>> entries =
      co_await ReadKeys(broker, queue::kControlBucket, absl::StrCat(ToAbsl(kWordPrefix), "*"), kSmallBatch);
  if (!entries.ok()) co_return entries.status();
  for (Entry& entry : *entries) {
    sources.words[entry.key.substr(kWordPrefix.size())] = std::move(entry.value);
  }
  co_return absl::OkStatus();
}

asio::awaitable<void> ReadNames(queue::Broker& broker, SiteSources& sources) {
  absl::StatusOr<std::vector<Entry>> entries =
      co_await ReadKeys(broker, queue::kControlBucket, "shelf.>", kSmallBatch);
  if (!entries.ok()) co_return;
  sources.names.emplace();
  for (Entry& entry : *entries) {
    if (const auto place = queue::PlaceOfMark(entry.key))
      (*sources.names)[place->site] = std::move(entry.value);
  }
}

asio::awaitable<void> ReadWorkers(queue::Broker& broker, SiteSources& sources) {
  absl::StatusOr<std::vector<Entry>> members =
      co_await ReadKeys(broker, queue::kPresenceBucket, absl::StrCat(queue::kWorkerPrefix, "*"), kSmallBatch);
  if (members.ok()) {
    const WallTime now = broker.Now();
    sources.members.emplace();
    for (const Entry& entry : *members) {
      if (now - entry.stored_at > kMemberFresh) continue;
      sources.members->push_back(entry.key.substr(std::string_view(queue::kWorkerPrefix).size()));
    }
    std::sort(sources.members->begin(), sources.members->end());
  }
  absl::StatusOr<std::vector<Entry>> reports =
      co_await ReadKeys(broker, queue::kPresenceBucket, ReportKey("*"), kLargeBatch);
  if (!reports.ok()) co_return;
  sources.reports.emplace();
  for (Entry& entry : *reports) {
    if (auto worker = WorkerOfReport(entry.key)) (*sources.reports)[*worker] = std::move(entry.value);
  }
}

// All lanes, or nothing.
asio::awaitable<void> ReadShelves(queue::Broker& broker, int lanes, SiteSources& sources) {
  std::map<queue::ShelfPlace, queue::ShelfCount> held;
  std::map<queue::ShelfPlace, std::uint64_t> released;
  bool has_held = true;
  bool has_released = true;
  for (int lane = 0; lane < lanes; ++lane) {
    auto on_shelf = co_await queue::CountShelves(broker, lane, "");
    auto on_the_way = co_await queue::CountReleased(broker, lane);
    has_held = has_held && on_shelf.ok();
    has_released = has_released && on_the_way.ok();
    if (on_shelf.ok()) held.merge(*on_shelf);
    if (on_the_way.ok()) released.merge(*on_the_way);
  }
  if (has_held) sources.held = std::move(held);
  if (has_released) sources.released = std::move(released);
}

asio::awaitable<void> ReadWaiting(queue::Broker& broker, int lanes, SiteSources& sources) {
  std::uint64_t messages = 0;
  for (int lane = 0; lane < lanes; ++lane) {
    const auto state = co_await queue::ReadStreamState(broker, queue::WaitStream(lane));
    if (!state.ok()) co_return;
    messages += state->messages;
  }
  std::uint64_t released = 0;
  for (const auto& [place, records] :
       sources.released.value_or(std::map<queue::ShelfPlace, std::uint64_t>())) {
    released += records;
  }
  sources.waiting = messages - std::min(messages, released);
  if (messages > kMostWaitingCounted) co_return;
  std::map<std::string, std::uint64_t> by_domain;
  for (int lane = 0; lane < lanes; ++lane) {
    const auto state = co_await queue::ReadStreamState(broker, queue::WaitStream(lane), ">");
    if (!state.ok()) co_return;
    for (const auto& [subject, count] : state->subjects) {
      if (auto domain = WaitingDomain(subject)) by_domain[*domain] += count;
    }
  }
  sources.waiting_by_domain = std::move(by_domain);
}

// Those of one domain, whatever comes before it.
std::string WaitingFilter(const char* place, int lane, const std::string& domain) {
  return absl::StrCat(place, ".", lane, ".*.*.*.*.", queue::DomainTokens(domain));
}

std::optional<WallTime> OldestIn(const std::string& record_bytes) {
  queue::v1::Record record;
  if (!record.ParseFromString(record_bytes)) return std::nullopt;
  std::optional<WallTime> oldest;
  for (const queue::v1::Mail& mail : record.mails()) {
    const WallTime accepted = queue::FromProto(mail.accept_time());
    if (!oldest || accepted < *oldest) oldest = accepted;
  }
  return oldest;
}

}  // namespace

// Ends for all who wait, also if it is left by an exception.
class SiteBook::Reading {
 public:
  explicit Reading(SiteBook& book) : book_(book), began_(BootClock::now()) { book_.reading_ = true; }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() {
    book_.reading_ = false;
    const BootTime now = BootClock::now();
    book_.fresh_until_ = now + std::max<BootClock::duration>(book_.fresh_, (now - began_) * kFreshFactor);
    for (auto& waiter : std::exchange(book_.waiters_, {})) waiter(book_.latest_);
  }

 private:
  SiteBook& book_;
  const BootTime began_;
};

SiteBook::SiteBook(queue::Broker& broker, int lanes, std::chrono::milliseconds fresh)
    : broker_(broker),
      lanes_(lanes),
      fresh_(fresh),
      latest_(absl::UnavailableError("the sites have not been read")) {}

asio::awaitable<SiteBook::Result> SiteBook::Read() {
  if (reading_) {
    co_return co_await AwaitCallback<Result>(
        [this](std::function<void(Result)> done) { waiters_.push_back(std::move(done)); });
  }
  if (latest_.ok() && BootClock::now() < fresh_until_) co_return latest_;
  const Reading reading(*this);
  latest_ = absl::UnavailableError("the sites could not be read");
  latest_ = co_await ReadAnew();
  co_return latest_;
}

asio::awaitable<SiteBook::Result> SiteBook::ReadAnew() const {
  SiteSources sources;
  sources.read_at = broker_.Now();
  if (const absl::Status words = co_await ReadWords(broker_, sources); !words.ok()) {
    co_return absl::UnavailableError(
        absl::StrCat("the states of the sites cannot be read: ", ToAbsl(Message(words))));
  }
  co_await ReadNames(broker_, sources);
  co_await ReadWorkers(broker_, sources);
  co_await ReadShelves(broker_, lanes_, sources);
  co_await ReadWaiting(broker_, lanes_, sources);
  co_return std::make_shared<const SiteTable>(
      MakeTable(sources, [](std::string_view site, const std::vector<std::string>& workers) {
        return RankingOf(site, workers).front();
      }));
}

asio::awaitable<absl::StatusOr<WallTime>> SiteBook::OldestOnShelf(std::string site) const {
  WallTime oldest = WallTime::max();
  for (int lane = 0; lane < lanes_; ++lane) {
    const absl::StatusOr<queue::DirectBatch> first = co_await queue::GetDirectBatch(
        broker_, queue::HeldStream(lane), queue::SiteShelfFilter(lane, site), 1, std::nullopt);
    if (!first.ok()) co_return first.status();
    if (first->messages.empty()) continue;
    oldest = std::min(oldest, OldestIn(first->messages.front().data).value_or(oldest));
  }
  co_return oldest;
}

asio::awaitable<bool> SiteBook::AddOldest(v1::ListSitesResponse& page) const {
  for (v1::Site& site : *page.mutable_sites()) {
    if (site.held().transactional_records() + site.held().bulk_records() == 0) continue;
    const absl::StatusOr<WallTime> oldest = co_await OldestOnShelf(site.token());
    if (!oldest.ok()) co_return false;
    if (*oldest == WallTime::max()) continue;
    if (site.has_oldest_time() && queue::FromProto(site.oldest_time()) <= *oldest) continue;
    *site.mutable_oldest_time() = queue::ToProto(*oldest);
  }
  co_return true;
}

asio::awaitable<bool> SiteBook::CountWaiting(v1::Site& site) const {
  std::uint64_t mails = 0;
  for (const std::string& domain : site.domains()) {
    for (int lane = 0; lane < lanes_; ++lane) {
      for (const char* place : {"wait", "due"}) {
        const auto state = co_await queue::ReadStreamState(broker_, queue::WaitStream(lane),
                                                           WaitingFilter(place, lane, domain));
        if (!state.ok()) co_return false;
        for (const auto& [subject, count] : state->subjects) {
          if (WaitingDomain(subject)) mails += count;
        }
      }
    }
  }
  site.set_waiting_mails(static_cast<std::int64_t>(mails));
  co_return true;
}

}  // namespace goniec::outbound
