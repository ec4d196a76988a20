#include "outbound/site/site_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/queue/model/timestamps.h"

namespace goniec::outbound {
namespace {

constexpr std::uint32_t kReportVersion = 1;
constexpr std::string_view kReportPrefix = "sites.";
constexpr std::size_t kLongestText = 200;
// Tag and length of an entry in its list.
constexpr std::size_t kFraming = 8;
// For what is behind the list.
constexpr std::size_t kReserve = 32;

// Whole characters, at most kLongestText octets.
void CutText(queue::v1::Outcome& outcome) {
  std::string& text = *outcome.mutable_text();
  if (text.size() <= kLongestText) return;
  std::size_t end = kLongestText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
}

queue::v1::SiteInHand EntryOf(const SiteSnapshot& snapshot) {
  queue::v1::SiteInHand entry;
  entry.set_site(snapshot.site);
  entry.set_in_hand(snapshot.in_hand);
  entry.set_in_flight(snapshot.in_flight);
  entry.set_connections(static_cast<std::uint32_t>(snapshot.connections));
  entry.set_window(static_cast<std::uint32_t>(snapshot.window));
  entry.set_share(static_cast<std::uint32_t>(snapshot.share));
  if (snapshot.oldest) *entry.mutable_oldest_time() = queue::ToProto(*snapshot.oldest);
  for (const std::string& domain : snapshot.domains) entry.add_domains(domain);
  if (snapshot.last_failure) {
    *entry.mutable_last_failure() = *snapshot.last_failure;
    CutText(*entry.mutable_last_failure());
  }
  return entry;
}

}  // namespace

std::string ReportKey(std::string_view worker) {
  return absl::StrCat(ToAbsl(kReportPrefix), ToAbsl(worker));
}

std::optional<std::string> WorkerOfReport(std::string_view key) {
  if (!key.starts_with(kReportPrefix) || key.size() == kReportPrefix.size()) return std::nullopt;
  return std::string(key.substr(kReportPrefix.size()));
}

queue::v1::SiteReport MakeReport(std::string_view worker, const SiteSnapshots& snapshots) {
  queue::v1::SiteReport report;
  report.set_version(kReportVersion);
  report.set_worker(std::string(worker));
  std::size_t size = report.ByteSizeLong() + kReserve;
  const std::size_t most = std::min(snapshots.sites.size(), kMostReportedSites);
  std::size_t added = 0;
  for (; added < most; ++added) {
    queue::v1::SiteInHand entry = EntryOf(snapshots.sites[added]);
    size += entry.ByteSizeLong() + kFraming;
    if (size > kLargestReport) break;
    *report.add_sites() = std::move(entry);
  }
  report.set_left_out(snapshots.left_out + snapshots.sites.size() - added);
  return report;
}

std::optional<queue::v1::SiteReport> ParseReport(std::string_view stored) {
  queue::v1::SiteReport report;
  if (!report.ParseFromArray(stored.data(), static_cast<int>(stored.size()))) return std::nullopt;
  if (report.version() != kReportVersion) return std::nullopt;
  return report;
}

}  // namespace goniec::outbound
