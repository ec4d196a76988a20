#include "common/queue/streams/store_level.h"

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/base/task_group.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/broker.h"
#include "common/queue/model/admission.h"
#include "common/queue/model/config.h"
#include "common/queue/model/stream_settings.h"
#include "common/queue/streams/room_levels.h"

namespace goniec::queue {
namespace {

// With many streams less often, so that the asking stays a small part of the broker's work.
constexpr std::chrono::milliseconds kEvery{1'000};
constexpr std::chrono::milliseconds kForEachStream{50};
constexpr std::chrono::seconds kStopLimit{10};

std::vector<StreamSettings> StreamsOf(const QueueConfig& config) {
  std::vector<StreamSettings> streams = ExpectedStreams(config);
  std::erase_if(streams, [](const StreamSettings& stream) { return stream.is_bucket; });
  return streams;
}

// By room and by class.
template <typename Make>
std::array<observe::Gauge, kRooms> ByRoom(Make make) {
  return {make(Room::kQueue), make(Room::kEvents), make(Room::kWaiting)};
}

// What it takes to go on.
const char* MendOf(Room room) {
  switch (room) {
    case Room::kQueue:
      break;
    case Room::kEvents:
      return "raise queue.event_budget (and queue.capacity), or lower the lives of mail and then "
             "queue.event_retention_least";
    case Room::kWaiting:
      return "see why mail is deferred, or raise queue.waiting_memory and the memory of nats-server";
  }
  return "deliver what waits, or raise queue.capacity and what lies above it";
}

}  // namespace

struct StoreLevel::State : std::enable_shared_from_this<State> {
  State(Broker& the_broker, const QueueConfig& config, observe::Metrics& metrics,
        asio::any_io_executor the_executor)
      : broker(the_broker),
        capacities{config.MailCapacity(), config.EventBudget(), config.waiting_memory_bytes},
        streams(StreamsOf(config)),
        executor(std::move(the_executor)),
        used_gauge(metrics.AddGauge("goniec_store_used_bytes", "Bytes that all streams take together.")),
        waiting_gauge(
            metrics.AddGauge("goniec_waiting_mails", "Mails in WAIT: not yet due, or due and not taken.")),
        held_gauge(
            metrics.AddGauge("goniec_held_records",
                             "Records in HELD, of 1 to 64 mails each: on the shelf of a site that is slow "
                             "or closed, or waiting for a time.")),
        room_gauges(ByRoom([&](Room room) {
          return metrics.AddGauge(
              "goniec_room_used_bytes",
              "Bytes taken by mail on the disk (queue), by events, and, as an estimate, of the "
              "broker's memory by waiting mail.",
              {{"room", std::string(RoomToken(room))}});
        })),
        full_gauges(ByRoom([&](Room room) {
          return metrics.AddGauge("goniec_store_full",
                                  "1 while this room is too full for new mail of some class.",
                                  {{"room", std::string(RoomToken(room))}});
        })),
        accepting{AcceptingGauge(metrics, MailClass::kTransactional),
                  AcceptingGauge(metrics, MailClass::kBulk)},
        timer(executor),
        admission(capacities) {
    metrics.AddGauge("goniec_store_capacity_bytes", "queue.capacity.")
        .Set(static_cast<double>(config.capacity_bytes));
    const auto limits = ByRoom([&](Room room) {
      return metrics.AddGauge("goniec_room_capacity_bytes", "What goniec_room_used_bytes may reach.",
                              {{"room", std::string(RoomToken(room))}});
    });
    for (std::size_t i = 0; i < kRooms; ++i) limits[i].Set(static_cast<double>(capacities[i]));
    for (const observe::Gauge& gauge : accepting) gauge.Set(1);
  }

  static observe::Gauge AcceptingGauge(observe::Metrics& metrics, MailClass mail_class) {
    return metrics.AddGauge("goniec_store_accepting", "1 while there is room for new mail of this class.",
                            {{"class", std::string(ClassToken(mail_class))}});
  }

  asio::awaitable<void> Run();
  void Judge();
  void Tell(MailClass mail_class, std::optional<Room> before, std::optional<Room> now) const;
  [[nodiscard]] Rooms Level() const {
    Rooms level;
    for (std::size_t i = 0; i < kRooms; ++i) level[i] = used[i];
    level[0] += added;
    return level;
  }
  [[nodiscard]] int Percent(Room room) const {
    const auto at = static_cast<std::size_t>(room);
    return static_cast<int>(static_cast<double>(Level()[at]) * 100.0 / static_cast<double>(capacities[at]));
  }
  std::atomic<std::optional<Room>>& FullFor(MailClass mail_class) {
    return mail_class == MailClass::kBulk ? full_for_bulk : full_for_transactional;
  }

  Broker& broker;
  const Rooms capacities;
  const std::vector<StreamSettings> streams;
  asio::any_io_executor executor;
  observe::Gauge used_gauge;
  observe::Gauge waiting_gauge;
  observe::Gauge held_gauge;
  std::array<observe::Gauge, kRooms> room_gauges;
  std::array<observe::Gauge, kRooms> full_gauges;
  std::array<observe::Gauge, 2> accepting;  // transactional, bulk
  asio::steady_timer timer;
  TaskGroup tasks;
  bool stopped = false;

  std::array<std::atomic<std::uint64_t>, kRooms> used{};  // as last read
  std::atomic<std::uint64_t> added{0};                    // to the queue, by this process since
  std::atomic<std::optional<Room>> full_for_transactional{};
  std::atomic<std::optional<Room>> full_for_bulk{};
  std::mutex mutex;  // the marks
  Admission admission;
};

asio::awaitable<void> StoreLevel::State::Run() {
  const auto self = shared_from_this();
  const auto every = std::max(kEvery, kForEachStream * static_cast<int>(streams.size()));
  while (!stopped) {
    // What is stored while the streams are asked may be counted twice, for one round: on the safe side.
    const std::uint64_t before = added;
    const std::optional<RoomLevels> read = co_await ReadRooms(broker, streams);
    // If one of the streams could not be read, what is known stands.
    if (read.has_value()) {
      for (std::size_t i = 0; i < kRooms; ++i) used[i] = read->used[i];
      added -= before;
      waiting_gauge.Set(static_cast<double>(read->waiting_mails));
      held_gauge.Set(static_cast<double>(read->held_records));
      Judge();
    }
    if (stopped) break;
    timer.expires_after(every);
    asio::error_code cancelled;  // by Stop()
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

void StoreLevel::State::Judge() {
  const std::lock_guard lock(mutex);
  const Rooms level = Level();
  used_gauge.Set(static_cast<double>(level[0] + level[1]));
  for (std::size_t i = 0; i < kRooms; ++i) room_gauges[i].Set(static_cast<double>(level[i]));
  admission.Update(level);
  for (const MailClass mail_class : {MailClass::kTransactional, MailClass::kBulk}) {
    const std::optional<Room> now = admission.Full(mail_class);
    const std::optional<Room> before = FullFor(mail_class).exchange(now);
    Tell(mail_class, before, now);
  }
  for (std::size_t i = 0; i < kRooms; ++i) full_gauges[i].Set(admission.IsFull(static_cast<Room>(i)) ? 1 : 0);
}

void StoreLevel::State::Tell(MailClass mail_class, std::optional<Room> before,
                             std::optional<Room> now) const {
  if (before == now) return;
  accepting[mail_class == MailClass::kBulk ? 1 : 0].Set(now.has_value() ? 0 : 1);
  const std::string_view name = ClassToken(mail_class);
  if (!now.has_value()) return observe::Info("acceptance goes on", {{"class", name}});
  observe::Warn("acceptance stops", {{"class", name},
                                     {"full", RoomToken(*now)},
                                     {"used_percent", Percent(*now)},
                                     {"reason", Message(FullStatus(*now, Percent(*now)))},
                                     {"mend", MendOf(*now)}});
}

StoreLevel::StoreLevel(Broker& broker, const QueueConfig& config, observe::Metrics& metrics,
                       asio::any_io_executor executor)
    : state_(std::make_shared<State>(broker, config, metrics, std::move(executor))) {}

StoreLevel::~StoreLevel() = default;

void StoreLevel::Start() {
  SpawnLogged(state_->executor, state_->tasks, "store level", state_->Run());
}

void StoreLevel::Stop() {
  asio::post(state_->executor, [state = state_] {
    state->stopped = true;
    state->timer.cancel();
  });
  // Every wait in it has a limit of its own.
  (void)state_->tasks.WaitFor(kStopLimit);
}

absl::Status StoreLevel::Admit(MailClass mail_class) const {
  const std::optional<Room> full = state_->FullFor(mail_class);
  return full.has_value() ? FullStatus(*full, state_->Percent(*full)) : absl::OkStatus();
}

void StoreLevel::Added(std::uint64_t bytes) {
  state_->added += bytes;
  // Only towards less: going on waits for a reading.
  if (state_->Level()[0] * 100 >= state_->capacities[0] * kRoomMarks[0].bulk) state_->Judge();
}

}  // namespace goniec::queue
