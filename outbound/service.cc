#include "outbound/service.h"

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/dns/unbound_resolver.h"
#include "common/net/io_threads.h"
#include "common/net/tls_context.h"
#include "common/observe/health.h"
#include "common/observe/http_server.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/queue/broker.h"
#include "common/queue/message_finder.h"
#include "common/queue/publisher.h"
#include "common/queue/publisher_metrics.h"
#include "common/queue/readiness.h"
#include "common/queue/store_level.h"
#include "outbound/api/api_server.h"
#include "outbound/audit/auditor.h"
#include "outbound/consume/worker.h"
#include "outbound/deliver/dispatcher.h"
#include "outbound/route/own_addresses.h"
#include "outbound/route/router.h"

namespace goniec::outbound {

// In the order of construction; destroyed the other way round.
struct Service::State {
  explicit State(OutboundConfig the_config)
      : config(std::move(the_config)), draining(health.Add("draining", "starting")) {}

  absl::Status Start();
  absl::Status ConnectBroker();
  absl::Status StartDelivery();
  absl::Status StartApi();

  OutboundConfig config;
  observe::Metrics metrics;
  observe::Health health;
  observe::Condition draining;
  observe::Condition commits = health.Add("commits", "starting");
  std::unique_ptr<observe::HttpServer> http;
  // One thread delivers: sites, connections and records are confined to it. Another serves API calls.
  net::IoThreads delivery_thread{1, "goniec-deliver"};
  net::IoThreads api_thread{1, "goniec-api"};
  std::unique_ptr<queue::Broker> broker;
  // Reads have a connection of their own, so that they do not wait behind records.
  std::unique_ptr<queue::Broker> reads;
  std::unique_ptr<queue::MessageFinder> finder;
  std::unique_ptr<queue::StoreLevel> level;
  std::unique_ptr<queue::Publisher> publisher;
  std::unique_ptr<queue::Readiness> readiness;
  std::unique_ptr<dns::UnboundResolver> resolver;
  std::unique_ptr<Router> router;
  std::shared_ptr<net::TlsClientContext> tls;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<Worker> worker;
  std::unique_ptr<ApiServer> api;
  std::unique_ptr<Auditor> auditor;
};

absl::Status Service::State::ConnectBroker() {
  absl::StatusOr<std::unique_ptr<queue::Broker>> records =
      queue::Broker::Start(config.queue, absl::StrCat("goniec-outbound ", config.hostname));
  if (!records.ok()) return records.status();
  absl::StatusOr<std::unique_ptr<queue::Broker>> lookups =
      queue::Broker::Start(config.queue, absl::StrCat("goniec-outbound reads ", config.hostname));
  if (!lookups.ok()) return lookups.status();
  broker = *std::move(records);
  reads = *std::move(lookups);
  finder = std::make_unique<queue::MessageFinder>(*reads, config.queue);
  level = std::make_unique<queue::StoreLevel>(*broker, config.queue, metrics,
                                              api_thread.context(0).get_executor());
  level->Start();
  publisher = queue::Publisher::Create(*broker, config.queue, level.get());
  queue::ExportPublisherStats(metrics, *publisher);
  commits.Meet();
  publisher->OnSilence([condition = commits](bool silent) {
    if (!silent) return condition.Meet();
    condition.Fail("nats-server does not confirm what it is sent: look at its log and its disk");
  });
  readiness = std::make_unique<queue::Readiness>(*broker, config.queue, queue::ServiceRole::kOutbound, health,
                                                 api_thread.context(0).get_executor());
  readiness->Start();
  return absl::OkStatus();
}

absl::Status Service::State::StartDelivery() {
  const asio::any_io_executor executor = delivery_thread.context(0).get_executor();
  absl::StatusOr<std::unique_ptr<dns::UnboundResolver>> made =
      dns::UnboundResolver::Create(executor, config.dns, metrics);
  if (!made.ok()) return made.status();
  resolver = *std::move(made);
  router = std::make_unique<Router>(config.route, *resolver, InterfaceAddresses());
  if (config.deliver.tls != TlsMode::kOff) {
    absl::StatusOr<std::shared_ptr<net::TlsClientContext>> context = net::TlsClientContext::Create();
    if (!context.ok()) return context.status();
    tls = *std::move(context);
  }
  dispatcher = std::make_unique<Dispatcher>(executor, config.deliver, tls, metrics);
  worker = std::make_unique<Worker>(WorkerParts{executor, *broker, *finder, config.queue, *router,
                                                *dispatcher, config.retry, config.worker, metrics});
  worker->Start();
  return absl::OkStatus();
}

absl::Status Service::State::StartApi() {
  absl::StatusOr<std::unique_ptr<ApiServer>> server = ApiServer::Start(
      config.api, ApiDeps{*broker, *publisher, *finder, metrics, api_thread.context(0).get_executor(),
                          config.retry, config.hostname, [this] { return readiness->Latest(); }});
  if (!server.ok()) return server.status();
  api = *std::move(server);
  if (const auto warning = ExposureWarning(config.api)) observe::Warn("api exposed", {{"why", *warning}});
  return absl::OkStatus();
}

absl::Status Service::State::Start() {
  health.OnChange([this](bool ready) {
    if (api != nullptr) api->SetServing(ready);
  });
  absl::StatusOr<std::unique_ptr<observe::HttpServer>> server =
      observe::HttpServer::Start(config.http_listen, metrics, health);
  if (!server.ok()) return WithContext(server.status(), "http.listen");
  http = *std::move(server);
  GONIEC_RETURN_IF_ERROR(ConnectBroker());
  GONIEC_RETURN_IF_ERROR(StartApi());
  GONIEC_RETURN_IF_ERROR(StartDelivery());
  auditor = std::make_unique<Auditor>(AuditorParts{api_thread.context(0).get_executor(), *broker, *reads,
                                                   *finder, config.queue, metrics, config.hostname});
  auditor->Start();
  draining.Meet();
  observe::Info("started", {{"version", GONIEC_VERSION},
                            {"http_port", http->port()},
                            {"api_port", api->port()},
                            {"hostname", config.hostname}});
  return absl::OkStatus();
}

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<Service>> Service::Start(OutboundConfig config) {
  std::unique_ptr<Service> service(new Service(std::make_unique<State>(std::move(config))));
  if (absl::Status started = service->state_->Start(); !started.ok()) {
    (void)service->Drain();
    return started;
  }
  return service;
}

Service::~Service() {
  // The threads end before what their handlers refer to.
  state_->delivery_thread.Stop();
  state_->api_thread.Stop();
}

bool Service::Drain() {
  state_->draining.Fail("shutting down");
  bool clean = true;
  if (state_->worker != nullptr) clean = state_->worker->Drain(state_->config.drain_limit);
  if (state_->api != nullptr) state_->api->Shutdown(std::chrono::seconds(5));
  if (state_->auditor != nullptr) state_->auditor->Stop();
  if (state_->readiness != nullptr) state_->readiness->Stop();
  if (state_->level != nullptr) state_->level->Stop();
  return clean;
}

}  // namespace goniec::outbound
