// The answer of ListSites as a table for a person at night: where there is trouble comes first. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "goniec/v1/queue_service.pb.h"

namespace goniec::cli {

// "closed" and the like, as --state takes it; kInvalidArgument in one line.
absl::StatusOr<v1::Site::State> ParseSiteState(const std::string& text);

// The most trouble first: closed sites and those under probe before open ones, among them those with the most
// mail that cannot go, then those with the most mail in hand; by name at last.
void SortByTrouble(std::vector<v1::Site>& sites);

// `answers`: all pages, in order. What is not known is "?", never 0. Below the table what it does not show.
std::string SitesText(const std::vector<v1::ListSitesResponse>& answers, WallTime now);

}  // namespace goniec::cli
