#include "outbound/site/shared_sites.h"

#include <algorithm>
#include <asio/post.hpp>
#include <future>
#include <utility>

#include "common/base/spawn.h"
#include "common/base/task_group.h"
#include "common/queue/broker/presence.h"
#include "common/queue/hold/shelf_marks.h"
#include "outbound/site/cluster.h"
#include "outbound/site/keeper.h"

namespace goniec::outbound {
namespace {

// For the presence to be taken back; else it goes by itself.
constexpr std::chrono::seconds kLeaveLimit{3};
// Every request has a limit of its own.
constexpr std::chrono::seconds kEndLimit{10};

}  // namespace

struct SharedSites::State : std::enable_shared_from_this<State> {
  explicit State(SharedSitesParts the_parts)
      : parts(std::move(the_parts)),
        presence(parts.broker, parts.executor, tasks, parts.name, parts.presence_period),
        cluster({parts.executor, parts.broker, tasks, presence, parts.name, parts.metrics}),
        marks(parts.broker, parts.executor, tasks),
        keeper({parts.executor, parts.broker, marks, cluster, parts.router, parts.metrics, parts.lanes,
                parts.slots}) {}

  static asio::awaitable<void> Leave(std::shared_ptr<State> self, std::shared_ptr<std::promise<void>> left) {
    co_await self->presence.Leave();
    left->set_value();
  }

  SharedSitesParts parts;
  TaskGroup tasks;
  queue::Presence presence;
  Cluster cluster;
  queue::ShelfMarks marks;
  Keeper keeper;
  bool started = false;
};

SharedSites::SharedSites(SharedSitesParts parts) : state_(std::make_shared<State>(std::move(parts))) {}

SharedSites::~SharedSites() = default;

void SharedSites::Start(std::function<void()> settled) {
  asio::post(state_->parts.executor, [state = state_, settled = std::move(settled)] {
    state->started = true;
    state->cluster.Start(settled);
    state->keeper.Start();
  });
}

void SharedSites::Leave() {
  const auto left = std::make_shared<std::promise<void>>();
  asio::post(state_->parts.executor, [state = state_, left] {
    state->keeper.Stop();
    if (!state->started) return left->set_value();
    SpawnLogged(state->parts.executor, state->tasks, "leave", State::Leave(state, left));
  });
  (void)left->get_future().wait_for(kLeaveLimit);
  asio::post(state_->parts.executor, [state = state_] {
    state->cluster.Stop();
    state->marks.Stop();
    state->presence.Stop();
  });
  (void)state_->keeper.WaitFor(kEndLimit);
  (void)state_->tasks.WaitFor(kEndLimit);
}

ClusterView& SharedSites::view() {
  return state_->cluster;
}

std::string SharedSites::NameOf(const queue::ShelfPlace& place) const {
  const auto mark = state_->marks.all().find(place);
  if (mark != state_->marks.all().end() && !mark->second.site_name.empty()) return mark->second.site_name;
  const Words::Known* known = state_->cluster.words().Find(place.site);
  return known != nullptr && known->word ? known->word->site() : std::string();
}

asio::awaitable<absl::Status> SharedSites::SeeToMark(queue::ShelfPlace place, std::string site_name) {
  const auto state = state_;
  absl::Status seen = co_await state->marks.SeeTo(place, std::move(site_name));
  if (seen.ok()) state->keeper.Expect(place);
  co_return seen;
}

}  // namespace goniec::outbound
