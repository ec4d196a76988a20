// The only way to start a coroutine that nobody awaits. Whatever it throws is logged as an error of ours
// instead of vanishing (asio::detached drops exceptions).
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

namespace goniec {

class TaskGroup;

// Runs `task` on `executor`. `name` (a literal) is what the log shows should it throw. The group's Wait()
// ends only after the task has ended. Thread-safe.
void SpawnLogged(const asio::any_io_executor& executor, TaskGroup& group, const char* name,
                 asio::awaitable<void> task);

}  // namespace goniec
