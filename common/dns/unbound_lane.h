// One context of libunbound, driven by its file descriptor: questions in, answers out. The recursion and
// validation run on a thread of libunbound's own. It does not queue, limit or time anything: that is
// UnboundResolver's. Confined to the strand that it is opened with, but for the destructor.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/status.h"
#include "common/dns/lookup_schedule.h"
#include "common/dns/resolver.h"
#include "common/dns/unbound_context.h"

struct ub_result;

namespace goniec::dns {

// An answer before its records are parsed.
struct RawAnswer : Answer {
  std::vector<std::string> rdata;
  // Asking again, or longer, brings nothing else.
  bool conclusive = true;
};
RawAnswer Temporary(std::string reason);
RawAnswer NotAsked(std::string reason);

class UnboundLane : public std::enable_shared_from_this<UnboundLane> {
 public:
  struct Events {
    std::function<void(const Question&, RawAnswer)> answered;
    // After the answers that came together.
    std::function<void()> idle;
    // libunbound is broken: no answer comes any more.
    std::function<void(std::string why)> broken;
  };

  // `strand` runs one handler at a time. kInvalidArgument when the configuration names a server or file that
  // is none.
  static absl::StatusOr<std::shared_ptr<UnboundLane>> Open(const asio::any_io_executor& strand,
                                                           const DnsConfig& config,
                                                           const ContextShare& share);
  ~UnboundLane();

  // Once, before the first question.
  void Watch(Events events);
  // Answered by Events::answered once, unless it fails here.
  absl::Status Put(const Question& question);
  // Nothing is called any more.
  void Close();

 private:
  struct Pending {
    UnboundLane* lane;
    Question question;
  };

  UnboundLane(const asio::any_io_executor& strand, UnboundContext context, int readable);
  static void OnAnswer(void* pending, int error, ub_result* result);
  void WaitReadable();
  void OnReadable(const std::error_code& failure);

  const UnboundContext context_;
  asio::posix::stream_descriptor answers_;
  bool closed_ = false;
  Events events_;
  std::unordered_map<Pending*, std::unique_ptr<Pending>> pending_;
};

}  // namespace goniec::dns
