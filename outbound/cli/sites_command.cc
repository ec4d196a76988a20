// `goniec sites`: the destinations, where there is trouble first.
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "outbound/cli/client.h"
#include "outbound/cli/command.h"
#include "outbound/cli/render.h"
#include "outbound/cli/site_text.h"

namespace goniec::cli {
namespace {

constexpr int kPageSize = 500;
// More sites than anybody reads; a server that never ends its pages is not followed for ever.
constexpr std::size_t kMostPages = 1'000;

constexpr std::array kFlags = std::to_array<FlagSpec>(
    {{"state", FlagKind::kMany, "STATE", "only sites that are open, closed or probing (may be repeated)"},
     {"site", FlagKind::kOne, "NAME", "only this one, with all mail that waits for it"},
     kApiFlag,
     kTokenFlag,
     kTlsFlag,
     kCaFlag,
     kInsecureFlag,
     kTimeoutFlag,
     {"json", FlagKind::kSwitch, "", "print the answer as JSON, a line for each 500 sites"}});

absl::StatusOr<v1::ListSitesRequest> RequestOf(const Flags& flags) {
  v1::ListSitesRequest request;
  request.set_page_size(kPageSize);
  request.set_name(flags.One("site"));
  for (const std::string& text : flags.Many("state")) {
    const auto state = ParseSiteState(text);
    if (!state.ok()) return UsageError(Message(state.status()));
    request.add_states(*state);
  }
  return request;
}

absl::Status Sites(const Flags& flags) {
  if (!flags.arguments().empty()) return UsageError("unexpected argument; a site is named by --site");
  auto request = RequestOf(flags);
  if (!request.ok()) return request.status();
  auto client = Client::Connect(flags);
  if (!client.ok()) return client.status();
  std::vector<v1::ListSitesResponse> answers;
  do {
    auto answer = client->ListSites(*request);
    if (!answer.ok()) return answer.status();
    request->set_page_token(answer->next_page_token());
    answers.push_back(*std::move(answer));
  } while (!request->page_token().empty() && answers.size() < kMostPages);
  if (!flags.Has("json")) {
    std::fputs(SitesText(answers, Clock::Real().Wall()).c_str(), stdout);
    return absl::OkStatus();
  }
  for (const v1::ListSitesResponse& answer : answers) std::fputs(Json(answer).c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace

const Command kSitesCommand = {
    .name = "sites",
    .arguments = "",
    .summary = "destinations: what waits for them, and where there is trouble",
    .details =
        "A site is the hosts that serve one or many domains. It is `open`, `closed` (it lets nobody in; its "
        "mail\n"
        "lies on the shelf until a probe has worked) or `probing`. The most trouble comes first.\n\n"
        "  HELD       records on the shelf, 1 to 64 mails each\n"
        "  WAITING    mails that are tried again at a time, of the domains that are known to be this site's\n"
        "  IN HAND    mails that workers have taken to deliver; IN FLIGHT: those with a connection\n"
        "  WINDOW     connections that all workers may have open now, and their limit\n"
        "  OLDEST     age of the oldest mail that is seen\n\n"
        "What is not known is `?`. The token must be an operator's (`operator: true` in api.tokens).",
    .flags = kFlags,
    .run = Sites,
};

}  // namespace goniec::cli
