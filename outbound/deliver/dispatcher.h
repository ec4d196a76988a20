// Delivers transactions by SMTP. The worker hands over one Job for each mail and destination (site); the
// dispatcher keeps, for every site, a queue of jobs in hand and a pool of open connections, and gives each
// job back with a verdict for every recipient. It does not look up routes, does not decide about retries and
// writes no events.
//
// A job never waits here for ever, and a destination that is down costs one socket: the first connection to a
// site is opened alone; when it fails, all jobs in hand for the site fail with it, and for a while new ones
// fail at once. A destination that takes mail more slowly than it comes keeps a few jobs in hand; the others
// are given back at once (REASON_SITE_BUSY), each with the time after which its turn may have come.
//
// Confined to its executor, whose context must have one thread.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/deliver/deliver_config.h"
#include "outbound/outcome/result.h"

namespace goniec::net {
class TlsClientContext;
}
namespace goniec::observe {
class Metrics;
}

namespace goniec::outbound {

struct Route;
class SitePool;

// One mail's recipients that share domain and site. The functions are called on the dispatcher's executor.
struct Job {
  // Unchanged until `done` is called. An aliasing pointer into the record does well.
  std::shared_ptr<const queue::v1::Mail> mail;
  // Positions in mail->recipients(), not empty. More than a transaction takes are served by several
  // transactions.
  std::vector<std::uint32_t> recipients;
  std::shared_ptr<const Route> route;

  // Asked immediately before the bytes that end the message (final dot, last octet of BDAT LAST) are handed
  // to the socket, when all of it but these and the 16 KiB before them has been sent: nothing waits in this
  // host's buffers for the server to make room. What the buffers of the server's own host hold is beyond
  // reach. False ends the transaction before them, as kNotTried with REASON_BROKER: the holder rule. Must not
  // block. Required.
  std::function<bool()> may_finish;

  // Chunk n of a stored body; required if the mail has a body_reference. An error ends the transaction before
  // its end of data, as kTemporary with REASON_BODY_UNREADABLE; the connection is closed, for a body cannot
  // be recalled.
  std::function<asio::awaitable<absl::StatusOr<std::string>>(std::uint32_t chunk)> read_chunk;

  // Called with true when a connection takes the job, and with false should it wait again afterwards; from
  // inside Deliver() too. Must not call the dispatcher. May be empty.
  std::function<void(bool begun)> on_begin;

  // Called exactly once, never from inside Deliver(), with every recipient in exactly one result. It may call
  // Deliver(). Must not throw. Required.
  std::function<void(std::vector<Result>)> done;
};

class Dispatcher {
 public:
  // `tls` may be null: then connections stay in plain text. `metrics` must outlive the dispatcher.
  Dispatcher(asio::any_io_executor executor, DeliverConfig config, std::shared_ptr<net::TlsClientContext> tls,
             observe::Metrics& metrics);
  // Drain() must have returned, or Deliver() never been called.
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Takes the job over. A job that cannot start within config.max_wait, or one too many for its site, is
  // given back as kNotTried with REASON_SITE_BUSY, so that it can be moved; the caller bounds how many it
  // hands over.
  void Deliver(Job job);

  // While held no transaction begins; those that have begun go on. Jobs wait, and none is given back for
  // that.
  void Hold(bool held);

  // Jobs taken over whose `done` was not called yet.
  [[nodiscard]] std::size_t jobs() const;
  [[nodiscard]] std::size_t connections() const;

  // Finishes what is on the wire, gives back the rest as kNotTried (REASON_SHUTDOWN), closes all connections
  // and returns. After `limit` connections are cut: what had sent its end of data is then ambiguous. Later
  // jobs are given back at once.
  [[nodiscard]] asio::awaitable<void> Drain(std::chrono::milliseconds limit);

 private:
  std::unique_ptr<SitePool> pool_;
};

}  // namespace goniec::outbound
