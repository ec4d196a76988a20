#include "tests/model/shelf/state.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace goniec::model::shelf {
namespace {

class Writer {
 public:
  template <typename Value>
  void operator()(Value& value, int bits) {
    word_ |= static_cast<std::uint64_t>(value) << at_;
    at_ += bits;
  }
  [[nodiscard]] std::uint64_t word() const { return word_; }
  [[nodiscard]] int bits() const { return at_; }

 private:
  std::uint64_t word_ = 0;
  int at_ = 0;
};

class Reader {
 public:
  explicit Reader(std::uint64_t word) : word_(word) {}
  template <typename Value>
  void operator()(Value& value, int bits) {
    value = static_cast<Value>(word_ & ((1U << bits) - 1));
    word_ >>= bits;
  }

 private:
  std::uint64_t word_;
};

template <typename Visitor, typename S>
void VisitStored(Visitor& visit, S& state) {
  for (auto& item : state.items) {
    visit(item.mails, 2);
    visit(item.generation, 2);
    visit(item.released, 1);
    visit(item.pending, 1);
    visit(item.counted, 1);
    visit(item.gone, 1);
  }
  for (auto& shelved : state.shelf) {
    visit(shelved.mails, 2);
    visit(shelved.generation, 2);
    visit(shelved.on_shelf, 1);
    visit(shelved.known, 1);
    visit(shelved.released_known, 1);
  }
}

template <typename Visitor, typename W>
void VisitWorker(Visitor& visit, W& worker) {
  visit(worker.at, 4);
  visit(worker.item, 3);
  visit(worker.generation, 2);
  visit(worker.leased, 1);
  visit(worker.left, 2);
  visit(worker.mail, 1);
  for (auto& leg : worker.legs) visit(leg, 3);
  visit(worker.after_end, 2);
  visit(worker.marked, 2);
  visit(worker.owes_mark, 1);
}

template <typename Visitor, typename K>
void VisitKeeper(Visitor& visit, K& keeper) {
  visit(keeper.at, 2);
  visit(keeper.to_release, 3);
  visit(keeper.up_to, 2);
  visit(keeper.current, 1);
}

template <typename Visitor, typename S>
void VisitRest(Visitor& visit, S& state) {
  for (auto& keeper : state.keepers) VisitKeeper(visit, keeper);
  for (auto& mail : state.mails) {
    visit(mail.generation, 2);
    visit(mail.ended, 1);
    visit(mail.not_delivered, 1);
    visit(mail.taken, 1);
    visit(mail.taker, 2);
    for (auto& waits : mail.waits) visit(waits, 1);
    for (auto& known : mail.known) visit(known, 1);
  }
  visit(state.hour, 2);
  visit(state.minute_passed, 1);
  visit(state.mark, 1);
  visit(state.mark_fresh, 1);
  visit(state.late, 3);
  visit(state.late_mails, 2);
  visit(state.late_generation, 2);
  visit(state.faults, 3);
  visit(state.violation, 3);
}

std::uint64_t Rank(const Worker& worker, const State& state, int w) {
  Writer writer;
  VisitWorker(writer, worker);
  std::uint64_t rank = writer.word();
  for (const Mail& mail : state.mails) rank = rank << 1 | (mail.taker == w + 1 ? 1 : 0);
  return rank;
}

std::uint64_t Rank(const Keeper& keeper) {
  Writer writer;
  VisitKeeper(writer, keeper);
  return writer.word();
}

Key KeyOf(State& state) {
  if (Rank(state.workers[0], state, 0) > Rank(state.workers[1], state, 1)) {
    std::swap(state.workers[0], state.workers[1]);
    for (Mail& mail : state.mails) {
      if (mail.taker != 0) mail.taker = static_cast<std::uint8_t>(3 - mail.taker);
    }
  }
  if (Rank(state.keepers[0]) < Rank(state.keepers[1])) std::swap(state.keepers[0], state.keepers[1]);
  Writer stored;
  VisitStored(stored, state);
  Writer workers;
  for (Worker& worker : state.workers) VisitWorker(workers, worker);
  Writer rest;
  VisitRest(rest, state);
  return {stored.word(), workers.word(), rest.word()};
}

std::uint8_t Swapped(std::uint8_t mails) {
  return static_cast<std::uint8_t>((mails >> 1 & 1) | (mails & 1) << 1);
}

void SwapMails(State& state) {
  for (Item& item : state.items) item.mails = Swapped(item.mails);
  for (Shelved& shelved : state.shelf) shelved.mails = Swapped(shelved.mails);
  for (Worker& worker : state.workers) {
    worker.left = Swapped(worker.left);
    if (worker.at >= At::kWait && worker.at <= At::kFinishMove) worker.mail ^= 1;
    worker.after_end = Swapped(worker.after_end);
    std::swap(worker.legs[0], worker.legs[1]);
  }
  std::swap(state.mails[0], state.mails[1]);
  if (state.late == Late::kShelved || state.late == Late::kCopy) state.late_mails = Swapped(state.late_mails);
}

bool Less(const Key& a, const Key& b) {
  return std::tie(a.stored, a.workers, a.rest) < std::tie(b.stored, b.workers, b.rest);
}

}  // namespace

Key Pack(const State& state) {
  State same = state;
  State swapped = state;
  SwapMails(swapped);
  const Key key = KeyOf(same);
  const Key other = KeyOf(swapped);
  return Less(other, key) ? other : key;
}

State Unpack(Key key) {
  State state;
  Reader stored(key.stored);
  VisitStored(stored, state);
  Reader workers(key.workers);
  for (Worker& worker : state.workers) VisitWorker(workers, worker);
  Reader rest(key.rest);
  VisitRest(rest, state);
  return state;
}

int BitsOfFullestWord() {
  State state;
  Writer stored;
  VisitStored(stored, state);
  Writer workers;
  for (Worker& worker : state.workers) VisitWorker(workers, worker);
  Writer rest;
  VisitRest(rest, state);
  return std::max({stored.bits(), workers.bits(), rest.bits()});
}

}  // namespace goniec::model::shelf
