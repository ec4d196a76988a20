// Bodies whose mail was never accepted: a publisher that gave one up says so on `abandoned.<id>`, and a
// worker deletes its chunks. Should nobody hear it, they go by their time to live.
//
// Listens on the broker's threads; everything else is confined to the worker's executor.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "common/queue/broker/broker.h"

namespace goniec::outbound {

// Calls `abandoned` with the id of each body, on `executor`, until the subscription is gone. Null if the
// broker cannot subscribe.
std::unique_ptr<queue::Subscription> ListenForAbandoned(queue::Broker& broker, asio::any_io_executor executor,
                                                        std::function<void(std::string body_id)> abandoned);

// Deletes the chunks. `owner` is kept meanwhile; `broker` must outlive it.
asio::awaitable<void> PurgeAbandoned(queue::Broker& broker, std::string body_id, std::shared_ptr<void> owner);

}  // namespace goniec::outbound
