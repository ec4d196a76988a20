#include "common/queue/hold/shelf.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/await.h"
#include "common/queue/broker/broker.h"
#include "common/queue/streams/stream_state.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::milliseconds kStoreLimit{5'000};
// A page of a lane's subjects, of which there may be millions.
constexpr std::chrono::milliseconds kListLimit{30'000};
// On their way to the broker at once.
constexpr std::size_t kInFlight = 32;
// Of records, in memory at once.
constexpr std::size_t kMostBytes = 4 << 20;
constexpr int kBatch = 256;
// Minutes that are asked one by one; further back all subjects are listed instead.
constexpr std::int64_t kAskedSingly = 10;

// The same for everybody who releases the record. A stream that was made anew has the same sequences, but not
// in the same moment.
std::string IdOf(int lane, const StoredMessage& on_shelf, Probe probe) {
  const std::string kind = probe.epoch > 0 ? absl::StrCat("probe.", probe.epoch) : "release";
  return absl::StrCat(kind, ".", HeldStream(lane), ".", on_shelf.sequence, ".",
                      on_shelf.stored_at.time_since_epoch().count());
}

OutgoingMessage Released(int lane, const StoredMessage& on_shelf, Probe probe) {
  OutgoingMessage message;
  message.subject = ReleasedSubject(on_shelf.subject);
  message.payload = std::make_shared<const std::string>(on_shelf.data);
  message.headers = {{kHeaderMessageId, IdOf(lane, on_shelf, probe)}};
  if (probe.epoch > 0) message.headers.emplace_back(kHeaderProbe, absl::StrCat(probe.epoch));
  return message;
}

// Which of the minutes from `minute` until `until` have anything on the shelf, or may have.
asio::awaitable<absl::StatusOr<std::set<std::int64_t>>> MinutesToAsk(Broker& broker, int lane,
                                                                     std::int64_t minute,
                                                                     std::int64_t until) {
  std::set<std::int64_t> minutes;
  const absl::StatusOr<StreamState> state = co_await ReadStreamState(broker, HeldStream(lane));
  if (!state.ok()) co_return state.status();
  if (state->messages == 0) co_return minutes;
  if (until - minute < kAskedSingly) {
    for (std::int64_t each = minute; each <= until; ++each) minutes.insert(each);
    co_return minutes;
  }
  absl::Status read = co_await ReadSubjects(
      broker, HeldStream(lane), SiteShelfFilter(lane, ""),
      [&](const std::string& subject, std::uint64_t) {
        const std::optional<OnShelf> shelf = ParseHeld(subject);
        if (shelf && shelf->minute >= minute && shelf->minute <= until) minutes.insert(shelf->minute);
      },
      kListLimit);
  if (!read.ok()) co_return read;
  co_return minutes;
}

// By the leader: a replica that lags shows nothing of what came last.
asio::awaitable<absl::StatusOr<bool>> NothingLeft(Broker& broker, int lane, std::string filter) {
  const absl::StatusOr<StoredMessage> next =
      co_await GetNextMessage(broker, HeldStream(lane), std::move(filter));
  if (next.ok()) co_return false;
  if (absl::IsNotFound(next.status())) co_return true;
  co_return next.status();
}

// Of one minute, as long as there is room, which it takes. True once there are no more of them.
asio::awaitable<absl::StatusOr<bool>> EmptyMinute(Broker& broker, int lane, std::int64_t minute,
                                                  OverdueRoom& room, int& released) {
  const std::string filter = ShelfMinuteFilter(lane, minute);
  std::uint64_t from = 1;
  while (room.records > 0 && room.bytes > 0) {
    const int size = static_cast<int>(std::min<std::size_t>(kBatch, room.records));
    const absl::StatusOr<DirectBatch> batch =
        co_await GetDirectBatch(broker, HeldStream(lane), filter, size, std::nullopt, from, kMostBytes);
    if (!batch.ok()) co_return batch.status();
    if (batch->messages.empty()) co_return co_await NothingLeft(broker, lane, filter);
    const std::size_t stored = co_await ReleaseAll(broker, lane, batch->messages);
    if (stored > 0) {
      absl::Status taken = co_await TakeOff(broker, lane, batch->messages, stored);
      if (!taken.ok()) co_return taken;
      released += static_cast<int>(stored);
      room.records -= std::min(room.records, stored);
      for (std::size_t i = 0; i < stored; ++i) {
        room.bytes -= std::min(room.bytes, batch->messages[i].data.size());
      }
      from = batch->messages[stored - 1].sequence + 1;
    }
    if (stored < batch->messages.size()) {
      co_return absl::UnavailableError("a record that is due on its shelf could not be released");
    }
    if (batch->pending == 0) co_return co_await NothingLeft(broker, lane, filter);
  }
  co_return false;
}

}  // namespace

asio::awaitable<absl::StatusOr<std::vector<StoredMessage>>> ReadShelf(Broker& broker, ShelfPlace place,
                                                                      std::uint64_t from_sequence,
                                                                      std::size_t most) {
  std::vector<StoredMessage> records;
  std::uint64_t from = std::max<std::uint64_t>(from_sequence, 1);
  std::size_t bytes = 0;
  while (records.size() < most && bytes < kMostBytes) {
    const int size = static_cast<int>(std::min<std::size_t>(kBatch, most - records.size()));
    absl::StatusOr<DirectBatch> batch = co_await GetDirectBatch(
        broker, HeldStream(place.lane), ShelfFilter(place), size, std::nullopt, from, kMostBytes - bytes);
    if (!batch.ok()) co_return batch.status();
    for (StoredMessage& stored : batch->messages) {
      from = stored.sequence + 1;
      bytes += stored.data.size();
      records.push_back(std::move(stored));
    }
    if (batch->messages.empty() || batch->pending == 0) break;
  }
  co_return records;
}

asio::awaitable<bool> ShelfIsEmpty(Broker& broker, ShelfPlace place) {
  const absl::StatusOr<bool> nothing = co_await NothingLeft(broker, place.lane, ShelfFilter(place));
  co_return nothing.ok() && *nothing;
}

asio::awaitable<absl::Status> Release(Broker& broker, int lane, StoredMessage on_shelf, Probe probe) {
  const PublishResult result =
      co_await PublishAcknowledged(broker, Released(lane, on_shelf, probe), kStoreLimit);
  co_return result.status;
}

asio::awaitable<std::size_t> ReleaseAll(Broker& broker, int lane,
                                        const std::vector<StoredMessage>& on_shelf) {
  std::size_t done = 0;
  while (done < on_shelf.size()) {
    const std::size_t count = std::min(kInFlight, on_shelf.size() - done);
    std::vector<OutgoingMessage> messages;
    for (std::size_t i = 0; i < count; ++i) messages.push_back(Released(lane, on_shelf[done + i], {}));
    const std::vector<PublishResult> results =
        co_await PublishTogether(broker, std::move(messages), kStoreLimit);
    const auto failed = std::find_if(results.begin(), results.end(), [](const PublishResult& result) {
      return result.state != PublishState::kStored;
    });
    done += static_cast<std::size_t>(failed - results.begin());
    if (failed != results.end()) break;
  }
  co_return done;
}

std::map<std::string, std::uint64_t> LastOfSubjects(const std::vector<StoredMessage>& on_shelf,
                                                    std::size_t count) {
  std::map<std::string, std::uint64_t> last;
  for (std::size_t i = 0; i < std::min(count, on_shelf.size()); ++i) {
    std::uint64_t& of_subject = last[on_shelf[i].subject];
    of_subject = std::max(of_subject, on_shelf[i].sequence);
  }
  return last;
}

asio::awaitable<absl::Status> TakeOff(Broker& broker, int lane, const std::vector<StoredMessage>& on_shelf,
                                      std::size_t count) {
  const std::map<std::string, std::uint64_t> subjects = LastOfSubjects(on_shelf, count);
  for (auto next = subjects.begin(); next != subjects.end();) {
    std::vector<ApiCall> calls;
    for (; next != subjects.end() && calls.size() < kInFlight; ++next) {
      const nlohmann::json purge = {{"filter", next->first}, {"seq", next->second + 1}};
      calls.push_back({absl::StrCat("STREAM.PURGE.", HeldStream(lane)), purge.dump()});
    }
    absl::Status taken = co_await CallTogether(broker, std::move(calls));
    if (!taken.ok()) co_return taken;
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> TakeOff(Broker& broker, int lane, const StoredMessage& on_shelf) {
  // Others may lie under its subject, before it too: no purge.
  const std::uint64_t sequence = on_shelf.sequence;
  const std::string subject = on_shelf.subject;
  const absl::StatusOr<std::string> deleted =
      co_await CallApi(broker, absl::StrCat("STREAM.MSG.DELETE.", HeldStream(lane)),
                       absl::StrCat(R"({"seq":)", sequence, R"(,"no_erase":true})"));
  if (deleted.ok()) co_return absl::OkStatus();
  const absl::StatusOr<StoredMessage> there =
      co_await GetNextMessage(broker, HeldStream(lane), subject, sequence);
  const bool gone = absl::IsNotFound(there.status()) || (there.ok() && there->sequence != sequence);
  co_return gone ? absl::OkStatus() : deleted.status();
}

asio::awaitable<absl::StatusOr<std::map<ShelfPlace, ShelfCount>>> CountShelves(Broker& broker, int lane,
                                                                               std::string site) {
  std::map<ShelfPlace, ShelfCount> counts;
  absl::Status read = co_await ReadSubjects(broker, HeldStream(lane), SiteShelfFilter(lane, site),
                                            [&](const std::string& subject, std::uint64_t messages) {
                                              std::optional<OnShelf> shelf = ParseHeld(subject);
                                              if (!shelf) return;
                                              const WallTime back{std::chrono::minutes(shelf->minute)};
                                              const auto [count, first] = counts.try_emplace(
                                                  std::move(shelf->place), ShelfCount{0, back});
                                              count->second.records += messages;
                                              count->second.earliest = std::min(count->second.earliest, back);
                                            });
  if (!read.ok()) co_return read;
  co_return counts;
}

asio::awaitable<absl::Status> ListReleased(
    Broker& broker, int lane, std::function<void(const ShelfPlace& place, std::uint64_t records)> each) {
  co_return co_await ReadSubjects(broker, WaitStream(lane), ReleasedFilter(lane),
                                  [&each](const std::string& subject, std::uint64_t messages) {
                                    if (const auto shelf = ParseHeld(subject)) each(shelf->place, messages);
                                  });
}

asio::awaitable<absl::StatusOr<std::map<ShelfPlace, std::uint64_t>>> CountReleased(Broker& broker, int lane) {
  std::map<ShelfPlace, std::uint64_t> counts;
  absl::Status read = co_await ListReleased(
      broker, lane, [&counts](const ShelfPlace& place, std::uint64_t records) { counts[place] += records; });
  if (!read.ok()) co_return read;
  co_return counts;
}

asio::awaitable<absl::StatusOr<MinuteReleased>> ReleaseMinute(Broker& broker, int lane, std::int64_t minute,
                                                              OverdueRoom room) {
  MinuteReleased released;
  const absl::StatusOr<bool> emptied = co_await EmptyMinute(broker, lane, minute, room, released.records);
  if (!emptied.ok()) co_return emptied.status();
  released.all = *emptied;
  co_return released;
}

asio::awaitable<absl::StatusOr<int>> ReleaseOverdue(Broker& broker, int lane, OverdueMinutes& minutes,
                                                    OverdueRoom room) {
  const std::int64_t now = MinuteOf(broker.Now());
  int released = 0;
  while (minutes.next <= now) {
    if (minutes.next > minutes.listed_to) {
      absl::StatusOr<std::set<std::int64_t>> listed = co_await MinutesToAsk(broker, lane, minutes.next, now);
      if (!listed.ok()) co_return listed.status();
      minutes.listed = *std::move(listed);
      minutes.listed_from = minutes.next;
      minutes.listed_to = now;
      minutes.again = now - minutes.next >= kAskedSingly && !minutes.listed.empty();
    }
    while (!minutes.listed.empty()) {
      minutes.next = *minutes.listed.begin();
      const absl::StatusOr<bool> emptied = co_await EmptyMinute(broker, lane, minutes.next, room, released);
      if (!emptied.ok()) co_return emptied.status();
      if (!*emptied) co_return released;
      minutes.listed.erase(minutes.next);
    }
    minutes.next = minutes.again ? minutes.listed_from : minutes.listed_to + 1;
    if (minutes.again) minutes.listed_to = minutes.next - 1;
  }
  co_return released;
}

}  // namespace goniec::queue
