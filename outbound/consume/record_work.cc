#include "outbound/consume/record_work.h"

#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <map>
#include <random>
#include <utility>

#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/queue/events/events.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/hold/holder.h"
#include "common/queue/hold/shadow.h"
#include "common/queue/model/record_check.h"
#include "common/queue/model/subjects.h"
#include "common/queue/publish/body_store.h"
#include "common/smtp/address.h"
#include "outbound/deliver/dispatcher.h"
#include "outbound/route/router.h"

namespace goniec::outbound {
namespace {

using queue::v1::Mail;
using queue::v1::Outcome;

// A record that could not be looked at is one that its next holder could not look at either, just now.
constexpr std::chrono::seconds kLookAgain{1};
// What a look has found is good for so long; and so often it is done anew.
constexpr std::chrono::seconds kGoodFor{1};
constexpr int kMostLooks = 3;

double Random() {
  static thread_local std::minstd_rand generator(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

std::vector<std::uint32_t> AllPositions(const Mail& mail) {
  std::vector<std::uint32_t> positions(static_cast<std::size_t>(mail.recipients_size()));
  for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<std::uint32_t>(i);
  return positions;
}

// One line for what an attempt made of recipients, whichever it was.
void LogTelling(const Mail& mail, const Telling& telling) {
  if (!observe::LogEnabled(observe::LogLevel::kInfo)) return;
  const Result& result = telling.result;
  const Outcome& outcome = result.outcome;
  const bool expired = outcome.reason() == queue::v1::REASON_EXPIRED;
  const auto& first = mail.recipients(static_cast<int>(result.recipients.front()));
  observe::Info(ToldName(telling.told),
                {{"message", mail.message_id()},
                 {"to", observe::LogAddress(first.address())},
                 {"recipients", result.recipients.size()},
                 {"host", outcome.remote_host()},
                 {"ip", outcome.remote_ip()},
                 {"tls", outcome.tls_version()},
                 {"phase", queue::v1::Phase_Name(outcome.phase())},
                 {"reason", queue::v1::Reason_Name(expired ? outcome.last_reason() : outcome.reason())},
                 {"code", outcome.reply_code()},
                 {"enhanced", outcome.enhanced_code()},
                 {"text", outcome.text()},
                 {"ambiguous", outcome.ambiguous()},
                 {"latency_ms", std::chrono::microseconds(outcome.latency_us())}});
}

}  // namespace

WorkMetrics::WorkMetrics(observe::Metrics& metrics)
    : recipients(metrics.AddCounterBy("goniec_recipients_total",
                                      "Recipients by what an attempt made of them.", "result",
                                      {"delivered", "bounced", "expired", "deferred", "busy", "returned"})),
      ambiguous(metrics.AddCounter(
          "goniec_ambiguous_total",
          "Recipients whose message was sent in full and got no reply: it may arrive twice.")),
      looked(
          metrics.AddCounter("goniec_records_looked_total",
                             "Records that may have been in other hands and were looked at before acting.")),
      delivery_seconds(metrics.AddHistogram("goniec_delivery_seconds",
                                            "From acceptance to delivery of a recipient.",
                                            {0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 3600, 14400, 86400})) {}

RecordWork::RecordWork(WorkContext& context, std::shared_ptr<queue::Delivery> delivery,
                       std::function<void()> done)
    : context_(context), delivery_(std::move(delivery)), done_(std::move(done)) {}

absl::Status RecordWork::Parse() {
  const std::string& stream = delivery_->info().stream;
  const std::size_t underscore = stream.rfind('_');
  if (underscore != std::string::npos) lane_ = std::atoi(stream.c_str() + underscore + 1);
  const std::string_view payload = delivery_->payload();
  if (!record_.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return absl::InvalidArgumentError("not a record");
  }
  if (queue::IsReleased(delivery_->subject())) {
    const std::optional<queue::OnShelf> from = queue::ParseHeld(delivery_->subject());
    if (from && from->place.site != queue::kLaterShelf) shelf_site_ = from->place.site;
  }
  if (absl::Status checked = queue::CheckRecord(record_, delivery_->subject()); !checked.ok()) return checked;
  const std::int64_t mails = record_.mails_size();
  const std::int64_t bytes = static_cast<std::int64_t>(payload.size()) + mails * kBytesAMail;
  unopened_ = {0, mails, bytes, mails, bytes};
  context_.in_hand(unopened_);
  delivery_->ReleasePayload();
  return absl::OkStatus();
}

void RecordWork::Begin(bool must_look) {
  auto self = shared_from_this();
  settlement_ =
      std::make_shared<queue::Settlement>(context_.settlement, delivery_, lane_, [self] { self->Release(); });
  if (must_look) {
    context_.metrics.looked.Add();
    settlement_->Looked();
    SpawnLogged(context_.settlement.executor, context_.settlement.tasks, "look", LookThenBegin());
    return;
  }
  accepted_.reserve(static_cast<std::size_t>(record_.mails_size()));
  for (Mail& mail : *record_.mutable_mails()) {
    accepted_.push_back(queue::AcceptedEvent(mail));
    const std::vector<std::uint32_t> positions = AllPositions(mail);
    OpenMail(std::move(mail), positions, {});
  }
  StartLegs();
}

asio::awaitable<void> RecordWork::LookThenBegin() {
  const auto self = shared_from_this();
  const absl::StatusOr<queue::Shadow> shadow =
      co_await queue::ReadShadow(context_.settlement.finder, *delivery_, record_, lane_);
  absl::Status failed = shadow.status();
  std::vector<std::pair<Mail*, std::vector<std::uint32_t>>> uncovered;
  std::vector<std::string> ids;
  for (Mail& mail : *record_.mutable_mails()) {
    if (!failed.ok()) break;
    std::vector<std::uint32_t> positions = shadow->Uncovered(mail);
    if (positions.empty()) continue;  // an earlier record's: acknowledged unseen
    uncovered.emplace_back(&mail, std::move(positions));
    ids.push_back(mail.message_id());
  }
  std::vector<std::pair<Mail*, queue::Held>> ours;
  // What it finds may be old by the time that it has finished the last interrupted move: then once more.
  bool fresh = false;
  for (int round = 0; failed.ok() && !fresh && round < kMostLooks; ++round) {
    ours.clear();
    const absl::StatusOr<bool> looked = co_await LookAtAll(uncovered, ids, ours);
    failed = looked.status();
    fresh = looked.value_or(false);
  }
  for (const auto& [mail, held] : ours) {
    if (held.acceptance_missing && mail->generation() == 0) accepted_.push_back(queue::AcceptedEvent(*mail));
  }
  if (!failed.ok()) {
    observe::Warn("record not looked at, giving it back",
                  {{"record", record_.record_id()}, {"error", Message(failed)}});
    GiveUpUnopened();
    accepted_.clear();
    settlement_->OpenLeg();
    settlement_->Start();
    settlement_->ReturnLeg({}, kLookAgain);
    co_return;
  }
  for (auto& [mail, held] : ours) {
    OpenMail(std::move(*mail), held.positions,
             std::make_shared<const LastOutcomes>(std::move(held.last_outcomes)));
  }
  StartLegs();
}

asio::awaitable<absl::StatusOr<bool>> RecordWork::LookAtAll(
    const std::vector<std::pair<Mail*, std::vector<std::uint32_t>>>& mails,
    const std::vector<std::string>& ids, std::vector<std::pair<Mail*, queue::Held>>& ours) {
  if (mails.empty()) co_return true;
  const auto statuses =
      co_await context_.settlement.finder.FoldEventsOfAll(mails.front().first->tenant(), ids);
  if (!statuses.ok()) co_return statuses.status();
  const BootTime read = BootClock::now();
  for (const auto& [mail, positions] : mails) {
    absl::StatusOr<queue::Held> held = co_await queue::Look(
        context_.settlement, record_, *mail, statuses->at(mail->message_id()), positions, *delivery_, lane_);
    if (!held.ok()) co_return held.status();
    ours.emplace_back(mail, *std::move(held));
  }
  co_return BootClock::now() - read < kGoodFor;
}

void RecordWork::OpenMail(Mail mail, const std::vector<std::uint32_t>& positions,
                          std::shared_ptr<const LastOutcomes> last) {
  const InHand cost = HeldMail::CostOf(static_cast<std::int64_t>(mail.ByteSizeLong()));
  unopened_ -= cost;
  const auto held = std::make_shared<HeldMail>(std::move(mail), cost, context_.in_hand);
  const std::shared_ptr<const Mail> shared(held, &held->mail());
  std::map<std::string, std::vector<std::uint32_t>> by_domain;
  for (const std::uint32_t position : positions) {
    by_domain[context_.settlement.domain_of(shared->recipients(static_cast<int>(position)).address())]
        .push_back(position);
  }
  for (auto& [domain, legs_positions] : by_domain) {
    settlement_->OpenLeg();
    legs_.push_back({shared, domain, std::move(legs_positions), last, std::make_shared<HeldMail::Leg>(held)});
  }
}

void RecordWork::GiveUpUnopened() {
  context_.in_hand(-std::exchange(unopened_, {}));
}

void RecordWork::StartLegs() {
  GiveUpUnopened();
  record_.clear_mails();
  settlement_->Accepted(std::exchange(accepted_, {}));
  settlement_->Start();
  for (Leg& leg : std::exchange(legs_, {})) StartLeg(std::move(leg));
}

void RecordWork::StartLeg(Leg leg) {
  if (!context_.may_work()) return settlement_->ReturnLeg();
  // No attempt begins any more: that is what "not tried" comes to then.
  if (queue::FromProto(leg.mail->expire_time()) <= context_.settlement.broker.Now()) {
    return OnResults(leg, {{Verdict::kNotTried, {}, leg.positions}});
  }
  if (std::optional<RouteResult> route = context_.router.FindWithoutDns(leg.domain)) {
    return DispatchLeg(std::move(leg), *route);
  }
  SpawnLogged(context_.settlement.executor, context_.settlement.tasks, "route", RouteLeg(std::move(leg)));
}

asio::awaitable<void> RecordWork::RouteLeg(Leg leg) {
  const auto self = shared_from_this();
  const RouteResult route = co_await context_.router.Find(leg.domain);
  DispatchLeg(std::move(leg), route);
}

void RecordWork::DispatchLeg(Leg leg, const RouteResult& route) {
  if (const auto* failure = std::get_if<RouteFailure>(&route)) {
    return OnResults(leg, {ResultOf(*failure, leg.positions)});
  }
  Job job;
  job.mail = leg.mail;
  job.recipients = leg.positions;
  job.route = std::get<std::shared_ptr<const Route>>(route);
  leg.site = job.route->site;
  job.may_finish = [delivery = delivery_] { return delivery->Leased(); };
  if (leg.mail->has_body_reference()) {
    job.read_chunk = [&broker = context_.settlement.broker, id = leg.mail->body_reference().body_id()](
                         std::uint32_t chunk) { return queue::ReadBodyChunk(broker, id, chunk); };
  }
  job.probe_epoch = delivery_->probe_epoch();
  job.released = !shelf_site_.empty();
  job.yields = context_.yields && context_.yields(lane_, leg.mail->tenant());
  job.on_begin = [slot = leg.slot](bool begun) { slot->Begin(begun); };
  job.done = [self = shared_from_this(), leg = std::move(leg)](const std::vector<Result>& results) {
    self->OnResults(leg, results);
  };
  context_.dispatcher.Deliver(std::move(job));
}

void RecordWork::OnResults(const Leg& leg, const std::vector<Result>& results) {
  static const LastOutcomes kNone;
  const WallTime now = context_.settlement.broker.Now();
  Conclusion conclusion =
      Conclude({record_, *leg.mail, leg.domain, leg.site, leg.last != nullptr ? *leg.last : kNone, results,
                delivery_->probe_epoch() ? std::string_view() : std::string_view(shelf_site_)},
               context_.retry, now, Random);
  if (conclusion.forfeit) delivery_->Forfeit();
  Tell(leg, conclusion, now);
  queue::Settlement::LegEnd end{std::move(conclusion.events), std::move(conclusion.move),
                                conclusion.ended ? leg.mail : nullptr};
  if (conclusion.returned) {
    const auto pause =
        conclusion.stays ? PauseOfStaying(delivery_->info().delivery_count) : std::chrono::milliseconds(0);
    return settlement_->ReturnLeg(std::move(end), pause);
  }
  if (end.move) end.move->in_hand = {leg.mail};
  settlement_->EndLeg(std::move(end));
}

void RecordWork::Tell(const Leg& leg, const Conclusion& conclusion, WallTime now) {
  const Mail& mail = *leg.mail;
  std::size_t untold = leg.positions.size();
  context_.metrics.ambiguous.Add(static_cast<double>(conclusion.ambiguous));
  for (const Telling& telling : conclusion.tellings) {
    untold -= telling.result.recipients.size();
    if (telling.told != Told::kBusy) LogTelling(mail, telling);
    context_.metrics.recipients.With(ToldName(telling.told))
        .Add(static_cast<double>(telling.result.recipients.size()));
    if (telling.told == Told::kDelivered) {
      context_.metrics.delivery_seconds.Observe(
          std::chrono::duration_cast<std::chrono::nanoseconds>(now - queue::FromProto(mail.accept_time())));
    }
  }
  if (!conclusion.returned || untold == 0) return;
  observe::Debug("mail given back", {{"message", mail.message_id()}, {"recipients", untold}});
  context_.metrics.recipients.With("returned").Add(static_cast<double>(untold));
}

void RecordWork::Release() {
  settlement_ = nullptr;
  if (done_) std::exchange(done_, nullptr)();
}

}  // namespace goniec::outbound
