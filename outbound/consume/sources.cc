#include "outbound/consume/sources.h"

#include <utility>

namespace goniec::outbound {

Sources::Sources(const WorkerConfig& config, int lanes, observe::Metrics& metrics)
    : config_(config),
      lanes_(lanes),
      mails_gauge_(metrics.AddGauge("goniec_mails_in_hand", "Mails that this worker has in hand.")),
      waiting_gauge_(metrics.AddGauge("goniec_mails_waiting", "Mails in hand that no connection has yet.")),
      bytes_gauge_(metrics.AddGauge("goniec_mail_bytes_in_hand",
                                    "Memory for the mails that this worker has in hand, about.")),
      records_gauge_(metrics.AddGauge("goniec_records_in_hand", "Records that this worker has in hand.")) {}

Source& Sources::Add(Kind kind) {
  Source& source = *sources_.emplace_back(std::make_unique<Source>());
  source.kind = kind;
  return source;
}

Source* Sources::Find(std::string_view stream, std::string_view consumer) const {
  for (const auto& source : sources_) {
    if (source->puller->stream() == stream && source->puller->consumer() == consumer) return source.get();
  }
  return nullptr;
}

int Sources::Wanted(const Source& source) const {
  if (held_ || stopped_) return 0;
  return ShareOfLane(
      RecordsToAsk(config_, source.kind, counts_, sizes_[static_cast<std::size_t>(source.kind)]), lanes_);
}

void Sources::Hold(bool held) {
  held_ = held;
  Rebalance();
}

void Sources::Stop() {
  stopped_ = true;
  for (const auto& source : sources_) source->puller->Stop();
}

void Sources::Pause() {
  for (const auto& source : sources_) source->puller->Pause();
}

void Sources::Distrust() {
  for (const auto& source : sources_) source->puller->Distrust();
}

void Sources::Count(Kind kind, const InHand& change) {
  counts_[static_cast<std::size_t>(kind)] += change;
  records_ += static_cast<std::size_t>(change.records);
  records_gauge_.Set(static_cast<double>(records_));
  mails_gauge_.Add(static_cast<double>(change.mails));
  bytes_gauge_.Add(static_cast<double>(change.bytes));
  waiting_gauge_.Add(static_cast<double>(change.waiting_mails));
  const bool less = change.records < 0 || change.bytes < 0 || change.waiting_mails < 0;
  if (less) Rebalance();
}

void Sources::Note(Kind kind, std::int64_t mails, std::int64_t bytes) {
  sizes_[static_cast<std::size_t>(kind)].Note(mails, bytes);
}

void Sources::Rebalance() {
  if (stopped_) return;
  for (const auto& source : sources_) source->puller->WantedChanged();
}

}  // namespace goniec::outbound
