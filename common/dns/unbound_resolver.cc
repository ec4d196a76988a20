#include "common/dns/unbound_resolver.h"

#include <algorithm>
#include <asio/dispatch.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/base/await.h"
#include "common/dns/lookup_schedule.h"
#include "common/dns/unbound_lane.h"
#include "common/dns/wire.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"

namespace goniec::dns {
namespace {

// Of max_lookups, what is kept for names without a quick answer.
constexpr int kPatientPart = 4;
// Once is a second: twice the least patience, for libunbound tries a smaller packet before it counts a round.
constexpr int kQuickRounds = 1;
constexpr int kPatientRounds = 4;
constexpr std::chrono::seconds kQuickMemory(2);
constexpr std::chrono::seconds kPatientMemory(10);
// Answers that came late are few.
constexpr std::uint64_t kPatientCachePart = 4;

ContextShare ShareOf(const DnsConfig& config, Lane lane) {
  const int patient = std::max(1, config.max_lookups / kPatientPart);
  const ByteCount late{config.cache_size.bytes / kPatientCachePart};
  if (lane == Lane::kPatient) {
    return {
        .questions = patient, .rounds = kPatientRounds, .server_memory = kPatientMemory, .cache_size = late};
  }
  return {.questions = std::max(1, config.max_lookups - patient),
          .rounds = kQuickRounds,
          .server_memory = kQuickMemory,
          .cache_size = ByteCount{config.cache_size.bytes - late.bytes}};
}

LookupSchedule::Limits LimitsOf(const DnsConfig& config) {
  return {.quick = static_cast<std::size_t>(ShareOf(config, Lane::kQuick).questions),
          .patient = static_cast<std::size_t>(ShareOf(config, Lane::kPatient).questions),
          .requests = static_cast<std::size_t>(config.max_waiting)};
}

struct LookupMetrics {
  explicit LookupMetrics(observe::Metrics& metrics)
      : put(metrics.AddGauge("goniec_dns_lookups_in_progress", "DNS questions that are with the servers.")),
        waiting(metrics.AddGauge("goniec_dns_lookups_waiting", "DNS questions that wait for their turn.")),
        requests(metrics.AddGauge("goniec_dns_requests", "Lookups that wait for an answer or their turn.")),
        slow(metrics.AddCounter("goniec_dns_lookups_slow_total",
                                "DNS questions without a quick answer, which were asked again.")),
        not_asked(metrics.AddCounterBy("goniec_dns_not_asked_total",
                                       "Lookups that ended without a question: dns.max_waiting was reached "
                                       "(full), or their turn did not come within dns.timeout (late).",
                                       "why", {"full", "late"})) {}

  observe::Gauge put;
  observe::Gauge waiting;
  observe::Gauge requests;
  observe::Counter slow;
  observe::CounterBy not_asked;
};

MxAnswer ParseMxAnswer(RawAnswer raw) {
  MxAnswer answer{static_cast<const Answer&>(raw), {}};
  for (const std::string& rdata : raw.rdata) {
    if (std::optional<MxRecord> record = ParseMx(rdata)) answer.records.push_back(std::move(*record));
  }
  if (answer.result == Result::kFound && answer.records.empty()) {
    static_cast<Answer&>(answer) = Temporary("no MX record of the answer can be read");
  }
  return answer;
}

AddressAnswer ParseAddressAnswer(int type, const RawAnswer& raw) {
  AddressAnswer answer{static_cast<const Answer&>(raw), {}};
  for (const std::string& rdata : raw.rdata) {
    if (const auto address = ParseAddress(type, rdata)) answer.addresses.push_back(*address);
  }
  if (answer.result == Result::kFound && answer.addresses.empty()) {
    static_cast<Answer&>(answer) = Temporary("no address record of the answer can be read");
  }
  return answer;
}

}  // namespace

// Everything here but the constructor runs on the strand.
class UnboundResolver::Core : public std::enable_shared_from_this<Core> {
 public:
  using Done = std::function<void(RawAnswer)>;
  using Strand = asio::strand<asio::any_io_executor>;

  Core(Strand strand, const DnsConfig& config, observe::Metrics& metrics, std::shared_ptr<UnboundLane> quick,
       std::shared_ptr<UnboundLane> patient)
      : strand_(std::move(strand)),
        timeout_(config.timeout),
        metrics_(metrics),
        quick_(std::move(quick)),
        patient_(std::move(patient)),
        schedule_(LimitsOf(config)) {}

  const Strand& strand() const { return strand_; }

  void Watch() {
    quick_->Watch(EventsOf());
    patient_->Watch(EventsOf());
  }

  void Lookup(std::string name, int type, Done done) {
    if (closed_) return done(NotAsked("the resolver is stopping"));
    const Question question{std::move(name), type};
    const LookupSchedule::Place place = schedule_.Ask(question);
    if (place == LookupSchedule::Place::kRefused) {
      metrics_.not_asked.With("full").Add();
      return done(NotAsked("too many DNS lookups wait (dns.max_waiting)"));
    }
    if (place == LookupSchedule::Place::kFirst) StartClock(question);
    requests_.at(question)->done.push_back(std::move(done));
    PutNext();
  }

  void Close() {
    if (std::exchange(closed_, true)) return;
    quick_->Close();
    patient_->Close();
    for (auto& [question, requests] : std::exchange(requests_, {})) {
      Tell(*requests, NotAsked("the resolver is stopping"));
    }
  }

 private:
  // Those who wait for one answer. Gone when they have it or their time is over.
  struct Requests {
    explicit Requests(const Strand& strand) : clock(strand) {}
    std::vector<Done> done;
    asio::steady_timer clock;
    std::uint64_t number = 0;
  };

  // Weak: the lanes are ours.
  UnboundLane::Events EventsOf() {
    return {.answered =
                [weak = weak_from_this()](const Question& question, RawAnswer answer) {
                  if (const auto self = weak.lock()) self->OnAnswer(question, std::move(answer));
                },
            .idle =
                [weak = weak_from_this()] {
                  if (const auto self = weak.lock()) self->PutNext();
                },
            .broken =
                [weak = weak_from_this()](const std::string& why) {
                  observe::Error("DNS lookups fail until the restart", {{"error", why}});
                  if (const auto self = weak.lock()) self->Close();
                }};
  }

  void StartClock(const Question& question) {
    auto requests = std::make_unique<Requests>(strand_);
    requests->number = ++last_number_;
    requests->clock.expires_after(timeout_);
    requests->clock.async_wait(
        [self = shared_from_this(), question, number = last_number_](const std::error_code& cancelled) {
          if (!cancelled) self->OnTimeout(question, number);
        });
    requests_.insert_or_assign(question, std::move(requests));
  }

  void PutNext() {
    while (std::optional<LookupSchedule::Start> next = closed_ ? std::nullopt : schedule_.Next()) {
      const bool quick = next->lane == Lane::kQuick;
      if (!quick) metrics_.slow.Add();
      const absl::Status put = (quick ? quick_ : patient_)->Put(next->question);
      if (!put.ok()) OnAnswer(next->question, NotAsked(std::string(put.message())));
    }
    metrics_.put.Set(static_cast<double>(schedule_.put()));
    metrics_.waiting.Set(static_cast<double>(schedule_.waiting()));
    metrics_.requests.Set(static_cast<double>(schedule_.requests()));
  }

  void OnAnswer(const Question& question, RawAnswer answer) {
    if (!schedule_.Answered(question, answer.conclusive)) return;
    if (const auto entry = requests_.extract(question)) Tell(*entry.mapped(), std::move(answer));
  }

  void OnTimeout(const Question& question, std::uint64_t number) {
    const auto found = requests_.find(question);
    if (found == requests_.end() || found->second->number != number) return;
    const bool asked = schedule_.GiveUp(question);
    const std::unique_ptr<Requests> late = std::move(found->second);
    requests_.erase(found);
    if (!asked) metrics_.not_asked.With("late").Add(static_cast<double>(late->done.size()));
    Tell(*late, asked ? Temporary("no answer from the DNS in time")
                      : NotAsked("the DNS lookup did not get its turn in time"));
    PutNext();
  }

  static void Tell(Requests& requests, RawAnswer answer) {
    for (const Done& done : requests.done) done(answer);
  }

  const Strand strand_;
  const std::chrono::milliseconds timeout_;
  const LookupMetrics metrics_;
  const std::shared_ptr<UnboundLane> quick_;
  const std::shared_ptr<UnboundLane> patient_;
  bool closed_ = false;
  LookupSchedule schedule_;
  absl::flat_hash_map<Question, std::unique_ptr<Requests>> requests_;
  std::uint64_t last_number_ = 0;
};

absl::StatusOr<std::unique_ptr<UnboundResolver>> UnboundResolver::Create(
    const asio::any_io_executor& executor, const DnsConfig& config, observe::Metrics& metrics) {
  const Core::Strand strand = asio::make_strand(executor);
  auto quick = UnboundLane::Open(strand, config, ShareOf(config, Lane::kQuick));
  if (!quick.ok()) return quick.status();
  auto patient = UnboundLane::Open(strand, config, ShareOf(config, Lane::kPatient));
  if (!patient.ok()) return patient.status();
  auto core = std::make_shared<Core>(strand, config, metrics, *std::move(quick), *std::move(patient));
  asio::dispatch(core->strand(), [core] { core->Watch(); });
  return std::unique_ptr<UnboundResolver>(new UnboundResolver(std::move(core)));
}

UnboundResolver::UnboundResolver(std::shared_ptr<Core> core) : core_(std::move(core)) {}

UnboundResolver::~UnboundResolver() {
  asio::dispatch(core_->strand(), [core = core_] { core->Close(); });
}

asio::awaitable<MxAnswer> UnboundResolver::LookupMx(std::string domain) {
  const std::string name = NormalName(domain);
  if (!IsHostName(name)) co_return MxAnswer{{.result = Result::kNoDomain, .canonical_name = name}, {}};
  RawAnswer raw = co_await AwaitCallback<RawAnswer>([core = core_, name](auto done) {
    asio::dispatch(core->strand(), [core, name, done] { core->Lookup(name, kTypeMx, done); });
  });
  co_return ParseMxAnswer(std::move(raw));
}

namespace {

// Two lookups under way; both end on the resolver's strand.
struct BothFamilies {
  std::optional<AddressAnswer> ipv4;
  std::optional<AddressAnswer> ipv6;
};

}  // namespace

asio::awaitable<AddressAnswer> UnboundResolver::LookupAddresses(std::string host, Families families) {
  const std::string name = NormalName(host);
  if (!IsHostName(name)) co_return AddressAnswer{{.result = Result::kNoDomain, .canonical_name = name}, {}};
  co_return co_await AwaitCallback<AddressAnswer>([core = core_, name, families](auto done) {
    auto both = std::make_shared<BothFamilies>();
    const bool want4 = families != Families::kIPv6;
    const bool want6 = families != Families::kIPv4;
    const auto finish = [both, want4, want6, done] {
      if ((want4 && !both->ipv4) || (want6 && !both->ipv6)) return;
      done(Combine(want4 ? &*both->ipv4 : nullptr, want6 ? &*both->ipv6 : nullptr));
    };
    const auto on4 = [both, finish](const RawAnswer& raw) {
      both->ipv4 = ParseAddressAnswer(kTypeA, raw);
      finish();
    };
    const auto on6 = [both, finish](const RawAnswer& raw) {
      both->ipv6 = ParseAddressAnswer(kTypeAaaa, raw);
      finish();
    };
    asio::dispatch(core->strand(), [core, name, want4, want6, on4, on6] {
      if (want4) core->Lookup(name, kTypeA, on4);
      if (want6) core->Lookup(name, kTypeAaaa, on6);
    });
  });
}

}  // namespace goniec::dns
