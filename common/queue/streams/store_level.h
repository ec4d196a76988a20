// Measures how full each room is (admission.h), and tells whether new mail may be taken: reads the size of
// all streams every second and adds the bytes that this process has stored since. Asked by the publisher
// before it takes a mail, and by both services before they take a large body.
//
// Admit() and Added() are thread-safe; the rest is confined to its owner.
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "common/queue/model/subjects.h"

namespace goniec::observe {
class Metrics;
}

namespace goniec::queue {

class Broker;
struct QueueConfig;

class StoreLevel {
 public:
  // All must outlive it; `metrics` too. Exports goniec_store_used_bytes and goniec_store_capacity_bytes (all
  // streams), goniec_room_used_bytes and goniec_room_capacity_bytes (by room), goniec_waiting_mails,
  // goniec_held_records, goniec_store_accepting (by class) and goniec_store_full (by room: it stops some
  // acceptance).
  StoreLevel(Broker& broker, const QueueConfig& config, observe::Metrics& metrics,
             asio::any_io_executor executor);
  // Stop() first.
  ~StoreLevel();
  StoreLevel(const StoreLevel&) = delete;
  StoreLevel& operator=(const StoreLevel&) = delete;

  void Start();
  // Blocks the caller (never a thread of the executor) until nothing runs any more.
  void Stop();

  // OK, or kResourceExhausted with the room that is full (RoomOf) and its level. Before the first reading
  // everything is taken: the streams' own limits hold meanwhile.
  [[nodiscard]] absl::Status Admit(MailClass mail_class) const;
  // This process has stored so many bytes of mail more.
  void Added(std::uint64_t bytes);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::queue
