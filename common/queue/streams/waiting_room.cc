#include "common/queue/streams/waiting_room.h"

#include <asio/awaitable.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "common/base/spawn.h"
#include "common/base/task_group.h"
#include "common/observe/log.h"
#include "common/queue/model/config.h"
#include "common/queue/model/stream_settings.h"
#include "common/queue/streams/room_levels.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::milliseconds kEvery{2'000};

std::vector<StreamSettings> WhereMailWaits(const QueueConfig& config) {
  std::vector<StreamSettings> streams = ExpectedStreams(config);
  std::erase_if(streams, [](const StreamSettings& stream) { return !stream.holds_waiting_mail; });
  return streams;
}

}  // namespace

bool WaitingMark::Update(std::optional<std::uint64_t> used, BootTime now) {
  if (used) {
    read_at_ = now;
    mark_.Update(*used, capacity_);
  } else if (now - read_at_ >= kWaitingKnown) {
    mark_.Update(0, capacity_);
  }
  return !mark_.open();
}

struct WaitingRoom::State : std::enable_shared_from_this<State> {
  State(Broker& the_broker, const QueueConfig& config, asio::any_io_executor the_executor,
        TaskGroup& the_tasks)
      : broker(the_broker),
        capacity(config.waiting_memory_bytes),
        mark(capacity),
        streams(WhereMailWaits(config)),
        executor(std::move(the_executor)),
        tasks(the_tasks),
        timer(executor) {}

  asio::awaitable<void> Run();
  void Judge(const std::optional<RoomLevels>& levels);

  Broker& broker;
  const std::uint64_t capacity;
  WaitingMark mark;
  const std::vector<StreamSettings> streams;
  asio::any_io_executor executor;
  TaskGroup& tasks;
  asio::steady_timer timer;
  bool full = false;
  bool stopped = false;
};

asio::awaitable<void> WaitingRoom::State::Run() {
  const auto self = shared_from_this();
  while (!stopped) {
    const std::optional<RoomLevels> levels = co_await ReadRooms(broker, streams);
    if (stopped) break;
    Judge(levels);
    timer.expires_after(kEvery);
    asio::error_code cancelled;  // by Stop()
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

void WaitingRoom::State::Judge(const std::optional<RoomLevels>& levels) {
  std::optional<std::uint64_t> read;
  if (levels) read = levels->used[static_cast<std::size_t>(Room::kWaiting)];
  const bool before = full;
  full = mark.Update(read, BootClock::now());
  if (full == before) return;
  const std::uint64_t used = read.value_or(0);
  if (full) {
    observe::Warn("retries go to the shelf: what waits takes nearly all of queue.waiting_memory",
                  {{"used_bytes", used}, {"waiting_memory", capacity}});
  } else {
    observe::Info("retries go to WAIT again", {{"used_bytes", used}});
  }
}

WaitingRoom::WaitingRoom(Broker& broker, const QueueConfig& config, asio::any_io_executor executor,
                         TaskGroup& tasks)
    : state_(std::make_shared<State>(broker, config, std::move(executor), tasks)) {}

WaitingRoom::~WaitingRoom() {
  Stop();
}

void WaitingRoom::Start() {
  SpawnLogged(state_->executor, state_->tasks, "waiting room", state_->Run());
}

void WaitingRoom::Stop() {
  state_->stopped = true;
  state_->timer.cancel();
}

bool WaitingRoom::full() const {
  return state_->full;
}

}  // namespace goniec::queue
