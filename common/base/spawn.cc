#include "common/base/spawn.h"

#include <asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "common/base/task_group.h"
#include "common/observe/log.h"

namespace goniec {

void SpawnLogged(const asio::any_io_executor& executor, TaskGroup& group, const char* name,
                 asio::awaitable<void> task) {
  if (!group.Enter()) return;
  asio::co_spawn(executor, std::move(task), [&group, name](std::exception_ptr failure) {
    if (failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& e) {
        observe::Error("task ended with an exception", {{"task", name}, {"error", e.what()}});
      } catch (...) {
        observe::Error("task ended with an exception", {{"task", name}, {"error", "unknown"}});
      }
    }
    group.Leave();
  });
}

}  // namespace goniec
