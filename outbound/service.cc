#include "outbound/service.h"

#include <malloc.h>
#include <unistd.h>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file_limit.h"
#include "common/base/status.h"
#include "common/dns/unbound_resolver.h"
#include "common/http/health.h"
#include "common/http/http_server.h"
#include "common/net/io_threads.h"
#include "common/net/tls_context.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/broker.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/publish/publisher.h"
#include "common/queue/publish/publisher_metrics.h"
#include "common/queue/streams/readiness.h"
#include "common/queue/streams/store_level.h"
#include "outbound/api/api_server.h"
#include "outbound/audit/auditor.h"
#include "outbound/consume/worker.h"
#include "outbound/deliver/site_pool.h"
#include "outbound/route/own_addresses.h"
#include "outbound/route/route.h"
#include "outbound/route/router.h"
#include "outbound/site/cluster_view.h"
#include "outbound/site/shared_sites.h"
#include "outbound/site/site_reporter.h"
#include "outbound/site/worker_name.h"

namespace goniec::outbound {

namespace {

// Descriptors that one API connection takes: its socket, and a pair between us and gRPC.
constexpr std::size_t kFilesOfApiConnection = 3;

// Connections are promised only as far as there are descriptors for them.
void FitIntoFileLimit(OutboundConfig& config) {
  const std::size_t files = RaiseFileLimit();
  std::vector<ConnectionDemand> demands;
  auto lookups = static_cast<std::size_t>(config.dns.max_lookups);
  if (config.roles.deliver) {
    demands.push_back({"delivery.connections", &config.deliver.connections});
    demands.push_back({"dns.max_lookups", &lookups});
  }
  if (config.roles.api) {
    demands.push_back({"api.connections", &config.api.connections, kFilesOfApiConnection});
  }
  for (const LoweredDemand& lowered : FitIntoFiles(std::move(demands), files)) {
    observe::Warn("setting lowered", {{"setting", lowered.setting},
                                      {"wanted", lowered.wanted},
                                      {"now", lowered.given},
                                      {"open_files_limit", files},
                                      {"mend", "raise the limit of open files (ulimit -n, LimitNOFILE)"}});
  }
  config.dns.max_lookups = static_cast<int>(lookups);
}

// Of this machine or pod, which need not be the name that mail is sent under.
std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

// Requests of many megabytes come and go: what they leave goes back to the system, large blocks at once.
// Where nothing else runs, few arenas hold what is small.
void ReturnFreedMemory(bool alone) {
  constexpr int kMapAbove = 1 << 20;
  constexpr int kTrimAbove = 4 << 20;
  constexpr int kArenas = 2;
  mallopt(M_MMAP_THRESHOLD, kMapAbove);
  mallopt(M_TRIM_THRESHOLD, kTrimAbove);
  if (alone) mallopt(M_ARENA_MAX, kArenas);
}

}  // namespace

// In the order of construction; destroyed the other way round.
struct Service::State {
  explicit State(OutboundConfig the_config)
      : config(std::move(the_config)), draining(health.Add("draining", "starting")) {}

  absl::Status Start();
  absl::Status Connect(const char* what, std::unique_ptr<queue::Broker>& broker);
  void WatchBroker(queue::Broker& broker);
  absl::Status StartDelivery();
  SiteHooks Hooks();
  absl::Status StartApi();
  void StartTending();
  void StopThreads();

  OutboundConfig config;
  const std::string worker_name = NewWorkerName(HostName());
  observe::Metrics metrics;
  http::Health health;
  http::Condition draining;
  std::unique_ptr<http::HttpServer> http;
  // A role has a thread (sites, connections and records are confined to that of delivery) and a connection to
  // the broker. What watches the broker for all of them has a thread of its own.
  net::IoThreads watch_thread{1, "goniec-watch"};
  std::unique_ptr<net::IoThreads> delivery_thread;
  std::unique_ptr<net::IoThreads> api_thread;
  std::unique_ptr<net::IoThreads> tend_thread;
  std::unique_ptr<queue::Broker> delivery_broker;
  std::unique_ptr<queue::Broker> api_broker;
  std::unique_ptr<queue::Broker> tend_broker;
  // Reads have one too, so that they do not wait behind records.
  std::unique_ptr<queue::Broker> reads;
  std::unique_ptr<queue::MessageFinder> finder;
  std::unique_ptr<queue::StoreLevel> level;
  std::unique_ptr<queue::Publisher> publisher;
  std::unique_ptr<queue::Readiness> readiness;
  std::unique_ptr<dns::UnboundResolver> resolver;
  std::unique_ptr<Router> router;
  std::shared_ptr<net::TlsClientContext> tls;
  std::unique_ptr<SharedSites> sites;
  std::unique_ptr<SitePool> dispatcher;
  std::unique_ptr<SiteReporter> reporter;
  std::unique_ptr<Worker> worker;
  std::unique_ptr<ApiServer> api;
  std::unique_ptr<Auditor> auditor;
};

absl::Status Service::State::Connect(const char* what, std::unique_ptr<queue::Broker>& broker) {
  absl::StatusOr<std::unique_ptr<queue::Broker>> started =
      queue::Broker::Start(config.queue, absl::StrCat("goniec-outbound ", what, " ", config.hostname));
  if (!started.ok()) return started.status();
  broker = *std::move(started);
  return absl::OkStatus();
}

void Service::State::WatchBroker(queue::Broker& broker) {
  // A process that only serves the API has a broker user who may see less.
  readiness = std::make_unique<queue::Readiness>(broker, config.queue, queue::ServiceRole::kOutbound, health,
                                                 watch_thread.context(0).get_executor());
  readiness->Start();
}

absl::Status Service::State::StartDelivery() {
  const asio::any_io_executor executor = delivery_thread->context(0).get_executor();
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
  sites = std::make_unique<SharedSites>(SharedSitesParts{
      executor, *delivery_broker, *router, metrics, worker_name, config.queue.lanes, config.worker.slots});
  dispatcher = std::make_unique<SitePool>(executor, config.deliver, tls, sites->view(), metrics);
  worker = std::make_unique<Worker>(WorkerParts{executor, *delivery_broker, *finder, config.queue, *router,
                                                *dispatcher, config.retry, config.worker, metrics, Hooks()});
  sites->Start([this] { worker->Start(); });
  reporter = std::make_unique<SiteReporter>(
      *delivery_broker, executor, worker_name,
      [pool = dispatcher.get()](std::size_t most) { return pool->Snapshot(most); }, metrics);
  reporter->Start();
  return absl::OkStatus();
}

// The worker and what all workers share of sites know of each other by these alone.
SiteHooks Service::State::Hooks() {
  SiteHooks hooks;
  hooks.is_elsewhere = [this](const queue::ShelfPlace& place) {
    Route route;
    route.site = sites->NameOf(place);
    return !route.site.empty() && !dispatcher->HasShare(route);
  };
  hooks.see_to_mark = [this](queue::ShelfPlace place, std::string site_name) {
    return sites->SeeToMark(std::move(place), std::move(site_name));
  };
  return hooks;
}

absl::Status Service::State::StartApi() {
  level = std::make_unique<queue::StoreLevel>(*api_broker, config.queue, metrics,
                                              watch_thread.context(0).get_executor());
  level->Start();
  publisher = queue::Publisher::Create(*api_broker, config.queue, level.get());
  queue::ExportPublisherStats(metrics, *publisher);
  const http::Condition commits = health.Add("commits", "starting");
  commits.Meet();
  publisher->OnSilence([commits](bool silent) {
    if (!silent) return commits.Meet();
    commits.Fail("nats-server does not confirm what it is sent: look at its log and its disk");
  });
  absl::StatusOr<std::unique_ptr<ApiServer>> server = ApiServer::Start(
      config.api,
      ApiDeps{*api_broker, *publisher, *finder, metrics, api_thread->context(0).get_executor(), config.retry,
              config.hostname, [this] { return readiness->Latest(); }, *reads, config.queue.lanes});
  if (!server.ok()) return server.status();
  api = *std::move(server);
  if (const auto warning = ExposureWarning(config.api)) observe::Warn("api exposed", {{"why", *warning}});
  return absl::OkStatus();
}

void Service::State::StartTending() {
  auditor = std::make_unique<Auditor>(AuditorParts{tend_thread->context(0).get_executor(), *tend_broker,
                                                   *reads, *finder, config.queue, metrics, config.hostname});
  auditor->Start();
}

absl::Status Service::State::Start() {
  health.OnChange([this](bool ready) {
    if (api != nullptr) api->SetServing(ready);
  });
  absl::StatusOr<std::unique_ptr<http::HttpServer>> server =
      http::HttpServer::Start(config.http_listen, metrics, health);
  if (!server.ok()) return WithContext(server.status(), "http.listen");
  http = *std::move(server);
  GONIEC_RETURN_IF_ERROR(Connect("reads", reads));
  finder = std::make_unique<queue::MessageFinder>(*reads, config.queue);
  WatchBroker(*reads);
  if (config.roles.api) {
    api_thread = std::make_unique<net::IoThreads>(1, "goniec-api");
    GONIEC_RETURN_IF_ERROR(Connect("api", api_broker));
    GONIEC_RETURN_IF_ERROR(StartApi());
  }
  if (config.roles.deliver) {
    delivery_thread = std::make_unique<net::IoThreads>(1, "goniec-deliver");
    GONIEC_RETURN_IF_ERROR(Connect("deliver", delivery_broker));
    GONIEC_RETURN_IF_ERROR(StartDelivery());
  }
  if (config.roles.tend) {
    tend_thread = std::make_unique<net::IoThreads>(1, "goniec-tend");
    GONIEC_RETURN_IF_ERROR(Connect("tend", tend_broker));
    StartTending();
  }
  draining.Meet();
  observe::Info("started", {{"version", GONIEC_VERSION},
                            {"roles", config.roles.ToString()},
                            {"http_port", http->port()},
                            {"api_port", api != nullptr ? api->port() : 0},
                            {"hostname", config.hostname}});
  return absl::OkStatus();
}

void Service::State::StopThreads() {
  for (const auto* thread : {&delivery_thread, &api_thread, &tend_thread}) {
    if (*thread != nullptr) (*thread)->Stop();
  }
  watch_thread.Stop();
}

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<Service>> Service::Start(OutboundConfig config) {
  FitIntoFileLimit(config);
  if (config.roles.api) ReturnFreedMemory(!config.roles.deliver);
  std::unique_ptr<Service> service(new Service(std::make_unique<State>(std::move(config))));
  if (absl::Status started = service->state_->Start(); !started.ok()) {
    (void)service->Drain();
    return started;
  }
  return service;
}

Service::~Service() {
  // Nobody renders metrics of, or runs handlers in, what is about to go.
  state_->http.reset();
  state_->StopThreads();
}

bool Service::Drain() {
  state_->draining.Fail("shutting down");
  bool clean = true;
  if (state_->worker != nullptr) clean = state_->worker->Drain(state_->config.drain_limit);
  if (state_->sites != nullptr) state_->sites->Leave();
  if (state_->api != nullptr) {
    const bool alone = state_->worker == nullptr;
    state_->api->Shutdown(alone ? state_->config.drain_limit : std::chrono::milliseconds(5'000));
  }
  if (state_->reporter != nullptr) state_->reporter->Stop();
  if (state_->auditor != nullptr) state_->auditor->Stop();
  if (state_->readiness != nullptr) state_->readiness->Stop();
  if (state_->level != nullptr) state_->level->Stop();
  return clean;
}

}  // namespace goniec::outbound
