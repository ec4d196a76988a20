#include "outbound/cli/site_text.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/text.h"
#include "outbound/cli/render.h"

namespace goniec::cli {
namespace {

constexpr std::size_t kLongestName = 60;
constexpr std::size_t kLongestError = 120;

using google::protobuf::Timestamp;

std::string StateText(v1::Site::State state) {
  return state == v1::Site::STATE_UNSPECIFIED ? "?" : AsciiLower(v1::Site::State_Name(state));
}

std::chrono::seconds TimeOf(const Timestamp& stamp) {
  return std::chrono::seconds(stamp.seconds());
}

// "45s", "12m", "3h", "5d": as much as a column needs.
std::string Span(std::chrono::seconds span) {
  const std::int64_t seconds = std::max<std::int64_t>(span.count(), 0);
  constexpr std::array<std::pair<std::int64_t, const char*>, 3> kUnits = {
      {{86'400, "d"}, {3'600, "h"}, {60, "m"}}};
  for (const auto& [size, unit] : kUnits) {
    if (seconds >= 2 * size) return absl::StrCat(seconds / size, unit);
  }
  return absl::StrCat(seconds, "s");
}

std::string Count(bool known, std::int64_t count) {
  return known ? absl::StrCat(count) : "?";
}

std::int64_t HeldIn(const v1::Site& site) {
  return site.held().transactional_records() + site.held().bulk_records();
}

// "closed 12m, probe in 40s".
std::string StateCell(const v1::Site& site, std::chrono::seconds now) {
  std::string text = StateText(site.state());
  if (site.has_since()) absl::StrAppend(&text, " ", Span(now - TimeOf(site.since())));
  if (site.has_next_probe_time()) {
    absl::StrAppend(&text, ", probe in ", Span(TimeOf(site.next_probe_time()) - now));
  }
  return text;
}

// Of all workers: connections that may be open now, and the limit.
std::string WindowCell(const v1::Site& site) {
  if (!site.has_in_hand()) return "?";
  std::int64_t window = 0;
  std::int64_t share = 0;
  for (const v1::Site::AtWorker& at : site.at_workers()) {
    window += at.window();
    share += at.share();
  }
  return site.at_workers().empty() ? "-" : absl::StrCat(window, "/", share);
}

std::string NameCell(const v1::Site& site) {
  return site.name().empty() ? "? " + Printable(site.token()) : Printable(site.name(), kLongestName);
}

std::string ErrorCell(const v1::Site& site) {
  if (!site.has_last_failure()) return "";
  v1::Outcome outcome = site.last_failure();
  outcome.clear_latency();  // how long it took says nothing of the trouble
  return Printable(OutcomeText(outcome), kLongestError);
}

std::vector<std::string> RowOf(const v1::Site& site, std::chrono::seconds now) {
  return {NameCell(site),
          StateCell(site, now),
          Count(site.has_held(), HeldIn(site)),
          Count(site.has_waiting_mails(), site.waiting_mails()),
          Count(site.has_in_hand(), site.in_hand()),
          Count(site.has_in_flight(), site.in_flight()),
          WindowCell(site),
          site.has_oldest_time() ? Span(now - TimeOf(site.oldest_time())) : "-",
          ErrorCell(site)};
}

bool IsTroubled(const v1::Site& site) {
  return site.state() != v1::Site::OPEN;
}

std::string NotReadText(const std::string& what) {
  constexpr std::string_view kReport = "report:";
  if (what.starts_with(kReport))
    return absl::StrCat("all that ", Printable(what.substr(kReport.size())), " has in hand");
  constexpr std::array<std::pair<std::string_view, const char*>, 7> kWords = {
      {{"held", "what lies on the shelves"},
       {"released", "what comes back from the shelves"},
       {"waiting", "what is tried again at a time"},
       {"members", "which workers are alive"},
       {"reports", "what workers have in hand"},
       {"oldest", "how old mail on the shelves is"},
       {"names", "names of sites"}}};
  for (const auto& [word, text] : kWords) {
    if (what == word) return text;
  }
  return Printable(what);
}

// What belongs to no row.
std::string Summary(const std::vector<v1::ListSitesResponse>& answers) {
  const v1::ListSitesResponse& last = answers.back();
  std::string text;
  if (!last.has_waiting_mails() || last.waiting_mails() > 0) {
    absl::StrAppend(&text, "tried again at a time, at any site: ",
                    Count(last.has_waiting_mails(), last.waiting_mails()), " mails\n");
  }
  if (last.later_records() > 0) {
    absl::StrAppend(&text, "the same, on the disk: ", last.later_records(), " records\n");
  }
  if (last.workers().empty()) absl::StrAppend(&text, "workers: none that is known\n");
  std::set<std::string> not_read;
  for (const v1::ListSitesResponse& answer : answers) {
    not_read.insert(answer.not_read().begin(), answer.not_read().end());
  }
  for (const std::string& what : not_read)
    absl::StrAppend(&text, "could not be read: ", NotReadText(what), "\n");
  return text;
}

}  // namespace

absl::StatusOr<v1::Site::State> ParseSiteState(const std::string& text) {
  for (const v1::Site::State state : {v1::Site::OPEN, v1::Site::CLOSED, v1::Site::PROBING}) {
    if (text == StateText(state)) return state;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--state is open, closed or probing, not ", Printable(text, 40)));
}

void SortByTrouble(std::vector<v1::Site>& sites) {
  const auto key = [](const v1::Site& site) {
    return std::make_tuple(!IsTroubled(site), -HeldIn(site), -site.waiting_mails(), -site.in_hand());
  };
  std::sort(sites.begin(), sites.end(), [&](const v1::Site& a, const v1::Site& b) {
    const auto first = key(a);
    const auto second = key(b);
    return first != second ? first < second : a.name() < b.name();
  });
}

std::string SitesText(const std::vector<v1::ListSitesResponse>& answers, WallTime now) {
  std::vector<v1::Site> sites;
  for (const v1::ListSitesResponse& answer : answers) {
    sites.insert(sites.end(), answer.sites().begin(), answer.sites().end());
  }
  SortByTrouble(sites);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
  std::vector<std::vector<std::string>> rows = {
      {"SITE", "STATE", "HELD", "WAITING", "IN HAND", "IN FLIGHT", "WINDOW", "OLDEST", "LAST ERROR"}};
  for (const v1::Site& site : sites) rows.push_back(RowOf(site, seconds));
  const std::string summary = Summary(answers);
  const std::string table = sites.empty() ? "no sites\n" : Table(rows);
  return summary.empty() ? table : absl::StrCat(table, "\n", summary);
}

}  // namespace goniec::cli
