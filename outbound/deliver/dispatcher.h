// The way into delivery, for the worker: takes one Job for each mail and destination, and gives it back with
// a verdict for every recipient. An interface; SitePool (site_pool.h) delivers by SMTP, and is the only one
// so far. A dispatcher does not look up routes, does not decide about retries and writes no events.
//
// A job never waits here for ever: what cannot start soon, or is one too many for its destination, is given
// back as kNotTried, with REASON_SITE_BUSY; what is for a destination that lets nobody in, with
// REASON_SITE_CLOSED.
//
// Confined to its executor, whose context must have one thread.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>

#include "outbound/deliver/job.h"

namespace goniec::outbound {

class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  // False if another worker has all that may be used of the destination now: a job for it would be given back
  // at once.
  [[nodiscard]] virtual bool HasShare(const Route& /*route*/) { return true; }

  // Takes the job over; the caller bounds how many it hands over.
  virtual void Deliver(Job job) = 0;

  // While held no transaction begins; those that have begun go on. Jobs wait, and none is given back for
  // that.
  virtual void Hold(bool held) = 0;

  // Finishes what is on the wire, gives back the rest as kNotTried (REASON_SHUTDOWN), closes all connections
  // and returns. After `limit` connections are cut: what had sent its end of data is then ambiguous. Later
  // jobs are given back at once.
  [[nodiscard]] virtual asio::awaitable<void> Drain(std::chrono::milliseconds limit) = 0;
};

}  // namespace goniec::outbound
