#include "common/dns/unbound_lane.h"

#include <fcntl.h>
#include <unbound.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/dns/wire.h"

namespace goniec::dns {
namespace {

constexpr int kClassIn = 1;
constexpr int kRcodeNoError = 0;

struct FreeResult {
  void operator()(ub_result* result) const { ub_resolve_free(result); }
};
using ResultPtr = std::unique_ptr<ub_result, FreeResult>;

std::string RcodeName(int rcode) {
  switch (rcode) {
    case 2:
      return "SERVFAIL";
    case 5:
      return "REFUSED";
    default:
      return absl::StrCat("rcode ", rcode);
  }
}

// A lookup that libunbound calls successful may still carry SERVFAIL or a failed validation: both are
// temporary. SERVFAIL is also what libunbound says when it got no answer, or believes that it would get none.
RawAnswer Translate(const std::string& name, int error, const ub_result* result) {
  if (error == UB_SYNTAX) {
    RawAnswer answer;
    answer.result = Result::kNoDomain;
    return answer;
  }
  if (error != UB_NOERROR || result == nullptr) return NotAsked(ub_strerror(error));
  if (result->bogus != 0) {
    // Also where a key did not come in time.
    const char* why = result->why_bogus != nullptr ? result->why_bogus : "validation failed";
    RawAnswer failed = Temporary(absl::StrCat("DNSSEC: ", Printable(why)));
    failed.conclusive = false;
    return failed;
  }
  if (result->nxdomain == 0 && result->rcode != kRcodeNoError) {
    RawAnswer failed = Temporary(RcodeName(result->rcode));
    failed.conclusive = false;
    return failed;
  }
  RawAnswer answer;
  answer.result = result->nxdomain != 0   ? Result::kNoDomain
                  : result->havedata != 0 ? Result::kFound
                                          : Result::kNoData;
  answer.ttl = std::chrono::seconds(result->ttl);
  answer.secure = result->secure != 0;
  answer.canonical_name = result->canonname != nullptr ? NormalName(result->canonname) : name;
  for (size_t i = 0; result->havedata != 0 && result->data[i] != nullptr; ++i) {
    answer.rdata.emplace_back(result->data[i], static_cast<size_t>(result->len[i]));
  }
  return answer;
}

}  // namespace

RawAnswer Temporary(std::string reason) {
  RawAnswer answer;
  answer.reason = std::move(reason);
  return answer;
}

RawAnswer NotAsked(std::string reason) {
  RawAnswer answer;
  answer.result = Result::kNotAsked;
  answer.reason = std::move(reason);
  return answer;
}

absl::StatusOr<std::shared_ptr<UnboundLane>> UnboundLane::Open(const asio::any_io_executor& strand,
                                                               const DnsConfig& config,
                                                               const ContextShare& share) {
  absl::StatusOr<UnboundContext> context = MakeUnboundContext(config, share);
  if (!context.ok()) return context.status();
  // A descriptor of our own, so that Asio and libunbound each close theirs.
  const int readable = fcntl(ub_fd(context->get()), F_DUPFD_CLOEXEC, 0);
  if (readable < 0) return absl::ResourceExhaustedError("no file descriptor left for the DNS resolver");
  return std::shared_ptr<UnboundLane>(new UnboundLane(strand, *std::move(context), readable));
}

UnboundLane::UnboundLane(const asio::any_io_executor& strand, UnboundContext context, int readable)
    : context_(std::move(context)), answers_(strand, readable) {}

UnboundLane::~UnboundLane() = default;

void UnboundLane::Watch(Events events) {
  events_ = std::move(events);
  WaitReadable();
}

void UnboundLane::WaitReadable() {
  answers_.async_wait(
      asio::posix::stream_descriptor::wait_read,
      [self = shared_from_this()](const std::error_code& failure) { self->OnReadable(failure); });
}

absl::Status UnboundLane::Put(const Question& question) {
  if (closed_) return absl::FailedPreconditionError("the resolver is stopping");
  auto owned = std::make_unique<Pending>(Pending{this, question});
  Pending* pending = owned.get();
  const int error = ub_resolve_async(context_.get(), question.name.c_str(), question.type, kClassIn, pending,
                                     &UnboundLane::OnAnswer, nullptr);
  if (error != UB_NOERROR) return absl::UnavailableError(ub_strerror(error));
  pending_.emplace(pending, std::move(owned));
  return absl::OkStatus();
}

void UnboundLane::OnAnswer(void* pending, int error, ub_result* result) {
  const ResultPtr owned(result);
  UnboundLane& lane = *static_cast<Pending*>(pending)->lane;
  const auto entry = lane.pending_.extract(static_cast<Pending*>(pending));
  if (entry.empty() || lane.closed_) return;
  const Question& question = entry.mapped()->question;
  lane.events_.answered(question, Translate(question.name, error, result));
}

void UnboundLane::OnReadable(const std::error_code& failure) {
  if (failure || closed_) return;
  if (const int error = ub_process(context_.get()); error != UB_NOERROR) {
    const auto broken = events_.broken;
    return broken(ub_strerror(error));
  }
  if (closed_) return;
  events_.idle();
  if (!closed_) WaitReadable();
}

void UnboundLane::Close() {
  closed_ = true;
  std::error_code ignored;
  answers_.close(ignored);  // from here on ub_process is never called, hence neither is OnAnswer
  pending_.clear();
}

}  // namespace goniec::dns
