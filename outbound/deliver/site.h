// What the dispatcher knows of one site: jobs that wait, connections, and what failed lately. Values;
// confined to the dispatcher's executor.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/net/ip_address.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/deliver/client_session.h"
#include "outbound/deliver/deliver_config.h"
#include "outbound/deliver/job_in_hand.h"
#include "outbound/route/route.h"

namespace goniec::outbound {

class Connection;

struct Site {
  explicit Site(std::string site_key) : key(std::move(site_key)) {}

  const std::string key;
  std::deque<std::unique_ptr<JobInHand>> queue;
  // Waiting, carried by a connection that is being opened, or on the wire.
  std::size_t jobs = 0;

  // Connections: being opened; ready. Of the ready ones those without work, the last used at the end.
  std::size_t opening = 0;
  std::size_t ready = 0;
  std::vector<std::shared_ptr<Connection>> idle;
  // Since when connections are being opened while none is ready.
  BootTime opening_since;

  // The last time that a connection was opened in vain, and when the next may be opened.
  std::optional<queue::v1::Outcome> failure;
  BootTime no_opening_before;
  int failures_in_a_row = 0;

  // Addresses that did not get as far as EHLO lately, and those whose STARTTLS is broken.
  std::map<net::Endpoint, BootTime> address_failed_until;
  std::map<net::Endpoint, BootTime> plain_until;
  // Extensions that an address offers and does not have (RFC 3030's CHUNKING most of all), and until when
  // that is believed.
  struct Broken {
    BrokenExtensions extensions;
    BootTime until;
  };
  std::map<net::Endpoint, Broken> broken;

  // Another connection may be opened: a first one alone, then as many more at a time as have proved to work.
  [[nodiscard]] bool MayOpen(const DeliverConfig& config, BootTime now) const;
  // New jobs fail at once: the site is down, as far as we know.
  [[nodiscard]] bool IsDown(BootTime now) const;
  // The connection that is being opened takes so long that others need not wait for it.
  [[nodiscard]] bool IsStuck(const DeliverConfig& config, BootTime now) const;
  void NoteReady();
  void NoteFailure(const DeliverConfig& config, const queue::v1::Outcome& outcome, BootTime now);
  // What a new connection to the address, or a new transaction on it, should know.
  [[nodiscard]] PeerMemory MemoryOf(const net::Endpoint& address, BootTime now) const;
  void NoteTlsFailed(const net::Endpoint& address, BootTime now);
  // The address wants TLS: it is asked for again at the next connection.
  void NoteTlsDemanded(const net::Endpoint& address) { plain_until.erase(address); }
  void NoteBroken(const net::Endpoint& address, const BrokenExtensions& extensions, BootTime now);
  // Nothing to keep it for.
  [[nodiscard]] bool IsForgettable(BootTime now) const;

  // The addresses of `route` to try in this order: those that failed lately only if there are no others.
  [[nodiscard]] std::vector<Candidate> CandidatesOf(const Route& route, std::size_t limit,
                                                    BootTime now) const;
};

}  // namespace goniec::outbound
