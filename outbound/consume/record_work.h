// One record in the worker's hands, from its delivery to its settlement: it is looked at, split into legs
// (one mail's recipients of one domain), routed, handed to the dispatcher and settled. The worker makes one
// for each record; it lives as long as one of its legs or its settlement does. What follows from an attempt
// is decided in conclude.h, and whose a recipient is in common/queue/hold/holder.h.
//
// Confined to the worker's executor.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/observe/metrics.h"
#include "common/queue/hold/delivery.h"
#include "common/queue/hold/holder.h"
#include "common/queue/hold/settlement.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/consume/conclude.h"
#include "outbound/consume/held_mail.h"
#include "outbound/consume/slots.h"
#include "outbound/outcome/expiry.h"
#include "outbound/outcome/result.h"
#include "outbound/retry/retry.h"
#include "outbound/route/route.h"

namespace goniec::outbound {

class Dispatcher;
class Router;

// What attempts made of recipients, by result, and how long it took from acceptance.
struct WorkMetrics {
  explicit WorkMetrics(observe::Metrics& metrics);
  observe::CounterBy recipients;  // delivered, bounced, expired, deferred, busy, returned
  observe::Counter ambiguous;
  observe::Counter looked;
  observe::Histogram delivery_seconds;  // acceptance to delivery
};

// What the records of a worker share. All must outlive the records.
struct WorkContext {
  queue::SettlementContext& settlement;
  const Router& router;
  Dispatcher& dispatcher;
  const RetryPolicy& retry;
  const WorkMetrics& metrics;
  // True while this process may start something: not draining, not just thawed.
  std::function<bool()> may_work;
  // Slots: called with what came into hand, began, or left.
  std::function<void(const InHand& change)> in_hand;
  // New mail of the tenant yields in the lane (ready_turns.h). May be empty.
  std::function<bool(int lane, const std::string& tenant)> yields = {};
};

class RecordWork : public std::enable_shared_from_this<RecordWork> {
 public:
  // `done` is called once, when the record has left our hands.
  RecordWork(WorkContext& context, std::shared_ptr<queue::Delivery> delivery, std::function<void()> done);

  // Not OK if the payload is no record of ours (what is wrong with it); nothing was done then.
  [[nodiscard]] absl::Status Parse();
  // Valid between Parse() and Begin().
  [[nodiscard]] int mails() const { return record_.mails_size(); }
  // Acts on it: at once if `must_look` is false.
  void Begin(bool must_look);

 private:
  // One mail's recipients of one domain.
  struct Leg {
    std::shared_ptr<const queue::v1::Mail> mail;
    std::string domain;
    std::vector<std::uint32_t> positions;
    std::shared_ptr<const LastOutcomes> last;  // null if the record was not looked at
    std::shared_ptr<HeldMail::Leg> slot;
    std::string site = {};  // Route::site, once it is routed
  };

  asio::awaitable<void> LookThenBegin();
  // Of each mail, the recipients at the positions. `mails` and `ids` name the same ones. False if that took
  // so long that what was read may be old: interrupted moves were finished.
  asio::awaitable<absl::StatusOr<bool>> LookAtAll(
      const std::vector<std::pair<queue::v1::Mail*, std::vector<std::uint32_t>>>& mails,
      const std::vector<std::string>& ids, std::vector<std::pair<queue::v1::Mail*, queue::Held>>& ours);
  void OpenMail(queue::v1::Mail mail, const std::vector<std::uint32_t>& positions,
                std::shared_ptr<const LastOutcomes> last);
  void GiveUpUnopened();
  void StartLegs();
  void StartLeg(Leg leg);
  asio::awaitable<void> RouteLeg(Leg leg);
  void DispatchLeg(Leg leg, const RouteResult& route);
  void OnResults(const Leg& leg, const std::vector<Result>& results);
  void Tell(const Leg& leg, const Conclusion& conclusion, WallTime now);
  void Release();

  WorkContext& context_;
  std::shared_ptr<queue::Delivery> delivery_;
  std::function<void()> done_;
  int lane_ = 0;
  // The site whose shelf it comes from, as a token; empty if it comes from none.
  std::string shelf_site_;
  queue::v1::Record record_;
  std::shared_ptr<queue::Settlement> settlement_;
  std::vector<queue::v1::Event> accepted_;
  std::vector<Leg> legs_;
  InHand unopened_;  // what counts for mails that have no legs yet
};

}  // namespace goniec::outbound
