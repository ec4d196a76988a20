#include "common/dns/unbound_resolver.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unbound.h>

#include <asio/dispatch.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/await.h"
#include "common/base/text.h"
#include "common/dns/unbound_context.h"
#include "common/dns/wire.h"

namespace goniec::dns {
namespace {

constexpr int kClassIn = 1;
constexpr int kRcodeNoError = 0;

struct FreeResult {
  void operator()(ub_result* result) const { ub_resolve_free(result); }
};
using ResultPtr = std::unique_ptr<ub_result, FreeResult>;

// An answer before its records are parsed.
struct RawAnswer : Answer {
  std::vector<std::string> rdata;
};

RawAnswer Temporary(std::string reason) {
  RawAnswer answer;
  answer.reason = std::move(reason);
  return answer;
}

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
// temporary.
RawAnswer Translate(const std::string& name, int error, const ub_result* result) {
  if (error == UB_SYNTAX) {
    RawAnswer answer;
    answer.result = Result::kNoDomain;
    return answer;
  }
  if (error != UB_NOERROR || result == nullptr) return Temporary(ub_strerror(error));
  if (result->bogus != 0) {
    const char* why = result->why_bogus != nullptr ? result->why_bogus : "validation failed";
    return Temporary(absl::StrCat("DNSSEC: ", Printable(why)));
  }
  if (result->nxdomain == 0 && result->rcode != kRcodeNoError) return Temporary(RcodeName(result->rcode));
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

MxAnswer ParseMxAnswer(RawAnswer raw) {
  MxAnswer answer{static_cast<const Answer&>(raw), {}};
  for (const std::string& rdata : raw.rdata) {
    if (std::optional<MxRecord> record = ParseMx(rdata)) answer.records.push_back(std::move(*record));
  }
  if (answer.result == Result::kFound && answer.records.empty()) {
    static_cast<Answer&>(answer) = Temporary("no MX record of the answer can be read");
  }
  return answer;
}

AddressAnswer ParseAddressAnswer(int type, const RawAnswer& raw) {
  AddressAnswer answer{static_cast<const Answer&>(raw), {}};
  for (const std::string& rdata : raw.rdata) {
    if (const auto address = ParseAddress(type, rdata)) answer.addresses.push_back(*address);
  }
  if (answer.result == Result::kFound && answer.addresses.empty()) {
    static_cast<Answer&>(answer) = Temporary("no address record of the answer can be read");
  }
  return answer;
}

}  // namespace

// Everything here but the constructor runs on the strand. Kept alive by its own pending operations until
// Close().
class UnboundResolver::Core : public std::enable_shared_from_this<Core> {
 public:
  using Done = std::function<void(RawAnswer)>;

  Core(const asio::any_io_executor& executor, const DnsConfig& config, UnboundContext context, int readable)
      : strand_(asio::make_strand(executor)),
        timeout_(config.timeout),
        max_lookups_(static_cast<size_t>(config.max_lookups)),
        context_(std::move(context)),
        answers_(strand_, readable) {}

  const auto& strand() const { return strand_; }

  void Watch() {
    answers_.async_wait(
        asio::posix::stream_descriptor::wait_read,
        [self = shared_from_this()](const std::error_code& failure) { self->OnReadable(failure); });
  }

  void Lookup(std::string name, int type, Done done) {
    if (closed_) return done(Temporary("the resolver is stopping"));
    if (lookups_.size() >= max_lookups_) return done(Temporary("too many DNS lookups in progress"));
    auto owned = std::make_unique<Pending>(
        Pending{this, std::move(name), std::move(done), asio::steady_timer(strand_)});
    Pending* lookup = owned.get();
    lookups_.emplace(lookup, std::move(owned));
    const int error = ub_resolve_async(context_.get(), lookup->name.c_str(), type, kClassIn, lookup,
                                       &Core::OnAnswer, nullptr);
    if (error != UB_NOERROR) return Finish(lookup, Temporary(ub_strerror(error)));
    lookup->timer.expires_after(timeout_);
    lookup->timer.async_wait([self = shared_from_this(), lookup](const std::error_code& cancelled) {
      if (!cancelled) self->OnTimeout(lookup);
    });
  }

  void Close() {
    closed_ = true;
    std::error_code ignored;
    answers_.close(ignored);  // from here on ub_process is never called, hence neither is OnAnswer
    for (auto& [lookup, owned] : std::exchange(lookups_, {})) {
      if (owned->done) owned->done(Temporary("the resolver is stopping"));
    }
  }

 private:
  struct Pending {
    Core* core;
    std::string name;
    Done done;  // empty once it has timed out
    asio::steady_timer timer;
  };

  static void OnAnswer(void* pending, int error, ub_result* result) {
    const ResultPtr owned(result);
    auto* lookup = static_cast<Pending*>(pending);
    lookup->core->Finish(lookup, Translate(lookup->name, error, result));
  }

  void OnReadable(const std::error_code& failure) {
    if (failure || closed_) return;
    if (const int error = ub_process(context_.get()); error != UB_NOERROR) {
      spdlog::error("libunbound: {}; DNS lookups fail until the restart", ub_strerror(error));
      return Close();
    }
    Watch();
  }

  // The entry stays until libunbound answers: it cannot be called off there, and must count against the
  // limit.
  void OnTimeout(Pending* lookup) {
    const auto found = lookups_.find(lookup);
    if (found == lookups_.end() || !lookup->done) return;
    std::exchange(lookup->done, nullptr)(Temporary("no answer from the DNS in time"));
  }

  void Finish(Pending* lookup, RawAnswer answer) {
    const auto entry = lookups_.extract(lookup);
    if (const Done done = std::move(entry.mapped()->done)) done(std::move(answer));
  }

  const asio::strand<asio::any_io_executor> strand_;
  const std::chrono::milliseconds timeout_;
  const size_t max_lookups_;
  const UnboundContext context_;
  asio::posix::stream_descriptor answers_;
  bool closed_ = false;
  std::unordered_map<Pending*, std::unique_ptr<Pending>> lookups_;
};

absl::StatusOr<std::unique_ptr<UnboundResolver>> UnboundResolver::Create(
    const asio::any_io_executor& executor, const DnsConfig& config) {
  absl::StatusOr<UnboundContext> context = MakeUnboundContext(config);
  if (!context.ok()) return context.status();
  // A descriptor of our own, so that Asio and libunbound each close theirs.
  const int readable = fcntl(ub_fd(context->get()), F_DUPFD_CLOEXEC, 0);
  if (readable < 0) return absl::ResourceExhaustedError("no file descriptor left for the DNS resolver");
  auto core = std::make_shared<Core>(executor, config, *std::move(context), readable);
  asio::dispatch(core->strand(), [core] { core->Watch(); });
  return std::unique_ptr<UnboundResolver>(new UnboundResolver(std::move(core)));
}

UnboundResolver::UnboundResolver(std::shared_ptr<Core> core) : core_(std::move(core)) {}

UnboundResolver::~UnboundResolver() {
  asio::dispatch(core_->strand(), [core = core_] { core->Close(); });
}

asio::awaitable<MxAnswer> UnboundResolver::LookupMx(std::string domain) {
  const std::string name = NormalName(domain);
  if (!IsHostName(name)) co_return MxAnswer{{.result = Result::kNoDomain, .canonical_name = name}, {}};
  RawAnswer raw = co_await AwaitCallback<RawAnswer>([core = core_, name](auto done) {
    asio::dispatch(core->strand(), [core, name, done] { core->Lookup(name, kTypeMx, done); });
  });
  co_return ParseMxAnswer(std::move(raw));
}

namespace {

// Two lookups under way; both end on the resolver's strand.
struct BothFamilies {
  std::optional<AddressAnswer> ipv4;
  std::optional<AddressAnswer> ipv6;
};

}  // namespace

asio::awaitable<AddressAnswer> UnboundResolver::LookupAddresses(std::string host, Families families) {
  const std::string name = NormalName(host);
  if (!IsHostName(name)) co_return AddressAnswer{{.result = Result::kNoDomain, .canonical_name = name}, {}};
  co_return co_await AwaitCallback<AddressAnswer>([core = core_, name, families](auto done) {
    auto both = std::make_shared<BothFamilies>();
    const bool want4 = families != Families::kIPv6;
    const bool want6 = families != Families::kIPv4;
    const auto finish = [both, want4, want6, done] {
      if ((want4 && !both->ipv4) || (want6 && !both->ipv6)) return;
      done(Combine(want4 ? &*both->ipv4 : nullptr, want6 ? &*both->ipv6 : nullptr));
    };
    const auto on4 = [both, finish](const RawAnswer& raw) {
      both->ipv4 = ParseAddressAnswer(kTypeA, raw);
      finish();
    };
    const auto on6 = [both, finish](const RawAnswer& raw) {
      both->ipv6 = ParseAddressAnswer(kTypeAaaa, raw);
      finish();
    };
    asio::dispatch(core->strand(), [core, name, want4, want6, on4, on6] {
      if (want4) core->Lookup(name, kTypeA, on4);
      if (want6) core->Lookup(name, kTypeAaaa, on6);
    });
  });
}

}  // namespace goniec::dns
