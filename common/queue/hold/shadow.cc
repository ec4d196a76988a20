#include "common/queue/hold/shadow.h"

#include "common/queue/events/message_finder.h"
#include "common/queue/hold/delivery.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

// Where records may lie that hold recipients of this one.
std::vector<std::string> PlacesOf(const Delivery& delivery, const v1::Record& record, int lane) {
  std::vector<std::string> places;
  if (delivery.info().consumer != kDueConsumer) {
    if (delivery.resend()) places.push_back(delivery.subject());
    return places;
  }
  for (const v1::Mail& mail : record.mails()) {
    places.push_back(DueFilter(lane, mail.tenant(), mail.message_id()));
  }
  places.push_back(ReleasedFilter(lane, record.mails(0).tenant(), SlotOf(record.record_id())));
  return places;
}

}  // namespace

void Shadow::Add(const v1::Record& record) {
  for (const v1::Mail& mail : record.mails()) {
    for (const v1::Recipient& recipient : mail.recipients()) {
      held_.emplace(mail.message_id(), mail.generation(), recipient.index());
    }
  }
}

std::vector<std::uint32_t> Shadow::Uncovered(const v1::Mail& mail) const {
  std::vector<std::uint32_t> positions;
  for (int position = 0; position < mail.recipients_size(); ++position) {
    if (held_.contains({mail.message_id(), mail.generation(), mail.recipients(position).index()})) continue;
    positions.push_back(static_cast<std::uint32_t>(position));
  }
  return positions;
}

asio::awaitable<absl::StatusOr<Shadow>> ReadShadow(MessageFinder& finder, const Delivery& delivery,
                                                   const v1::Record& record, int lane) {
  Shadow shadow;
  const DeliveryInfo& info = delivery.info();
  for (const std::string& place : PlacesOf(delivery, record, lane)) {
    absl::Status read =
        co_await finder.ReadEarlier(info.stream, place, info.stream_sequence,
                                    [&shadow](const v1::Record& earlier) { shadow.Add(earlier); });
    if (!read.ok()) co_return read;
  }
  co_return shadow;
}

}  // namespace goniec::queue
