#include "outbound/api/site_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/queue/model/subjects.h"
#include "common/queue/model/timestamps.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/api/message_view.h"
#include "outbound/route/route.h"
#include "outbound/site/recent_domains.h"
#include "outbound/site/site_report.h"

namespace goniec::outbound {
namespace {

constexpr std::uint32_t kWordVersion = 1;
constexpr std::size_t kTokenLength = 26;
// wait.<lane>.<class>.<tenant>.<id>.<generation>. and the domain.
constexpr int kTokensBeforeDomain = 6;

// As kTokensBeforeDomain; everything else that is due came from a shelf.
bool IsClass(std::string_view token) {
  return token == queue::ClassToken(queue::MailClass::kTransactional) ||
         token == queue::ClassToken(queue::MailClass::kBulk);
}

v1::Site::State StateOf(queue::v1::SiteWord::State state) {
  switch (state) {
    case queue::v1::SiteWord::STATE_OPEN:
      return v1::Site::OPEN;
    case queue::v1::SiteWord::STATE_CLOSED:
      return v1::Site::CLOSED;
    case queue::v1::SiteWord::STATE_PROBING:
      return v1::Site::PROBING;
    default:
      return v1::Site::STATE_UNSPECIFIED;
  }
}

class TableMaker {
 public:
  explicit TableMaker(const SiteSources& sources) : sources_(sources) { table_.read_at = sources.read_at; }

  void AddWords();
  void AddReports();
  void AddShelves();
  void AddReleased();
  void AddNames();
  void AddWaiting();
  template <typename KeeperOf>
  void AddKeepers(const KeeperOf& keeper_of);
  SiteTable Take();

 private:
  struct Row {
    v1::Site site;
    std::set<std::string> domains;
  };

  Row& RowOf(const std::string& token);
  void AddReport(const std::string& worker, const queue::v1::SiteReport& report);
  void NotRead(std::string what) { table_.not_read.push_back(std::move(what)); }

  const SiteSources& sources_;
  SiteTable table_;
  std::map<std::string, Row> rows_;
  bool some_report_ = false;
};

TableMaker::Row& TableMaker::RowOf(const std::string& token) {
  const auto [found, made] = rows_.try_emplace(token);
  if (made) {
    found->second.site.set_token(token);
    found->second.site.set_state(v1::Site::OPEN);  // without a word
  }
  return found->second;
}

void TableMaker::AddWords() {
  for (const auto& [token, stored] : sources_.words) {
    v1::Site& site = RowOf(token).site;
    queue::v1::SiteWord word;
    const bool known = word.ParseFromString(stored) && word.version() == kWordVersion;
    site.set_state(known ? StateOf(word.state()) : v1::Site::STATE_UNSPECIFIED);
    if (!known) continue;
    site.set_name(word.site());
    site.set_epoch(word.epoch());
    if (word.has_since()) *site.mutable_since() = word.since();
    if (word.has_next_probe_time() && site.state() == v1::Site::CLOSED) {
      *site.mutable_next_probe_time() = word.next_probe_time();
    }
    if (word.has_last_failure()) *site.mutable_last_failure() = ViewOf(word.last_failure());
  }
}

void TableMaker::AddReport(const std::string& worker, const queue::v1::SiteReport& report) {
  for (const queue::v1::SiteInHand& entry : report.sites()) {
    Row& row = RowOf(SiteToken(entry.site()));
    row.site.set_name(entry.site());
    v1::Site::AtWorker& at = *row.site.add_at_workers();
    at.set_worker(worker);
    at.set_in_hand(static_cast<std::int64_t>(entry.in_hand()));
    at.set_in_flight(static_cast<std::int64_t>(entry.in_flight()));
    at.set_connections(static_cast<std::int32_t>(entry.connections()));
    at.set_window(static_cast<std::int32_t>(entry.window()));
    at.set_share(static_cast<std::int32_t>(entry.share()));
    row.domains.insert(entry.domains().begin(), entry.domains().end());
    if (entry.has_oldest_time() &&
        (!row.site.has_oldest_time() ||
         queue::FromProto(entry.oldest_time()) < queue::FromProto(row.site.oldest_time()))) {
      *row.site.mutable_oldest_time() = entry.oldest_time();
    }
    if (entry.has_last_failure() && !row.site.has_last_failure()) {
      *row.site.mutable_last_failure() = ViewOf(entry.last_failure());
    }
  }
}

// Of workers that are gone the report may still be there.
void TableMaker::AddReports() {
  if (sources_.members) {
    table_.workers = *sources_.members;
  } else {
    NotRead("members");
  }
  if (!sources_.reports) return NotRead("reports");
  std::set<std::string> missing(table_.workers.begin(), table_.workers.end());
  const std::set<std::string> alive = missing;
  for (const auto& [worker, stored] : *sources_.reports) {
    if (sources_.members && !alive.contains(worker)) continue;
    const std::optional<queue::v1::SiteReport> report = ParseReport(stored);
    if (!report) {
      missing.insert(worker);
      continue;
    }
    some_report_ = true;
    if (report->left_out() == 0) missing.erase(worker);
    AddReport(worker, *report);
  }
  // Where no worker is, nothing is in hand.
  if (sources_.members && sources_.members->empty()) some_report_ = true;
  for (const std::string& worker : missing) NotRead("report:" + worker);
}

void TableMaker::AddShelves() {
  if (!sources_.held) return NotRead("held");
  table_.later_records = 0;
  for (const auto& [place, count] : *sources_.held) {
    if (place.site == queue::kLaterShelf) {
      *table_.later_records += count.records;
      continue;
    }
    v1::Site::Held& held = *RowOf(place.site).site.mutable_held();
    const auto records = static_cast<std::int64_t>(count.records);
    if (place.mail_class == queue::MailClass::kBulk) {
      held.set_bulk_records(held.bulk_records() + records);
    } else {
      held.set_transactional_records(held.transactional_records() + records);
    }
    if (!held.has_first_expire_time() || count.earliest < queue::FromProto(held.first_expire_time())) {
      *held.mutable_first_expire_time() = queue::ToProto(count.earliest);
    }
  }
}

void TableMaker::AddReleased() {
  if (!sources_.released) return NotRead("released");
  for (const auto& [place, records] : *sources_.released) {
    if (place.site == queue::kLaterShelf) continue;
    v1::Site& site = RowOf(place.site).site;
    site.set_released_records(site.released_records() + static_cast<std::int64_t>(records));
  }
}

void TableMaker::AddNames() {
  if (!sources_.names) return NotRead("names");
  for (const auto& [token, name] : *sources_.names) {
    const auto row = rows_.find(token);
    if (row != rows_.end() && row->second.site.name().empty()) row->second.site.set_name(name);
  }
}

void TableMaker::AddWaiting() {
  if (!sources_.waiting) return NotRead("waiting");
  table_.waiting = sources_.waiting;
  // Of what waits on the shelf for a time nobody counts the domains.
  if (!sources_.waiting_by_domain || table_.later_records.value_or(1) > 0) return;
  for (auto& [token, row] : rows_) {
    if (row.domains.empty()) continue;
    std::int64_t mails = 0;
    for (const std::string& domain : row.domains) {
      const auto found = sources_.waiting_by_domain->find(queue::DomainTokens(domain));
      if (found != sources_.waiting_by_domain->end()) mails += static_cast<std::int64_t>(found->second);
    }
    row.site.set_waiting_mails(mails);
  }
}

template <typename KeeperOf>
void TableMaker::AddKeepers(const KeeperOf& keeper_of) {
  if (table_.workers.empty()) return;
  for (auto& [token, row] : rows_) {
    if (!row.site.name().empty()) row.site.set_keeper(keeper_of(row.site.name(), table_.workers));
  }
}

SiteTable TableMaker::Take() {
  for (auto& [token, row] : rows_) {
    v1::Site& site = row.site;
    if (sources_.held) (void)site.mutable_held();
    if (sources_.released) site.set_released_records(site.released_records());
    if (some_report_) {
      std::int64_t in_hand = 0;
      std::int64_t in_flight = 0;
      for (const v1::Site::AtWorker& at : site.at_workers()) {
        in_hand += at.in_hand();
        in_flight += at.in_flight();
      }
      site.set_in_hand(in_hand);
      site.set_in_flight(in_flight);
    }
    std::sort(site.mutable_at_workers()->begin(), site.mutable_at_workers()->end(),
              [](const auto& a, const auto& b) {
                return a.in_hand() != b.in_hand() ? a.in_hand() > b.in_hand() : a.worker() < b.worker();
              });
    for (const std::string& domain : row.domains) {
      if (static_cast<std::size_t>(site.domains_size()) == kMostRecentDomains) break;
      site.add_domains(domain);
    }
    table_.sites.push_back(std::move(site));
  }
  return std::move(table_);
}

bool IsWanted(const v1::Site& site, const v1::ListSitesRequest& request) {
  if (!request.name().empty() && site.name() != request.name()) return false;
  return request.states().empty() ||
         std::find(request.states().begin(), request.states().end(), site.state()) != request.states().end();
}

}  // namespace

SiteTable MakeTable(
    const SiteSources& sources,
    const std::function<std::string(std::string_view, const std::vector<std::string>&)>& keeper_of) {
  TableMaker maker(sources);
  maker.AddWords();
  maker.AddReports();
  maker.AddShelves();
  maker.AddReleased();
  maker.AddNames();
  maker.AddWaiting();
  maker.AddKeepers(keeper_of);
  return maker.Take();
}

std::optional<std::string> WaitingDomain(std::string_view subject) {
  constexpr int kClass = 2;
  std::size_t begin = 0;
  for (int token = 0; token < kTokensBeforeDomain; ++token) {
    const std::size_t dot = subject.find('.', begin);
    if (dot == std::string_view::npos) return std::nullopt;
    if (token == kClass && !IsClass(subject.substr(begin, dot - begin))) return std::nullopt;
    begin = dot + 1;
  }
  if (begin == subject.size()) return std::nullopt;
  return std::string(subject.substr(begin));
}

Violations CheckListSites(const v1::ListSitesRequest& request) {
  Violations violations;
  if (request.page_size() < 0 || request.page_size() > kLargestSitesPage) {
    violations.Add("page_size", absl::StrCat("must be 0 to ", kLargestSitesPage));
  }
  const std::string& token = request.page_token();
  const bool good = token.size() == kTokenLength && std::all_of(token.begin(), token.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
                    });
  if (!token.empty() && !good) violations.Add("page_token", "is not a next_page_token of this server's");
  for (int i = 0; i < request.states_size(); ++i) {
    if (!v1::Site::State_IsValid(request.states(i))) {
      violations.Add(absl::StrCat("states[", i, "]"), "is not a state");
      break;
    }
  }
  return violations;
}

v1::ListSitesResponse PageOf(const SiteTable& table, const v1::ListSitesRequest& request) {
  v1::ListSitesResponse page;
  *page.mutable_read_time() = queue::ToProto(table.read_at);
  for (const std::string& what : table.not_read) page.add_not_read(what);
  for (const std::string& worker : table.workers) page.add_workers(worker);
  if (table.waiting) page.set_waiting_mails(static_cast<std::int64_t>(*table.waiting));
  if (table.later_records) page.set_later_records(static_cast<std::int64_t>(*table.later_records));
  const int size = request.page_size() == 0 ? kDefaultSitesPage : request.page_size();
  auto site =
      std::upper_bound(table.sites.begin(), table.sites.end(), request.page_token(),
                       [](const std::string& token, const v1::Site& row) { return token < row.token(); });
  for (; site != table.sites.end(); ++site) {
    if (!IsWanted(*site, request)) continue;
    if (page.sites_size() == size) {
      page.set_next_page_token(page.sites(size - 1).token());
      break;
    }
    *page.add_sites() = *site;
  }
  return page;
}

}  // namespace goniec::outbound
