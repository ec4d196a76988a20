#include "outbound/consume/abandoned.h"

#include <asio/post.hpp>
#include <utility>

#include "absl/status/status.h"
#include "common/observe/log.h"
#include "common/queue/publish/body_store.h"

namespace goniec::outbound {

std::unique_ptr<queue::Subscription> ListenForAbandoned(queue::Broker& broker, asio::any_io_executor executor,
                                                        std::function<void(std::string body_id)> abandoned) {
  auto subscribed = broker.Subscribe(
      "abandoned.*", [executor, abandoned = std::move(abandoned)](const queue::IncomingMessage& message) {
        asio::post(executor, [abandoned, id = message.subject.substr(message.subject.find('.') + 1)] {
          abandoned(id);
        });
      });
  return subscribed.ok() ? *std::move(subscribed) : nullptr;
}

asio::awaitable<void> PurgeAbandoned(queue::Broker& broker, std::string body_id,
                                     std::shared_ptr<void> owner) {
  const absl::Status deleted = co_await queue::DeleteBody(broker, body_id);
  observe::Debug("abandoned body purged", {{"body", body_id}, {"ok", deleted.ok()}});
}

}  // namespace goniec::outbound
