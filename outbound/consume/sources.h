// Where a worker's records come from: one consumer each for new transactional mail, new bulk mail and mail
// that is due, in every lane; and how many of each it asks for, by what is in hand (slots.h). The worker adds
// the sources and says what came into hand or left. What happens to a record is not decided here, nor is when
// a source rests (rest.h).
//
// Confined to the worker's executor; records() may be called from others.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "common/observe/metrics.h"
#include "common/queue/hold/puller.h"
#include "outbound/consume/record_work.h"
#include "outbound/consume/slots.h"
#include "outbound/consume/source_rest.h"

namespace goniec::outbound {

// One consumer. The puller calls back with its source: a Source is never moved.
struct Source {
  Kind kind = Kind::kTransactional;
  std::unique_ptr<queue::Puller> puller;
  // For the records that come from it.
  std::unique_ptr<WorkContext> context;
  SourceRest rest;
};

class Sources {
 public:
  // `lanes`: the sources of one kind, which share what it may ask for. `config` and `metrics` must outlive
  // this.
  Sources(const WorkerConfig& config, int lanes, observe::Metrics& metrics);

  // Valid until Clear().
  Source& Add(Kind kind);
  [[nodiscard]] const std::vector<std::unique_ptr<Source>>& all() const { return sources_; }
  // Null if there is none.
  [[nodiscard]] Source* Find(std::string_view stream, std::string_view consumer) const;

  // Records that the source may ask for now.
  [[nodiscard]] int Wanted(const Source& source) const;
  // Asks for nothing new while outcomes cannot be stored.
  void Hold(bool held);
  // Asks for nothing more, for good.
  void Stop();
  [[nodiscard]] bool stopped() const { return stopped_; }
  // No source is left. Stop() first.
  void Clear() { sources_.clear(); }

  void Pause();
  void Distrust();

  // What came into hand or left it; when there is less than before, the others may ask for more.
  void Count(Kind kind, const InHand& change);
  // A record's size, by which the next ones are reckoned.
  void Note(Kind kind, std::int64_t mails, std::int64_t bytes);
  [[nodiscard]] std::size_t records() const { return records_; }

 private:
  void Rebalance();

  const WorkerConfig& config_;
  const int lanes_;
  observe::Gauge mails_gauge_;
  observe::Gauge waiting_gauge_;
  observe::Gauge bytes_gauge_;
  observe::Gauge records_gauge_;
  InHandByKind counts_{};
  std::array<RecordSize, kKinds> sizes_{};
  std::vector<std::unique_ptr<Source>> sources_;
  bool held_ = false;
  bool stopped_ = false;
  std::atomic<std::size_t> records_{0};
};

}  // namespace goniec::outbound
