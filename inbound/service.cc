#include "inbound/service.h"

#include <malloc.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <future>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/file_limit.h"
#include "common/base/status.h"
#include "common/http/health.h"
#include "common/http/http_server.h"
#include "common/net/io_threads.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/broker.h"
#include "common/queue/publish/publisher.h"
#include "common/queue/publish/publisher_metrics.h"
#include "common/queue/streams/readiness.h"
#include "common/queue/streams/store_level.h"
#include "inbound/accept/smtp_server.h"
#include "inbound/policy/relay_policy.h"

namespace goniec::inbound {
namespace {

// Connections are promised only as far as there are descriptors for them.
void FitIntoFileLimit(SmtpConfig& smtp) {
  const std::size_t files = RaiseFileLimit();
  for (const LoweredDemand& lowered :
       FitIntoFiles({{"smtp.max_connections", &smtp.max_connections}}, files)) {
    observe::Warn("setting lowered", {{"setting", lowered.setting},
                                      {"wanted", lowered.wanted},
                                      {"now", lowered.given},
                                      {"open_files_limit", files},
                                      {"mend", "raise the limit of open files (ulimit -n, LimitNOFILE)"}});
  }
}

// Records of up to half a megabyte are made and freed hundreds of times a second. By default glibc gives such
// blocks back to the kernel at once and gets them again page by page: an eighth of the CPU time of an
// accepted mail.
void KeepFreedRecords() {
  constexpr int kMapAbove = 2 << 20;
  constexpr int kTrimAbove = 16 << 20;
  mallopt(M_MMAP_THRESHOLD, kMapAbove);
  mallopt(M_TRIM_THRESHOLD, kTrimAbove);
}

}  // namespace

// In the order of construction; destroyed the other way round.
struct Service::State {
  State(InboundConfig the_config, RelayPolicy the_policy)
      : config(std::move(the_config)), policy(std::move(the_policy)) {}

  absl::Status Start();
  absl::Status ConnectBroker();
  void ExportMemory();
  absl::Status OpenPorts();

  const InboundConfig config;
  const RelayPolicy policy;
  // Sessions hold it until the threads are gone.
  MailMemory memory{config.smtp.max_memory.bytes};
  // A client that is alone may have a quarter: four of the largest messages, however small the queue is.
  MailMemory unfinished{std::max(static_cast<std::uint64_t>(config.queue.capacity_bytes) / 8,
                                 std::uint64_t{16} * config.session.max_message_size)};
  observe::Metrics metrics;
  http::Health health;
  http::Condition draining = health.Add("draining", "starting");
  http::Condition commits = health.Add("commits", "starting");
  std::unique_ptr<http::HttpServer> http;
  net::IoThreads threads{config.smtp.threads, "goniec-smtp"};
  std::unique_ptr<queue::Broker> broker;
  std::unique_ptr<queue::StoreLevel> level;
  std::unique_ptr<queue::Publisher> publisher;
  std::unique_ptr<queue::Readiness> readiness;
  SessionMetrics session_metrics{metrics};
  std::optional<Intake> intake;
  std::unique_ptr<SmtpServer> smtp;
};

absl::Status Service::State::ConnectBroker() {
  absl::StatusOr<std::unique_ptr<queue::Broker>> started =
      queue::Broker::Start(config.queue, absl::StrCat("goniec-inbound ", config.session.host_name));
  if (!started.ok()) return started.status();
  broker = *std::move(started);
  level =
      std::make_unique<queue::StoreLevel>(*broker, config.queue, metrics, threads.context(0).get_executor());
  level->Start();
  publisher = queue::Publisher::Create(*broker, config.queue, level.get());
  queue::ExportPublisherStats(metrics, *publisher);
  commits.Meet();
  publisher->OnSilence([condition = commits](bool silent) {
    if (!silent) return condition.Meet();
    condition.Fail("nats-server does not confirm what it is sent: look at its log and its disk");
  });
  readiness = std::make_unique<queue::Readiness>(*broker, config.queue, queue::ServiceRole::kInbound, health,
                                                 threads.context(0).get_executor());
  readiness->Start();
  return absl::OkStatus();
}

void Service::State::ExportMemory() {
  constexpr std::pair<MemoryPart, const char*> kParts[] = {{MemoryPart::kSessions, "sessions"},
                                                           {MemoryPart::kEnvelopes, "envelopes"},
                                                           {MemoryPart::kBodies, "bodies"}};
  for (const auto& [part, name] : kParts) {
    const observe::Gauge gauge = metrics.AddGauge(
        "goniec_inbound_memory_bytes",
        "Memory of mail on its way in, of smtp.max_memory, by what it is held for.", {{"part", name}});
    metrics.BeforeRender([this, gauge, held = part] { gauge.Set(static_cast<double>(memory.used(held))); });
  }
  const observe::Gauge stored = metrics.AddGauge("goniec_inbound_unfinished_bytes",
                                                 "What messages that are still coming in take of the store.");
  metrics.BeforeRender([this, stored] { stored.Set(static_cast<double>(unfinished.used())); });
}

absl::Status Service::State::OpenPorts() {
  std::shared_ptr<net::TlsServerContext> tls;
  if (config.tls.has_value()) {
    auto context = net::TlsServerContext::Create(*config.tls);
    if (!context.ok()) return WithContext(context.status(), "tls");
    tls = *std::move(context);
  }
  ExportMemory();
  intake.emplace(Intake{*broker, *publisher, memory, unfinished, config.mail, config.session.host_name});
  auto server = SmtpServer::Start(threads, ConnectionParts{config.smtp, config.session, policy, *intake,
                                                           session_metrics, std::move(tls)});
  if (!server.ok()) return WithContext(server.status(), "smtp.listen");
  smtp = *std::move(server);
  return absl::OkStatus();
}

absl::Status Service::State::Start() {
  KeepFreedRecords();
  auto server = http::HttpServer::Start(config.http_listen, metrics, health);
  if (!server.ok()) return WithContext(server.status(), "http.listen");
  http = *std::move(server);
  GONIEC_RETURN_IF_ERROR(ConnectBroker());
  GONIEC_RETURN_IF_ERROR(OpenPorts());
  for (const std::string& warning : Warnings(config)) observe::Warn("configuration", {{"text", warning}});
  draining.Meet();
  std::vector<std::string> addresses;
  for (const net::Endpoint& address : smtp->addresses()) addresses.push_back(address.ToString());
  observe::Info("started", {{"version", GONIEC_VERSION},
                            {"smtp", absl::StrJoin(addresses, ",")},
                            {"http_port", http->port()},
                            {"hostname", config.session.host_name},
                            {"threads", threads.size()}});
  return absl::OkStatus();
}

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<Service>> Service::Start(InboundConfig config) {
  FitIntoFileLimit(config.smtp);
  auto policy = RelayPolicy::Create(config.relay);
  if (!policy.ok()) return policy.status();
  std::unique_ptr<Service> service(
      new Service(std::make_unique<State>(std::move(config), *std::move(policy))));
  if (absl::Status started = service->state_->Start(); !started.ok()) {
    (void)service->Drain();
    return started;
  }
  return service;
}

Service::~Service() {
  // Nobody renders metrics of, or runs handlers in, what is about to go.
  state_->http.reset();
  state_->threads.Stop();
}

bool Service::Drain() {
  State& state = *state_;
  state.draining.Fail("shutting down");
  bool clean = true;
  if (state.smtp != nullptr) {
    state.smtp->StopAccepting();
    clean = state.smtp->Drain(state.config.drain_limit);
  }
  if (state.readiness != nullptr) state.readiness->Stop();
  if (state.level != nullptr) state.level->Stop();
  return clean;
}

}  // namespace goniec::inbound
