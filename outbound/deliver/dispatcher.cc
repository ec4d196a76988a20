#include "outbound/deliver/dispatcher.h"

#include <utility>

#include "outbound/deliver/site_pool.h"

namespace goniec::outbound {

Dispatcher::Dispatcher(asio::any_io_executor executor, DeliverConfig config,
                       std::shared_ptr<net::TlsClientContext> tls, observe::Metrics& metrics)
    : pool_(std::make_unique<SitePool>(std::move(executor), std::move(config), std::move(tls), metrics)) {}

Dispatcher::~Dispatcher() = default;

void Dispatcher::Deliver(Job job) {
  pool_->Deliver(std::move(job));
}
void Dispatcher::Hold(bool held) {
  pool_->Hold(held);
}
std::size_t Dispatcher::jobs() const {
  return pool_->jobs();
}
std::size_t Dispatcher::connections() const {
  return pool_->connections();
}
asio::awaitable<void> Dispatcher::Drain(std::chrono::milliseconds limit) {
  return pool_->Drain(limit);
}

}  // namespace goniec::outbound
