#include "outbound/deliver/connection.h"

#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/observe/log.h"
#include "outbound/deliver/site_pool.h"
#include "outbound/outcome/outcomes.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;

// What the peer said before it hung up is still looked at for so long.
constexpr std::chrono::seconds kLastWords(5);
// A larger output buffer than this is given back when the connection is idle.
constexpr std::size_t kKeptOutput = 64 * 1024;

queue::v1::Outcome BaseOutcome(const Candidate& candidate) {
  queue::v1::Outcome base;
  base.set_remote_host(candidate.host);
  base.set_remote_ip(candidate.endpoint.ip.ToString());
  base.set_remote_port(candidate.endpoint.port);
  return base;
}

milliseconds TimeUntil(BootTime deadline) {
  return std::chrono::duration_cast<milliseconds>(deadline - BootClock::now());
}

Result NotTried() {
  return {
      outcomes::kShuttingDown.verdict, MakeOutcome(outcomes::kShuttingDown, queue::v1::PHASE_CONNECT), {}};
}

// Nothing was tried and nothing is known of the peer. A connection that failed is kNotTried for nothing else.
Result OwnLimit(const absl::Status& status) {
  return {outcomes::kOwnLimit.verdict,
          MakeOutcome(outcomes::kOwnLimit, queue::v1::PHASE_CONNECT, {Printable(Message(status))}),
          {}};
}

Result ConnectFailure(const Candidate& candidate, const absl::Status& status, BootTime start) {
  const OutcomeRow& row =
      absl::IsDeadlineExceeded(status) ? outcomes::kConnectTimedOut : outcomes::kConnectFailed;
  Result result{row.verdict, BaseOutcome(candidate), {}};
  const auto spent = std::chrono::duration_cast<std::chrono::microseconds>(BootClock::now() - start);
  result.outcome.set_phase(queue::v1::PHASE_CONNECT);
  Describe(row, TextOf(row, {Printable(Message(status))}), result.outcome);
  result.outcome.set_latency_us(static_cast<std::uint64_t>(spent.count()));
  return result;
}

}  // namespace

Connection::Connection(SitePool& pool, Site& site, std::unique_ptr<Job> job)
    : pool_(pool), site_(site), route_(job->route), job_(std::move(job)), idle_timer_(pool.executor()) {}

void Connection::Wake(std::unique_ptr<Job> job) {
  job_ = std::move(job);
  if (job_ == nullptr) BeginLeaving();
  woken_ = true;
  idle_timer_.cancel();
}

void Connection::BeginLeaving() {
  if (std::exchange(leaving_, true)) return;
  site_.LeavingBegan();
}

void Connection::Drain() {
  idle_timer_.cancel();
  if (ready_) return;
  connect_cancel_.emit(asio::cancellation_type::terminal);
  if (stream_) stream_->Close();
}

void Connection::Cut() {
  cut_ = true;
  idle_timer_.cancel();
  connect_cancel_.emit(asio::cancellation_type::terminal);
  if (stream_) stream_->Close();
}

asio::awaitable<void> Connection::Run(std::shared_ptr<Connection> self) {
  // Never from inside the pool that is starting it.
  co_await asio::post(self->pool_.executor(), asio::use_awaitable);
  try {
    co_await self->OpenAndServe();
  } catch (const std::exception& e) {
    observe::Error("delivery connection failed", {{"site", self->site_.key()}, {"error", e.what()}});
  }
  self->Leave();
}

// Whatever happened, every job goes on its way.
void Connection::Leave() {
  try {
    if (session_) {
      session_->Lost(outcomes::kConnectionGivenUp);
      CollectFinished();
    }
  } catch (const std::exception& e) {
    observe::Error("delivery connection failed", {{"site", site_.key()}, {"error", e.what()}});
  }
  // Those that an error has kept from being collected.
  for (auto& [transaction, job] : std::exchange(on_wire_, {})) pool_.GivenUp(site_, std::move(job));
  if (stream_) stream_->Close();
  if (!ready_) {
    pool_.OpeningFailed(site_, std::move(job_), failure_ ? *std::move(failure_) : NotTried());
  } else if (job_ != nullptr) {
    pool_.PutBack(site_, std::move(job_));
  }
  if (leaving_) site_.LeavingEnded();
  pool_.Closed(site_, shared_from_this(), ready_);
}

asio::awaitable<void> Connection::OpenAndServe() {
  ready_ = co_await Open();
  if (!ready_) co_return;
  opened_at_ = BootClock::now();
  pool_.Opened(site_);
  co_await Serve();
}

asio::awaitable<bool> Connection::Open() {
  give_up_at_ = BootClock::now() + pool_.config().attempt_timeout;
  const std::vector<Candidate> candidates =
      site_.CandidatesOf(*route_, pool_.config().addresses_per_attempt, BootClock::now());
  for (const Candidate& candidate : candidates) {
    if (pool_.draining() || TimeUntil(give_up_at_) <= milliseconds(0)) break;
    std::optional<Result> failure = co_await OpenAddress(candidate);
    if (!failure) co_return true;
    if (IsOwnLimit(*failure)) {
      failure_ = std::move(failure);
      break;
    }
    site_.NoteAddressFailed(candidate.endpoint, pool_.config().failed_site_pause, BootClock::now());
    // What a server said is worth more to who asks than that another one said nothing.
    const bool better = failure_ && failure_->outcome.reply_code() != 0 && failure->outcome.reply_code() == 0;
    if (!better) failure_ = std::move(failure);
  }
  if (pool_.draining()) failure_ = NotTried();
  co_return false;
}

asio::awaitable<std::optional<Result>> Connection::OpenAddress(Candidate candidate) {
  const PeerMemory memory = site_.MemoryOf(candidate.endpoint, BootClock::now());
  const bool tls = pool_.tls() != nullptr && !memory.tls_failed;
  std::optional<Result> failure = co_await TryAddress(candidate, memory);
  if (!failure || !tls || failure->outcome.phase() != queue::v1::PHASE_STARTTLS || pool_.draining()) {
    co_return failure;
  }
  // RFC 7435: some protection when possible, never a bounce for the lack of it. Once, on a new connection,
  // for the handshake has spoilt this one.
  observe::InfoLimited("starttls failed, plain text instead", {{"host", candidate.host},
                                                               {"ip", candidate.endpoint.ip.ToString()},
                                                               {"text", failure->outcome.text()}});
  pool_.metrics().tls_fallbacks.Add();
  site_.NoteTlsFailed(candidate.endpoint, BootClock::now());
  const PeerMemory now_plain = site_.MemoryOf(candidate.endpoint, BootClock::now());
  failure = co_await TryAddress(std::move(candidate), now_plain);
  co_return failure;
}

// Nothing if the session is ready.
asio::awaitable<std::optional<Result>> Connection::TryAddress(Candidate candidate, PeerMemory memory) {
  const BootTime start = BootClock::now();
  const milliseconds limit = std::min(pool_.config().connect_timeout, TimeUntil(give_up_at_));
  host_ = candidate.host;
  address_ = candidate.endpoint;
  // Awaited, not detached; the signal lets a drain end it.
  absl::StatusOr<net::Stream> stream = co_await asio::co_spawn(
      pool_.executor(), net::Stream::Connect(pool_.executor(), candidate.endpoint, limit),
      asio::bind_cancellation_slot(connect_cancel_.slot(), asio::use_awaitable));
  if (cut_ || pool_.draining()) co_return NotTried();
  if (absl::IsResourceExhausted(stream.status())) co_return OwnLimit(stream.status());
  if (!stream.ok()) co_return ConnectFailure(candidate, stream.status(), start);
  stream_ = *std::move(stream);
  replies_seen_.reset();
  const bool tls = pool_.tls() != nullptr && !memory.tls_failed;
  session_.emplace(pool_.session_config(tls), BaseOutcome(candidate), memory);
  while (!session_->ready() && session_->want() != ClientSession::Want::kClose) co_await Step();
  if (session_->ready()) co_return std::nullopt;
  RememberPeer();
  stream_->Close();
  co_return *session_->failure();
}

asio::awaitable<void> Connection::Serve() {
  while (true) {
    CollectFinished();
    TakeJobs();
    switch (session_->want()) {
      case ClientSession::Want::kClose:
        co_return;
      case ClientSession::Want::kWork: {
        const bool work = co_await WaitForWork();
        if (!work && (cut_ || !stream_->is_open())) co_return;
        if (work) break;
        BeginLeaving();
        session_->Quit();
        break;
      }
      default:
        co_await Step();
    }
  }
}

void Connection::RememberPeer() {
  if (session_->tls_demanded()) site_.NoteTlsDemanded(address_);
  const BrokenExtensions broken = session_->TakeBroken();
  if (!broken.any()) return;
  site_.NoteBroken(address_, broken, BootClock::now());
  observe::Info("extension failed, mail goes without it", {{"host", host_},
                                                           {"ip", address_.ip.ToString()},
                                                           {"pipelining", broken.pipelining},
                                                           {"size", broken.size},
                                                           {"chunking", broken.chunking},
                                                           {"dsn", broken.dsn}});
}

void Connection::CollectFinished() {
  RememberPeer();
  // One after the other: should an error come in between, the others are still there.
  std::vector<std::unique_ptr<Transaction>>& finished = session_->finished();
  while (!finished.empty()) {
    const std::unique_ptr<Transaction> transaction = std::move(finished.front());
    finished.erase(finished.begin());
    auto job = on_wire_.extract(transaction.get());
    pool_.TransactionDone(site_, std::move(job.mapped()), *transaction);
  }
}

void Connection::TakeJobs() {
  while (session_->CanSubmit() && !IsUsedUp()) {
    // Asked again: without PIPELINING nothing may be submitted behind what is under way.
    if (site_.broken() > 0) session_->Avoid(site_.MemoryOf(address_, BootClock::now()).broken);
    if (!session_->CanSubmit()) return;
    if (job_ == nullptr && !MayTakeMore()) return;
    if (job_ == nullptr) job_ = pool_.NextToBegin(site_);
    if (job_ == nullptr) return;
    const std::size_t most = pool_.MayBegin(site_);
    if (most == 0) return pool_.PutBack(site_, std::move(job_));
    std::unique_ptr<Transaction> transaction = job_->Begin(most);
    site_.NoteBegun(transaction->recipients().size(), BootClock::now());
    on_wire_.emplace(transaction.get(), std::move(job_));
    session_->Submit(std::move(transaction));
    CollectFinished();
  }
}

bool Connection::IsUsedUp() const {
  return session_->spent() || session_->transactions() >= site_.limits().messages_per_connection ||
         BootClock::now() >= opened_at_ + site_.limits().max_age;
}

bool Connection::MayTakeMore() {
  if (!leaving_ && SitePool::MustLeave(site_)) BeginLeaving();
  return !leaving_ && !pool_.draining();
}

// True if there is something to do on this connection.
asio::awaitable<bool> Connection::WaitForWork() {
  if (!MayTakeMore() || IsUsedUp() || cut_) co_return false;
  if (session_->output().capacity() > kKeptOutput) std::string().swap(session_->output());
  stream_->NeverExpire();
  woken_ = false;
  pool_.Park(site_, shared_from_this());
  const BootClock::duration age_left = opened_at_ + site_.limits().max_age - BootClock::now();
  idle_timer_.expires_after(std::min<BootClock::duration>(site_.limits().idle_timeout, age_left));
  asio::error_code ignored;
  co_await idle_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if (!woken_) pool_.Unpark(site_, this);
  if (job_ == nullptr) co_return false;
  // A server that has had enough of waiting: this one is of no use, and the job nothing to do with it.
  if (stream_->HasUnexpectedInput()) stream_->Close();
  co_return stream_->is_open();
}

milliseconds Connection::Limit() const {
  const milliseconds limit = session_->time_limit();
  return ready_ ? limit : std::max(milliseconds(1), std::min(limit, TimeUntil(give_up_at_)));
}

// Writes what the session has put out and does the one thing that it wants.
asio::awaitable<void> Connection::Step() {
  ClientSession& session = *session_;
  if (session.want() == ClientSession::Want::kClose) co_return;
  const bool wrote = !session.output().empty();
  if (wrote) {
    stream_->ExpireAfter(Limit());
    const absl::Status status = co_await stream_->WriteAll(session.output());
    session.output().clear();
    if (!status.ok()) {
      if (absl::IsUnavailable(status)) co_await ReadLastWords();
      Lost(status);
      co_return;
    }
  }
  switch (session.want()) {
    case ClientSession::Want::kTls:
      co_await StartTls();
      co_return;
    case ClientSession::Want::kBody:
      co_await ReadBody();
      co_return;
    case ClientSession::Want::kEnd:
      co_await EndContent();
      co_return;
    case ClientSession::Want::kReply:
      break;
    default:
      co_return;
  }
  // Only a whole reply is progress: a peer that sends a byte now and then gets no more time.
  if (wrote || replies_seen_ != session.replies()) stream_->ExpireAfter(Limit());
  replies_seen_ = session.replies();
  const absl::StatusOr<std::size_t> got = co_await stream_->ReadSome(input_);
  if (got.ok()) {
    session.Receive(std::string_view(input_.data(), *got));
  } else {
    Lost(got.status());
  }
}

// A server that has had enough of a message says why and hangs up; the first thing to notice is the failing
// write.
asio::awaitable<void> Connection::ReadLastWords() {
  stream_->ExpireAfter(kLastWords);
  const absl::StatusOr<std::size_t> got = co_await stream_->ReadSome(input_);
  if (got.ok()) session_->Receive(std::string_view(input_.data(), *got));
}

asio::awaitable<void> Connection::ReadBody() {
  const auto& read_chunk = on_wire_.at(session_->current())->read_chunk;
  if (!read_chunk) {
    session_->BodyUnreadable("nobody can read the stored body");
    co_return;
  }
  stream_->NeverExpire();
  const absl::StatusOr<std::string> chunk = co_await read_chunk(session_->body_chunk());
  if (cut_) {
    Lost(absl::CancelledError());
  } else if (chunk.ok()) {
    session_->AddBody(*chunk);
  } else {
    session_->BodyUnreadable(Printable(Message(chunk.status())));
  }
}

// The lease is asked when what lies before the end has left this host, and the end is the next thing written.
asio::awaitable<void> Connection::EndContent() {
  // Always: chunks that were written before may still lie in the kernel's buffer.
  stream_->ExpireAfter(Limit());
  const absl::Status left = co_await stream_->AwaitSent();
  if (!left.ok()) {
    if (absl::IsUnavailable(left)) co_await ReadLastWords();
    Lost(left);
    co_return;
  }
  session_->EndContent();
}

asio::awaitable<void> Connection::StartTls() {
  stream_->ExpireAfter(Limit());
  const absl::Status status = co_await stream_->StartTlsClient(pool_.tls(), host_);
  if (status.ok()) {
    const net::TlsInfo& tls = *stream_->tls();
    const bool proven = tls.peer == net::PeerVerification::kPkix;
    session_->TlsStarted(tls.version, tls.cipher, proven ? net::PeerVerificationName(tls.peer) : "");
  } else if (absl::IsCancelled(status)) {
    Lost(status);
  } else {
    session_->Lost(outcomes::kHandshakeFailed, Printable(Message(status)));
  }
}

void Connection::Lost(const absl::Status& status) {
  if (absl::IsCancelled(status)) {
    session_->Lost(outcomes::kShuttingDown);
  } else if (absl::IsDeadlineExceeded(status)) {
    session_->Lost(outcomes::kTimedOut);
  } else {
    session_->Lost(outcomes::kConnectionLost);
  }
}

}  // namespace goniec::outbound
