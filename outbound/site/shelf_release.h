// Taking records from a shelf (common/queue/hold/shelf.h): those at its head are read, released all at once,
// and taken off as far as that went well. And what is learnt of a record without reading its mails. Called by
// the keeper.
//
// Confined to its executor.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/queue/hold/shelf.h"

namespace goniec {
class TaskGroup;
}
namespace goniec::queue {
class Broker;
}

namespace goniec::outbound {

// Runs all of them, at most `at_once` at a time, and returns when the last has ended. `tasks` is not closed
// meanwhile.
asio::awaitable<void> RunAll(asio::any_io_executor executor, TaskGroup& tasks,
                             std::vector<asio::awaitable<void>> work, std::size_t at_once);

// Mails in a stored record; 1 if it is none of ours.
std::size_t CountMails(std::string_view record);

struct ReleasedFromShelf {
  std::size_t records = 0;
  std::size_t mails = 0;
  // There was nothing.
  bool was_empty = false;
};

// At most `most` records from the head of the shelf on. What could not be taken off is released once more by
// the next call: its id says that it is the same for two minutes, and after that it is looked at. Not OK if
// nothing was released.
asio::awaitable<absl::StatusOr<ReleasedFromShelf>> ReleaseFromShelf(queue::Broker& broker,
                                                                    queue::ShelfPlace place,
                                                                    std::size_t most);

}  // namespace goniec::outbound
