// The end of one record in hand: gathers what happened to its mails, stores the events, then the moves, then
// acknowledges the record (README.md, "The holder rule"). The worker opens a leg for every mail and
// destination domain of the record and ends each exactly once. What follows from an attempt is not decided
// here.
//
// A move to WAIT goes to the shelf for its time instead while WAIT has no room for it, and where several of
// the record may lie there together. Its event is the same: where a record lies until its time is nobody's
// business but its finders'.
//
// Events of legs that are done wait at most 20 ms for the others, and for no move: those are stored one after
// the other beside them. Moves to one shelf go together as far as they are there then. `accepted` goes alone
// if nothing has followed within 250 ms.
//
// Confined to its executor.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/queue/hold/delivery.h"
#include "common/queue/hold/move.h"
#include "common/queue/hold/store_move.h"
#include "common/queue/model/subjects.h"
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
  // Sees to it that a site's shelf has its mark (shelf_marks.h) before anything is put there; nothing where
  // nobody keeps shelves.
  std::function<asio::awaitable<absl::Status>(ShelfPlace place, std::string site_name)> see_to_mark = {};
  // True while WAIT has no room for more (streams/waiting_room.h): retries go to kLaterShelf.
  std::function<bool()> waiting_full = {};
};

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
    // One of them tells of the move, if there is one: its type and generation are the move's.
    std::vector<v1::Event> events;
    std::optional<Move> move;
    // Set if a recipient ended: should it be the message's last, a stored body is deleted.
    std::shared_ptr<const v1::Mail> ended_mail;
  };
  void EndLeg(LegEnd end);
  // The leg was not tried, or only some of it ended (`end`, without a move): the record goes back to the
  // broker once the others are settled, and its next holder looks: at once, or after `delay` (the longest of
  // all legs').
  void ReturnLeg(LegEnd end = {}, std::chrono::milliseconds delay = std::chrono::milliseconds(0));

  [[nodiscard]] const Delivery& delivery() const { return *delivery_; }

 private:
  void ScheduleFlush();
  void Flush();
  asio::awaitable<void> FlushOnce();
  // Behind those that are waiting already.
  void AddMoves(std::vector<Move> moves);
  asio::awaitable<void> StoreMoves();
  asio::awaitable<void> CloseIfDone();
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
  bool moving_ = false;
  bool closed_ = false;
  asio::steady_timer timer_;
  std::optional<std::chrono::milliseconds> armed_;  // what the timer waits for
  std::vector<v1::Event> accepted_;
  std::vector<v1::Event> events_;
  std::vector<Move> moves_;
  std::vector<Move> to_store_;  // moves of which it is told
  std::vector<std::shared_ptr<const v1::Mail>> ended_;
  MovedBodies bodies_;  // those that left their mail here
};

}  // namespace goniec::queue
