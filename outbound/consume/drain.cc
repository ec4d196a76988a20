#include "outbound/consume/drain.h"

#include <algorithm>
#include <asio/post.hpp>
#include <future>

#include "common/base/clock.h"
#include "common/base/spawn.h"
#include "common/base/task_group.h"

namespace goniec::outbound {

std::chrono::milliseconds WireLimit(std::chrono::milliseconds limit) {
  return limit * 8 / 10;
}

bool DrainBy(const DrainSteps& steps, std::chrono::milliseconds limit,
             std::chrono::milliseconds give_up_limit) {
  const BootTime end = BootClock::now() + limit;
  SpawnLogged(steps.executor, steps.tasks, "drain", steps.finish(WireLimit(limit)));
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - BootClock::now());
  const bool clean = steps.tasks.WaitFor(std::max(left, std::chrono::milliseconds(0)));
  if (!clean) {
    steps.give_up();
    (void)steps.tasks.WaitFor(give_up_limit);
  }
  std::promise<void> ended;
  asio::post(steps.executor, [&] {
    steps.end();
    ended.set_value();
  });
  ended.get_future().wait();
  return clean;
}

}  // namespace goniec::outbound
