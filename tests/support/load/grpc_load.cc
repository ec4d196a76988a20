#include "tests/support/load/grpc_load.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "goniec/v1/mail_service.grpc.pb.h"
#include "tests/support/load/schedule.h"

namespace goniec::load {
namespace {

using Time = Schedule::Time;
using Reader = grpc::ClientAsyncResponseReader<v1::SendMessageResponse>;

constexpr auto kFirstAnswer = std::chrono::seconds(5);
constexpr Time kLongWait = std::chrono::seconds(1);

struct Call {
  std::optional<grpc::ClientContext> context;
  v1::SendMessageResponse response;
  grpc::Status status;
  std::unique_ptr<Reader> reader;
  Schedule::Mail mail;
};

std::string Words(const grpc::Status& status) {
  return absl::StrCat("SendMessage: status ", static_cast<int>(status.error_code()), ": ",
                      Printable(status.error_message(), 300));
}

// The server refuses with details; without them the call came to no answer, or none of the server's.
bool IsAnswer(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
      return false;
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNKNOWN:
      return !status.error_details().empty();
    default:
      return true;
  }
}

class GrpcLoad {
 public:
  GrpcLoad(const Options& options, const MailForm& form, const std::string& token, Tally& tally)
      : options_(options),
        form_(form),
        token_(token),
        tally_(tally),
        schedule_(options),
        calls_(options.sessions) {
    Connect();
    for (Call& call : calls_) free_.push_back(&call);
    number_at_ = form.before().size();
    request_.mutable_raw()->append(form.before()).append(MailForm::kDigits, '0').append(form.after());
    for (const std::string& recipient : form.recipients()) {
      request_.mutable_envelope()->add_to()->set_address(recipient);
    }
  }

  absl::Status Run();

 private:
  [[nodiscard]] Time Now() const { return std::chrono::steady_clock::now() - start_; }
  void Connect();
  absl::Status Ask();
  void Prepare(grpc::ClientContext& context, std::chrono::milliseconds timeout) const;
  void StartDue();
  void Start(Call& call);
  void Wait();
  void Close();
  void OnEnd(Call& call, bool answered);

  const Options& options_;
  const MailForm& form_;
  const std::string& token_;
  Tally& tally_;
  Schedule schedule_;
  std::vector<std::unique_ptr<v1::MailService::Stub>> stubs_;
  grpc::CompletionQueue queue_;
  std::vector<Call> calls_;
  std::vector<Call*> free_;
  v1::SendMessageRequest request_;  // of all calls, each with its own number
  std::size_t number_at_ = 0;
  Time blocked_{-1};  // when a mail that was due last found no free call
  std::chrono::steady_clock::time_point start_;
};

void GrpcLoad::Connect() {
  grpc::ChannelArguments arguments;
  // A proxy that the shell has for the web is not one for this.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  for (std::size_t n = 0; n < options_.connections; ++n) {
    stubs_.push_back(v1::MailService::NewStub(
        grpc::CreateCustomChannel(options_.target, grpc::InsecureChannelCredentials(), arguments)));
  }
  tally_.connections = options_.connections;
}

void GrpcLoad::Prepare(grpc::ClientContext& context, std::chrono::milliseconds timeout) const {
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  if (!token_.empty()) context.AddMetadata("authorization", "Bearer " + token_);
}

// Each connection is made before the clock runs, and a server that is not there is told in one line.
absl::Status GrpcLoad::Ask() {
  for (const auto& stub : stubs_) {
    grpc::ClientContext context;
    Prepare(context, kFirstAnswer);
    v1::ServerInfo info;
    const grpc::Status status = stub->GetServerInfo(&context, {}, &info);
    if (status.ok()) continue;
    // gRPC tells the story of how it tried before the system's reason.
    const std::string& story = status.error_message();
    const std::size_t reason = story.rfind("remote host: ");
    return absl::UnavailableError(
        absl::StrCat("no answer of the API at ", options_.target, ": ",
                     Printable(reason == std::string::npos
                                   ? story
                                   : story.substr(reason + std::string_view("remote host: ").size()),
                               300)));
  }
  return absl::OkStatus();
}

absl::Status GrpcLoad::Run() {
  if (absl::Status asked = Ask(); !asked.ok()) return asked;
  start_ = std::chrono::steady_clock::now();
  absl::Status goes_on;
  while (goes_on.ok()) {
    StartDue();
    if (free_.size() == calls_.size() && !schedule_.NextDue(Now()).has_value()) break;
    Wait();
    goes_on = tally_.GoOn(options_);
  }
  Close();
  return goes_on;
}

// Every call must have ended before its memory goes.
void GrpcLoad::Close() {
  for (Call& call : calls_) {
    if (call.reader != nullptr) call.context->TryCancel();
  }
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void GrpcLoad::StartDue() {
  for (Time now = Now(); schedule_.HasDue(now); now = Now()) {
    if (free_.empty()) {
      if (options_.rate > 0) blocked_ = now;
      return;
    }
    Call& call = *free_.back();
    free_.pop_back();
    call.mail = *schedule_.Take(now);
    if (call.mail.due <= blocked_) ++tally_.waited;
    Start(call);
  }
}

void GrpcLoad::Start(Call& call) {
  call.context.emplace();
  Prepare(*call.context, options_.timeout);
  call.response.Clear();
  const MailForm::Number number = MailForm::NumberOf(call.mail.number);
  std::ranges::copy(number, request_.mutable_raw()->begin() + static_cast<std::ptrdiff_t>(number_at_));
  request_.mutable_envelope()->set_mail_from(std::string(form_.Sender(call.mail.number)));
  // The request is serialised here: the next call may change it.
  call.reader = stubs_[call.mail.number % stubs_.size()]->AsyncSendMessage(&*call.context, request_, &queue_);
  call.reader->Finish(&call.response, &call.status, &call);
}

// One event, then whatever is there already.
void GrpcLoad::Wait() {
  const Time now = Now();
  Time limit = kLongWait;
  const std::optional<Time> due = schedule_.NextDue(now);
  if (due.has_value() && !free_.empty()) limit = std::clamp(*due - now, Time(0), kLongWait);
  gpr_timespec until =
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(limit.count(), GPR_TIMESPAN));
  void* tag = nullptr;
  bool ok = false;
  while (queue_.AsyncNext(&tag, &ok, until) == grpc::CompletionQueue::GOT_EVENT) {
    OnEnd(*static_cast<Call*>(tag), ok);
    if (!tally_.GoOn(options_).ok()) return;
    if (options_.rate == 0) StartDue();
    until = gpr_now(GPR_CLOCK_MONOTONIC);
  }
}

void GrpcLoad::OnEnd(Call& call, bool answered) {
  const Time now = Now();
  if (answered && call.status.ok()) {
    tally_.Accepted(call.mail.due, now);
  } else if (answered && IsAnswer(call.status)) {
    tally_.Refused(now, Words(call.status));
  } else {
    tally_.Lost(now, Words(call.status));
  }
  call.reader.reset();
  free_.push_back(&call);
}

}  // namespace

absl::Status RunGrpc(const Options& options, const MailForm& form, const std::string& token, Tally& tally) {
  return GrpcLoad(options, form, token, tally).Run();
}

}  // namespace goniec::load
