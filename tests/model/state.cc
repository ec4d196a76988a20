#include "tests/model/state.h"

#include <type_traits>
#include <utility>

namespace goniec::model {
namespace {

class Writer {
 public:
  template <typename Value>
  void operator()(Value& value, int bits) {
    bits_ |= static_cast<unsigned __int128>(static_cast<std::uint8_t>(value)) << at_;
    at_ += bits;
  }
  [[nodiscard]] Key key() const {
    return {static_cast<std::uint64_t>(bits_), static_cast<std::uint64_t>(bits_ >> 64)};
  }
  [[nodiscard]] int bits() const { return at_; }
  [[nodiscard]] std::uint64_t low() const { return static_cast<std::uint64_t>(bits_); }

 private:
  unsigned __int128 bits_ = 0;
  int at_ = 0;
};

class KeyReader {
 public:
  explicit KeyReader(Key key) : bits_(static_cast<unsigned __int128>(key.high) << 64 | key.low) {}
  template <typename Value>
  void operator()(Value& value, int bits) {
    value = static_cast<Value>(static_cast<std::uint8_t>(bits_) & ((1U << bits) - 1));
    bits_ >>= bits;
  }

 private:
  unsigned __int128 bits_;
};

template <typename Visitor, typename W>
void VisitWorker(Visitor& visit, W& worker) {
  visit(worker.at, 5);
  visit(worker.item, 3);
  visit(worker.connected, 1);
  visit(worker.leased, 1);
  visit(worker.renewing, 1);
  visit(worker.fooled, 1);
  visit(worker.must_look, 1);
  visit(worker.resend, 1);
  visit(worker.outcome, 2);
  visit(worker.found, 1);
  visit(worker.next_announced, 1);
  visit(worker.event_stored, 1);
  visit(worker.excused, 1);
  visit(worker.after_end, 1);
}

template <typename Visitor, typename S>
void Visit(Visitor& visit, S& state) {
  for (int i = 0; i < kItems; ++i) {
    auto& item = state.items[static_cast<std::size_t>(i)];
    visit(item.place, 2);
    visit(item.counted, 1);
    visit(item.before_start, 1);
    visit(item.left_alone, 1);
    visit(item.before_reset, 1);
    if (GenerationOf(i) == 0) visit(item.marked, 1);
  }
  for (auto& waiting : state.waiting) visit(waiting, 1);
  for (auto& known : state.copy_known) visit(known, 1);
  visit(state.record_known, 1);
  visit(state.publisher, 3);
  visit(state.late, 3);
  visit(state.late_about, 3);
  visit(state.resetting, 2);
  visit(state.faults, 3);
  visit(state.ends, 2);
  visit(state.not_delivered, 1);
  visit(state.generation, 2);
  visit(state.taken, 1);
  visit(state.violation, 4);
  for (auto& late : state.end_is_late) visit(late, 1);
  visit(state.early_events, 1);
  visit(state.late_events, 1);
  visit(state.minute, 2);
  visit(state.reader.at, 4);
  visit(state.reader.known, 1);
  visit(state.reader.end, 2);
  visit(state.reader.shown, 2);
  visit(state.taker, 2);
  for (auto& worker : state.workers) VisitWorker(visit, worker);
}

std::uint64_t Rank(const Worker& worker, bool is_taker) {
  Writer writer;
  VisitWorker(writer, worker);
  return writer.low() << 1 | (is_taker ? 1 : 0);
}

}  // namespace

Key Pack(const State& state) {
  State sorted = state;
  if (Rank(state.workers[0], state.taker == 1) > Rank(state.workers[1], state.taker == 2)) {
    std::swap(sorted.workers[0], sorted.workers[1]);
    if (sorted.taker != 0) sorted.taker = static_cast<std::uint8_t>(3 - sorted.taker);
  }
  Writer writer;
  Visit(writer, sorted);
  return writer.key();
}

State Unpack(Key key) {
  State state;
  KeyReader reader(key);
  Visit(reader, state);
  return state;
}

int BitsOfState() {
  State state;
  Writer writer;
  Visit(writer, state);
  return writer.bits();
}

}  // namespace goniec::model
