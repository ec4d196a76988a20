#include "outbound/consume/record_work.h"

#include <algorithm>
#include <asio/post.hpp>
#include <iterator>
#include <random>
#include <utility>

#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/queue/events/events.h"
#include "common/queue/hold/holder.h"
#include "common/queue/model/record_check.h"
#include "common/queue/publish/body_store.h"
#include "common/smtp/address.h"
#include "outbound/deliver/dispatcher.h"
#include "outbound/route/router.h"

namespace goniec::outbound {
namespace {

using queue::v1::Event;
using queue::v1::Mail;

// A record that could not be looked at is one that its next holder could not look at either, just now.
constexpr std::chrono::seconds kLookAgain{1};

double Random() {
  static thread_local std::minstd_rand generator(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

std::vector<std::uint32_t> AllPositions(const Mail& mail) {
  std::vector<std::uint32_t> positions(static_cast<std::size_t>(mail.recipients_size()));
  for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<std::uint32_t>(i);
  return positions;
}

// Nobody may know what the broker knows any more: the record must return, nothing may be written about it.
bool IsForfeit(const Result& result) {
  return result.verdict == Verdict::kNotTried && result.outcome.reason() == queue::v1::REASON_BROKER;
}

bool IsShutdown(const Result& result) {
  return result.verdict == Verdict::kNotTried && result.outcome.reason() == queue::v1::REASON_SHUTDOWN;
}

// Not an attempt, and too many to be told one by one: the dispatcher tells how many for each site.
bool IsBusy(const Result& result) {
  return result.verdict == Verdict::kNotTried && result.outcome.reason() == queue::v1::REASON_SITE_BUSY;
}

void LogEnd(const Mail& mail, const char* what, const Result& result) {
  const bool expired = result.outcome.reason() == queue::v1::REASON_EXPIRED;
  observe::Info(
      what,
      {{"message", mail.message_id()},
       {"recipients", result.recipients.size()},
       {"first", observe::LogAddress(mail.recipients(static_cast<int>(result.recipients[0])).address())},
       {"host", result.outcome.remote_host()},
       {"code", result.outcome.reply_code()},
       {"text", result.outcome.text()},
       {"reason", queue::v1::Reason_Name(expired ? result.outcome.last_reason() : result.outcome.reason())}});
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
  for (Mail& mail : *record_.mutable_mails()) {
    accepted_.push_back(queue::AcceptedEvent(mail));
    const std::vector<std::uint32_t> positions = AllPositions(mail);
    OpenMail(std::move(mail), positions, {});
  }
  StartLegs();
}

asio::awaitable<void> RecordWork::LookThenBegin() {
  const auto self = shared_from_this();
  const absl::StatusOr<bool> shadowed =
      co_await queue::IsShadowed(context_.settlement, *delivery_, record_, lane_);
  absl::Status failed = shadowed.status();
  if (failed.ok() && *shadowed) {
    StartLegs();  // none: acknowledged unseen
    co_return;
  }
  std::vector<std::pair<Mail*, queue::Held>> ours;
  for (Mail& mail : *record_.mutable_mails()) {
    if (!failed.ok()) break;
    absl::StatusOr<queue::Held> held =
        co_await queue::Look(context_.settlement, record_, mail, *delivery_, lane_);
    failed = held.status();
    if (!failed.ok()) break;
    if (held->acceptance_missing && mail.generation() == 0) accepted_.push_back(queue::AcceptedEvent(mail));
    ours.emplace_back(&mail, *std::move(held));
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
  const WallTime now = context_.settlement.broker.Now();
  if (queue::FromProto(leg.mail->expire_time()) <= now) {
    return settlement_->EndLeg(
        {ExpiredEvents(leg, {Verdict::kNotTried, {}, leg.positions}, now), std::nullopt, leg.mail});
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
  job.may_finish = [delivery = delivery_] { return delivery->Leased(); };
  if (leg.mail->has_body_reference()) {
    job.read_chunk = [&broker = context_.settlement.broker, id = leg.mail->body_reference().body_id()](
                         std::uint32_t chunk) { return queue::ReadBodyChunk(broker, id, chunk); };
  }
  job.on_begin = [slot = leg.slot](bool begun) { slot->Begin(begun); };
  job.done = [self = shared_from_this(), leg = std::move(leg)](const std::vector<Result>& results) {
    self->OnResults(leg, results);
  };
  context_.dispatcher.Deliver(std::move(job));
}

// All of a leg's recipients that are tried again move together, in one copy: its subject names mail,
// generation and domain, and a second copy under it would replace the first.
void RecordWork::OnResults(const Leg& leg, const std::vector<Result>& results) {
  if (std::any_of(results.begin(), results.end(), IsForfeit)) delivery_->Forfeit();
  const Mail& mail = *leg.mail;
  const WallTime now = context_.settlement.broker.Now();
  const bool tried = std::any_of(results.begin(), results.end(),
                                 [](const Result& result) { return result.verdict != Verdict::kNotTried; });
  const std::uint32_t attempts = mail.attempts() + (tried ? 1 : 0);
  queue::Settlement::LegEnd end;
  std::vector<std::pair<const Result*, Decision>> retries;
  bool returned = false;
  for (const Result& result : results) {
    if (IsForfeit(result) || IsShutdown(result)) {
      returned = true;
      continue;
    }
    Attempt attempt{.verdict = result.verdict,
                    .ambiguous = result.outcome.ambiguous(),
                    .ambiguous_policy = mail.ambiguous_policy(),
                    .wait = result.wait,
                    .attempts = attempts,
                    .now = now,
                    .expire_time = queue::FromProto(mail.expire_time()),
                    .random = Random()};
    const Decision decision = DecideNext(context_.retry, attempt);
    if (result.outcome.ambiguous())
      context_.metrics.ambiguous.Add(static_cast<double>(result.recipients.size()));
    if (decision.next == Next::kRetry) {
      retries.emplace_back(&result, decision);
      continue;
    }
    if (decision.next == Next::kExpire) {
      std::vector<Event> expired = ExpiredEvents(leg, result, now);
      std::move(expired.begin(), expired.end(), std::back_inserter(end.events));
    } else {
      end.events.push_back(EndEvent(mail, result, decision, now));
    }
    end.ended_mail = leg.mail;
  }
  if (returned) {
    // What ended is told; the rest goes back with the record, moves included: the next holder makes them
    // anew.
    context_.metrics.recipients.With("returned").Add();
    return settlement_->ReturnLeg(std::move(end));
  }
  if (!retries.empty()) AddMove(leg, retries, attempts, now, end);
  settlement_->EndLeg(std::move(end));
}

std::vector<queue::v1::Event> RecordWork::ExpiredEvents(const Leg& leg, const Result& ended, WallTime now) {
  static const LastOutcomes kNone;
  std::vector<Event> events;
  for (const Result& expired : ExpiredResults(ended, leg.last != nullptr ? *leg.last : kNone)) {
    events.push_back(EndEvent(*leg.mail, expired, {Next::kExpire, {}}, now));
  }
  return events;
}

queue::v1::Event RecordWork::EndEvent(const Mail& mail, const Result& result, const Decision& decision,
                                      WallTime now) {
  queue::v1::EventType type = queue::v1::EVENT_TYPE_BOUNCED;
  const char* word = "bounced";
  if (decision.next == Next::kDelivered) {
    type = queue::v1::EVENT_TYPE_DELIVERED;
    word = "delivered";
    context_.metrics.delivery_seconds.Observe(
        std::chrono::duration_cast<std::chrono::nanoseconds>(now - queue::FromProto(mail.accept_time())));
  } else if (decision.next == Next::kExpire) {
    type = queue::v1::EVENT_TYPE_EXPIRED;
    word = "expired";
  }
  LogEnd(mail, word, result);
  context_.metrics.recipients.With(word).Add(static_cast<double>(result.recipients.size()));
  Event event = queue::MakeEvent(mail, type, result.recipients, now);
  event.set_attempts(mail.attempts() + (result.verdict == Verdict::kNotTried ? 0 : 1));
  *event.mutable_outcome() = result.outcome;
  if (decision.next == Next::kUnknownOutcome) {
    event.mutable_outcome()->set_reason(queue::v1::REASON_OUTCOME_UNKNOWN);
  }
  return event;
}

void RecordWork::AddMove(const Leg& leg, const std::vector<std::pair<const Result*, Decision>>& retries,
                         std::uint32_t attempts, WallTime now, queue::Settlement::LegEnd& end) {
  std::vector<std::uint32_t> positions;
  WallTime at = retries.front().second.at;
  for (const auto& [result, decision] : retries) {
    positions.insert(positions.end(), result->recipients.begin(), result->recipients.end());
    at = std::min(at, decision.at);
  }
  std::sort(positions.begin(), positions.end());
  end.copy = queue::MakeCopy(record_, *leg.mail, positions, leg.domain, attempts, at);
  end.copy->in_hand = leg.mail;
  for (const auto& [result, decision] : retries) {
    const bool busy = IsBusy(*result);
    if (!busy) LogEnd(*leg.mail, "deferred", *result);
    const auto count = static_cast<double>(result->recipients.size());
    context_.metrics.recipients.With(busy ? "busy" : "deferred").Add(count);
    Event event = queue::MakeEvent(*leg.mail, queue::v1::EVENT_TYPE_DEFERRED, result->recipients, now);
    event.set_generation(end.copy->mail().generation());
    event.set_attempts(attempts);
    *event.mutable_next_attempt_time() = queue::ToProto(at);
    *event.mutable_outcome() = result->outcome;
    end.events.push_back(std::move(event));
  }
}

void RecordWork::Release() {
  settlement_ = nullptr;
  if (done_) std::exchange(done_, nullptr)();
}

}  // namespace goniec::outbound
