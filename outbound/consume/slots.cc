#include "outbound/consume/slots.h"

#include <algorithm>

namespace goniec::outbound {
namespace {

// The part that is kept for each kind, in percent.
constexpr std::array<std::int64_t, kKinds> kKept = {30, 10, 10};
// What comes beyond the bounds, should records be larger than those before, is at most this.
constexpr std::int64_t kMostAsked = 32;
constexpr double kWeightOfNewest = 0.125;

std::int64_t KeptFor(std::size_t kind, std::int64_t limit) {
  return std::max<std::int64_t>(1, limit * kKept[kind] / 100);
}

std::array<std::int64_t, kKinds> Each(const InHandByKind& in_hand, std::int64_t InHand::* amount) {
  std::array<std::int64_t, kKinds> amounts{};
  for (std::size_t i = 0; i < kKinds; ++i) amounts[i] = in_hand[i].*amount;
  return amounts;
}

// Records of this size that fit into what is free; one if there is any room at all.
std::int64_t Fitting(std::int64_t free, double size) {
  if (free <= 0) return 0;
  return std::max<std::int64_t>(1,
                                static_cast<std::int64_t>(static_cast<double>(free) / std::max(1.0, size)));
}

}  // namespace

InHand& InHand::operator+=(const InHand& other) {
  records += other.records;
  mails += other.mails;
  bytes += other.bytes;
  waiting_mails += other.waiting_mails;
  waiting_bytes += other.waiting_bytes;
  return *this;
}

InHand& InHand::operator-=(const InHand& other) {
  return *this += -other;
}

InHand operator-(const InHand& in_hand) {
  return {-in_hand.records, -in_hand.mails, -in_hand.bytes, -in_hand.waiting_mails, -in_hand.waiting_bytes};
}

void RecordSize::Note(std::int64_t record_mails, std::int64_t record_bytes) {
  mails += (static_cast<double>(record_mails) - mails) * kWeightOfNewest;
  bytes += (static_cast<double>(record_bytes) - bytes) * kWeightOfNewest;
}

std::int64_t FreeFor(Kind kind, std::int64_t limit, const std::array<std::int64_t, kKinds>& taken) {
  const auto own = static_cast<std::size_t>(kind);
  std::int64_t free = limit;
  for (std::size_t i = 0; i < kKinds; ++i) {
    free -= i == own ? taken[i] : std::max(taken[i], KeptFor(i, limit));
  }
  return std::max<std::int64_t>({0, free, KeptFor(own, limit) - taken[own]});
}

int ShareOfLane(int records, int lanes) {
  return records == 0 ? 0 : std::max(1, records / lanes);
}

int RecordsToAsk(const WorkerConfig& config, Kind kind, const InHandByKind& in_hand, const RecordSize& size) {
  const auto bytes = static_cast<std::int64_t>(config.bytes_in_hand.bytes);
  const std::int64_t mails =
      FreeFor(kind, static_cast<std::int64_t>(config.slots), Each(in_hand, &InHand::waiting_mails));
  const std::int64_t waiting_bytes = FreeFor(kind, bytes / 2, Each(in_hand, &InHand::waiting_bytes));
  const std::int64_t all_bytes = FreeFor(kind, bytes, Each(in_hand, &InHand::bytes));
  const std::int64_t records =
      FreeFor(kind, static_cast<std::int64_t>(config.records_in_hand), Each(in_hand, &InHand::records));
  return static_cast<int>(std::min({kMostAsked, records, Fitting(mails, size.mails),
                                    Fitting(waiting_bytes, size.bytes), Fitting(all_bytes, size.bytes)}));
}

}  // namespace goniec::outbound
