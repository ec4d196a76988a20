#include "common/queue/hold/shadow.h"

#include <utility>

#include "common/queue/events/message_finder.h"
#include "common/queue/hold/delivery.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

// Where records may lie that hold recipients of this one at its generation. One mail's recipients of one
// domain have one subject in WAIT, whoever moves them there; from a shelf they come among others.
std::vector<StoredPlace> PlacesOf(const Delivery& delivery, const v1::Record& record, int lane) {
  const DeliveryInfo& info = delivery.info();
  const StoredPlace own{info.stream, delivery.subject()};
  if (info.consumer != kDueConsumer) {
    return delivery.resend() ? std::vector<StoredPlace>{own} : std::vector<StoredPlace>{};
  }
  std::vector<StoredPlace> places;
  if (!IsReleased(delivery.subject())) {
    places.push_back(own);
  } else {
    for (const v1::Mail& mail : record.mails()) {
      places.push_back(DuePlace(lane, mail.tenant(), mail.message_id(), mail.generation()));
    }
  }
  places.push_back(ReleasedPlace(lane, record.mails(0).tenant(), SlotOf(record.record_id())));
  return places;
}

}  // namespace

Shadow::Shadow(const v1::Record& in_hand) {
  for (const v1::Mail& mail : in_hand.mails()) covered_[mail.message_id()].generation = mail.generation();
}

void Shadow::Add(const v1::Record& earlier) {
  for (const v1::Mail& mail : earlier.mails()) {
    const auto ours = covered_.find(mail.message_id());
    if (ours == covered_.end() || ours->second.generation != mail.generation()) continue;
    for (const v1::Recipient& recipient : mail.recipients()) ours->second.indexes.insert(recipient.index());
  }
}

std::vector<std::uint32_t> Shadow::Uncovered(const v1::Mail& mail) const {
  const auto ours = covered_.find(mail.message_id());
  std::vector<std::uint32_t> positions;
  for (int position = 0; position < mail.recipients_size(); ++position) {
    const std::uint32_t index = mail.recipients(position).index();
    if (ours != covered_.end() && ours->second.indexes.contains(index)) continue;
    positions.push_back(static_cast<std::uint32_t>(position));
  }
  return positions;
}

asio::awaitable<absl::StatusOr<Shadow>> ReadShadow(MessageFinder& finder, const Delivery& delivery,
                                                   const v1::Record& record, int lane) {
  Shadow shadow(record);
  for (StoredPlace& place : PlacesOf(delivery, record, lane)) {
    absl::Status read =
        co_await finder.ReadEarlier(std::move(place), delivery.info().stream_sequence,
                                    [&shadow](const v1::Record& earlier) { shadow.Add(earlier); });
    if (!read.ok()) co_return read;
  }
  co_return shadow;
}

}  // namespace goniec::queue
