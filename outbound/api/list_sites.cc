#include "outbound/api/list_sites.h"

#include "outbound/api/mail_api.h"
#include "outbound/api/site_book.h"
#include "outbound/api/site_table.h"
#include "outbound/api/status_mapping.h"

namespace goniec::outbound {

asio::awaitable<void> ListSites(ApiContext& context, Completion<v1::ListSitesResponse> call,
                                std::unique_ptr<v1::ListSitesRequest> request) {
  if (const Violations violations = CheckListSites(*request); !violations.empty()) {
    call.Finish(InvalidArgument(violations));
    co_return;
  }
  const absl::StatusOr<std::shared_ptr<const SiteTable>> table = co_await context.sites.Read();
  if (!table.ok()) {
    call.Finish(ToGrpc(table.status()));
    co_return;
  }
  v1::ListSitesResponse page = PageOf(**table, *request);
  if (!co_await context.sites.AddOldest(page)) page.add_not_read("oldest");
  if (!request->name().empty() && page.sites_size() == 1) {
    v1::Site& site = *page.mutable_sites(0);
    const bool to_count = !site.has_waiting_mails() && site.domains_size() > 0;
    if (to_count && !co_await context.sites.CountWaiting(site)) page.add_not_read("waiting");
  }
  call.Finish(page);
}

}  // namespace goniec::outbound
