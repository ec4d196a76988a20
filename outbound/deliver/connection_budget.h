// How many connections there may be, and whose turn it is when there is one: a part of them is kept for sites
// that are proven to take mail and take nothing long (Site::IsProven), and of that part a quarter for trying
// the others all the same. Sites that want a connection when there is none stand in line. It opens and closes
// nothing. Confined to its owner; a site must leave the lines before it is destroyed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_set>

#include "common/base/clock.h"
#include "outbound/deliver/site_line.h"

namespace goniec::outbound {

class Connection;

class ConnectionBudget {
 public:
  ConnectionBudget(std::size_t connections, std::uint32_t reserved_percent)
      : limit_(connections), reserve_(connections * reserved_percent / 100), most_trials_(reserve_ / 4) {}

  // `site` may open a connection.
  [[nodiscard]] bool HasRoom(const Site& site, BootTime now) const;
  // It is being opened, or closed. Only a name: it is never followed.
  void Opened(const Connection* connection, const Site& site, BootTime now);
  void Closed(const Connection* connection);

  // The site stands in line from now on; false if it does already.
  bool Await(Site& site, BootTime now);
  [[nodiscard]] bool SomeoneWaits() const { return !proven_in_line_.empty() || !unproven_in_line_.empty(); }
  // Calls `serve` for those in line as long as there is room. They have left it; `serve` may put them back.
  void Serve(const std::function<void(Site&)>& serve);
  void Forget(Site& site);

 private:
  // What is free is free for proven sites only, but for trials.
  [[nodiscard]] bool InReserve() const { return open_ + reserve_ >= limit_; }
  static void ServeLine(SiteLine& line, const std::function<bool()>& has_room,
                        const std::function<void(Site&)>& serve);

  const std::size_t limit_;
  // Connections that only proven sites may open.
  const std::size_t reserve_;
  // Of these, how many may try other sites all the same: none waits for as long as the proven ones have mail.
  const std::size_t most_trials_;
  std::size_t open_ = 0;
  std::unordered_set<const Connection*> trials_;
  SiteLine proven_in_line_;
  SiteLine unproven_in_line_;
};

}  // namespace goniec::outbound
