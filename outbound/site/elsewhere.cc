#include "outbound/site/elsewhere.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>
#include <variant>

#include "common/smtp/address.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/route/route.h"
#include "outbound/route/router.h"

namespace goniec::outbound {
namespace {

// Records in memory at once, for as long as the DNS takes.
constexpr std::size_t kReadAtOnce = 20;

}  // namespace

Elsewhere::Elsewhere(const Router& router, std::string site_token, std::size_t most_lookups)
    : router_(router), site_token_(std::move(site_token)), lookups_left_(most_lookups) {}

asio::awaitable<bool> Elsewhere::AnyOf(std::string_view record) {
  std::set<std::string> domains;
  {
    queue::v1::Record parsed;
    if (!parsed.ParseFromArray(record.data(), static_cast<int>(record.size()))) co_return false;
    for (const queue::v1::Mail& mail : parsed.mails()) {
      for (const queue::v1::Recipient& recipient : mail.recipients()) {
        domains.insert(smtp::DomainOf(recipient.address()));
      }
    }
  }
  for (const std::string& domain : domains) {
    if (co_await Goes(domain)) co_return true;
  }
  co_return false;
}

asio::awaitable<bool> Elsewhere::Goes(std::string domain) {
  if (const auto it = known_.find(domain); it != known_.end()) co_return it->second;
  std::optional<RouteResult> found = router_.FindWithoutDns(domain);
  if (!found && lookups_left_ == 0) co_return false;
  if (!found) {
    --lookups_left_;
    found = co_await router_.Find(domain);
  }
  bool goes = false;
  if (const auto* route = std::get_if<std::shared_ptr<const Route>>(&*found)) {
    goes = SiteToken((*route)->site) != site_token_;
  } else {
    // Its mail ends, and need not wait for the site.
    goes = std::get<RouteFailure>(*found).permanent;
  }
  known_.emplace(std::move(domain), goes);
  co_return goes;
}

asio::awaitable<std::size_t> DrainRound(queue::Broker& broker, Elsewhere& elsewhere,
                                        std::vector<queue::ShelfPlace> shelves, DrainCursor& cursor,
                                        std::size_t most, WallTime until) {
  std::size_t released = 0;
  if (shelves.empty()) co_return released;
  std::sort(shelves.begin(), shelves.end());
  auto place = std::lower_bound(shelves.begin(), shelves.end(), cursor.place);
  // Each shelf once, and the first one again up to where the round began.
  for (std::size_t visits = 0; visits <= shelves.size() && most > 0;) {
    if (place == shelves.end()) place = shelves.begin();
    if (*place != cursor.place) cursor = {*place, 0};
    const absl::StatusOr<std::vector<queue::StoredMessage>> records =
        co_await queue::ReadShelf(broker, *place, cursor.from, std::min(most, kReadAtOnce));
    if (!records.ok()) break;
    std::size_t looked_at = 0;
    for (const queue::StoredMessage& record : *records) {
      if (record.stored_at > until) break;  // as are all behind it
      ++looked_at;
      cursor.from = record.sequence + 1;
      if (!co_await elsewhere.AnyOf(record.data)) continue;
      const absl::Status sent = co_await queue::Release(broker, place->lane, record);
      if (!sent.ok()) continue;
      ++released;
      // Else it comes back once more.
      (void)co_await queue::TakeOff(broker, place->lane, record);
    }
    most -= std::min(most, looked_at);
    // There may be more where this many were, or where they are large: only an empty answer is the end.
    if (looked_at > 0 && looked_at == records->size()) continue;
    ++visits;
    ++place;
    cursor = place == shelves.end() ? DrainCursor() : DrainCursor{*place, 0};
  }
  co_return released;
}

}  // namespace goniec::outbound
