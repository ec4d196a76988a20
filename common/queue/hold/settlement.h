// The end of one record in hand: gathers what happened to its mails, stores the events, then the copies, then
// acknowledges the record (DESIGN: "event, then copy, then ack"). The worker opens a leg for every mail and
// destination domain of the record and ends each exactly once.
//
// Events of legs that are done wait at most 20 ms for the others; `accepted` goes alone if nothing has
// followed within 250 ms. Confined to its executor.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/queue/hold/delivery.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec {
class TaskGroup;
}

namespace goniec::queue {

class Broker;
class MessageFinder;
class StalledWrites;
struct QueueConfig;

// What the settlements of a worker share. All must outlive them.
struct SettlementContext {
  Broker& broker;
  MessageFinder& finder;
  const QueueConfig& config;
  TaskGroup& tasks;
  StalledWrites& stalled;
  asio::any_io_executor executor;
  // The domain by which recipients are grouped: canonical, the same in every process.
  std::function<std::string(const std::string& address)> domain_of;
  // True once waiting for an absent broker makes no sense any more (the grace period is over).
  std::function<bool()> give_up;
};

// A mail to be put into WAIT: the recipients of one leg that are tried again at `at`. The same for everybody
// who derives it from the mail and the event, so that an interrupted move can be finished by another worker.
struct Copy {
  v1::Record record;  // of the mail alone
  std::string domain;
  WallTime at;
  // Kept until the copy is stored: what the mail counts for is in memory until then.
  std::shared_ptr<const void> in_hand = nullptr;

  [[nodiscard]] const v1::Mail& mail() const { return record.mails(0); }
};
// `mail`, one of `record`'s, with only the recipients at `positions`, one generation on. Whatever else stands
// in the record, the mail and the recipients goes along, fields of a later version included. `record` may
// have lost its mails.
Copy MakeCopy(const v1::Record& record, const v1::Mail& mail, const std::vector<std::uint32_t>& positions,
              std::string domain, std::uint32_t attempts, WallTime at);

// Publishes a copy, repeating until it is stored; false if `may_move` says no before that. A body over 1 KiB
// goes to BODIES first, once for all copies of a message: `body` remembers where (must outlive the call).
asio::awaitable<bool> StoreCopy(SettlementContext& context, Copy copy, int lane,
                                std::function<bool()> may_move, v1::BodyReference& body);

class Settlement : public std::enable_shared_from_this<Settlement> {
 public:
  // `lane` is the record's. `done` is called once, when nothing of the record is in hand any more.
  Settlement(SettlementContext& context, std::shared_ptr<Delivery> delivery, int lane,
             std::function<void()> done);
  ~Settlement();

  // The `accepted` events of the record's mails: they go with what follows.
  void Accepted(std::vector<v1::Event> events);
  // The record may have been in other hands before.
  void Looked() { looked_ = true; }
  // All legs are opened before the first of them can end: Start() says that they are.
  void OpenLeg() { ++open_legs_; }
  void Start();

  struct LegEnd {
    std::vector<v1::Event> events;
    std::optional<Copy> copy;
    // Set if a recipient ended: should it be the message's last, a stored body is deleted.
    std::shared_ptr<const v1::Mail> ended_mail;
  };
  void EndLeg(LegEnd end);
  // The leg was not tried, or only some of it ended (`end`, without a copy): the record goes back to the
  // broker once the others are settled, and its next holder looks: at once, or after `delay` (the longest of
  // all legs').
  void ReturnLeg(LegEnd end = {}, std::chrono::milliseconds delay = std::chrono::milliseconds(0));

  [[nodiscard]] const Delivery& delivery() const { return *delivery_; }

 private:
  void ScheduleFlush();
  void Flush();
  asio::awaitable<void> FlushOnce();
  asio::awaitable<bool> StoreNote();
  // Empty if no body of the mail lies in BODIES.
  [[nodiscard]] std::string StoredBodyId(const v1::Mail& mail) const;
  asio::awaitable<void> DeleteEndedBodies(std::vector<std::shared_ptr<const v1::Mail>> mails);
  void Close();

  SettlementContext& context_;
  std::shared_ptr<Delivery> delivery_;
  const int lane_;
  std::function<void()> done_;

  int open_legs_ = 0;
  bool started_ = false;
  bool returned_ = false;
  bool looked_ = false;
  // What was stored says which record of READY it is about. A copy needs no name: its record had one.
  bool named_;
  std::chrono::milliseconds return_delay_{0};
  bool flushing_ = false;
  bool timer_armed_ = false;
  std::vector<v1::Event> accepted_;
  std::vector<v1::Event> events_;
  std::vector<Copy> copies_;
  std::vector<std::shared_ptr<const v1::Mail>> ended_;
  std::map<std::string, v1::BodyReference> bodies_;  // by message id: those that left their mail here
};

}  // namespace goniec::queue
