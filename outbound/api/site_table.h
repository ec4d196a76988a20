// What QueueService.ListSites shows, made of what was read of it: the words of keepers, the reports of
// workers, what lies on the shelves, on its way back, and in WAIT. What was not read is absent from the
// table, never 0. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/queue/hold/shelf.h"
#include "goniec/v1/queue_service.pb.h"
#include "outbound/api/violations.h"

namespace goniec::outbound {

inline constexpr int kDefaultSitesPage = 100;
inline constexpr int kLargestSitesPage = 500;

struct SiteSources {
  WallTime read_at;
  // As stored, by the site's token (key site.<token> in the bucket `control`).
  std::map<std::string, std::string> words;
  // Names by token, of the marks of shelves.
  std::optional<std::map<std::string, std::string>> names;
  // The workers that are alive, sorted.
  std::optional<std::vector<std::string>> members;
  // As stored, by worker.
  std::optional<std::map<std::string, std::string>> reports;
  std::optional<std::map<queue::ShelfPlace, queue::ShelfCount>> held;
  std::optional<std::map<queue::ShelfPlace, std::uint64_t>> released;
  // In WAIT: all, and by DomainTokens if they were counted.
  std::optional<std::uint64_t> waiting;
  std::optional<std::map<std::string, std::uint64_t>> waiting_by_domain;
};

struct SiteTable {
  WallTime read_at;
  std::vector<v1::Site> sites;  // by token
  std::vector<std::string> not_read;
  std::optional<std::uint64_t> waiting;
  std::optional<std::uint64_t> later_records;
  std::vector<std::string> workers;
};

// `keeper_of` names the keeper of a site among workers that are not empty.
SiteTable MakeTable(const SiteSources& sources,
                    const std::function<std::string(std::string_view site,
                                                    const std::vector<std::string>& workers)>& keeper_of);

// Of a subject in WAIT, the domain that the mail waits for as its tokens; nothing for what came back from a
// shelf.
std::optional<std::string> WaitingDomain(std::string_view subject);

Violations CheckListSites(const v1::ListSitesRequest& request);
// The page that a valid request asks for.
v1::ListSitesResponse PageOf(const SiteTable& table, const v1::ListSitesRequest& request);

}  // namespace goniec::outbound
