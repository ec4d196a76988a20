#include "tests/integration/deliver/delivery_fixture.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <asio/co_spawn.hpp>
#include <sstream>

namespace goniec::outbound::testing {
namespace {

std::string ShowValue(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kStringValue:
      return value.string_value();
    case google::protobuf::Value::kBoolValue:
      return value.bool_value() ? "true" : "false";
    case google::protobuf::Value::kNumberValue:
      return std::to_string(static_cast<long>(value.number_value()));
    case google::protobuf::Value::kListValue: {
      std::string list;
      for (const auto& item : value.list_value().values())
        list += (list.empty() ? "" : ",") + ShowValue(item);
      return list;
    }
    default:
      return "";
  }
}

std::string Show(const Result& result) {
  std::string text(VerdictName(result.verdict));
  text += " " + queue::v1::Phase_Name(result.outcome.phase()).substr(sizeof("PHASE_") - 1);
  text += " " + queue::v1::Reason_Name(result.outcome.reason()).substr(sizeof("REASON_") - 1);
  if (result.outcome.reply_code() != 0) text += " " + std::to_string(result.outcome.reply_code());
  text += " [";
  for (const std::uint32_t position : result.recipients) {
    text += (text.back() == '[' ? "" : ",") + std::to_string(position);
  }
  text += "]";
  if (result.outcome.ambiguous()) text += " AMBIGUOUS";
  return text;
}

}  // namespace

SinkProcess::SinkProcess(const std::string& script, std::vector<std::string> flags, std::uint16_t port) {
  std::vector<std::string> argv = {GONIEC_SINK, "--listen", "127.0.0.1:" + std::to_string(port), "--maildir",
                                   folder_.File("mail")};
  if (!script.empty()) {
    argv.push_back("--script");
    argv.push_back(folder_.Write("script.yaml", script));
  }
  argv.insert(argv.end(), flags.begin(), flags.end());
  auto started = test::Process::Start(argv);
  EXPECT_TRUE(started.ok()) << started.status();
  process_ = std::move(*started);
  EXPECT_TRUE(process_->WaitForOutput("\n")) << process_->output();
  const std::string output = process_->output();
  EXPECT_TRUE(output.starts_with("listening on ")) << output;
  port_ = static_cast<std::uint16_t>(std::stoi(output.substr(output.find(':') + 1)));
}

std::vector<LogEntry> SinkProcess::Log() const {
  std::vector<LogEntry> entries;
  std::istringstream lines(test::ReadFileOrEmpty(folder_.File("mail/log.jsonl")));
  for (std::string line; std::getline(lines, line);) {
    google::protobuf::Struct fields;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &fields).ok()) << line;
    LogEntry& entry = entries.emplace_back();
    for (const auto& [key, value] : fields.fields()) entry[key] = ShowValue(value);
  }
  return entries;
}

std::string SinkProcess::Content(const LogEntry& entry) const {
  return test::ReadFileOrEmpty(folder_.File("mail/" + entry.at("file")));
}

void FakeView::Failed(const std::string& site, std::uint64_t epoch, const queue::v1::Outcome& /*outcome*/) {
  failed.push_back(epoch);
  if (!closes) return;
  word = {SiteState::kClosed, epoch + 1};
  if (changed_) changed_(site);
}

void FakeView::Say(SiteWord now) {
  word = now;
  if (changed_) changed_("");
}

void FakeView::GiveShare(std::size_t now) {
  share = now;
  if (changed_) changed_("");
}

DeliverConfig FastConfig() {
  DeliverConfig config;
  config.helo = "client.test";
  // No site is busy here, however slow the machine, unless a test says so.
  config.slots = 100'000;
  config.mails_per_site = 10'000;
  config.max_wait = std::chrono::milliseconds(20'000);
  config.connect_timeout = std::chrono::milliseconds(5'000);
  config.failed_site_pause = std::chrono::milliseconds(60'000);
  config.idle_timeout = std::chrono::milliseconds(2'000);
  return config;
}

Delivery::Delivery(DeliverConfig config, std::shared_ptr<net::TlsClientContext> tls) {
  dispatcher.emplace(io.get_executor(), std::move(config), std::move(tls), view, metrics);
}

Delivery::~Delivery() {
  if (!draining_) StartDrain(std::chrono::milliseconds(0));
  RunUntil([this] { return drained_; });
}

std::shared_ptr<queue::v1::Mail> Delivery::MakeMail(const std::vector<std::string>& recipients) {
  auto mail = std::make_shared<queue::v1::Mail>();
  mail->set_message_id("01jd0000000000000000000000");
  mail->set_mail_from("s@client.test");
  for (const std::string& address : recipients) mail->add_recipients()->set_address(address);
  mail->set_head("Subject: x\r\n\r\n");
  mail->set_inline_body("Hi\r\n");
  mail->set_size_bytes(mail->head().size() + mail->inline_body().size());
  return mail;
}

std::shared_ptr<const Route> Delivery::RouteTo(const std::vector<std::uint16_t>& ports, std::string site) {
  auto route = std::make_shared<Route>();
  for (const std::uint16_t port : ports) {
    route->candidates.push_back({{net::IpAddress::V4({127, 0, 0, 1}), port}, "mx.test"});
    route->site += "mx:" + std::to_string(port);
  }
  if (!site.empty()) route->site = std::move(site);
  return route;
}

std::size_t Delivery::Send(std::shared_ptr<queue::v1::Mail> mail, std::shared_ptr<const Route> route,
                           std::function<void(Job&)> change) {
  const std::size_t number = sent_++;
  Job job;
  for (int i = 0; i < mail->recipients_size(); ++i) job.recipients.push_back(static_cast<std::uint32_t>(i));
  job.mail = std::move(mail);
  job.route = std::move(route);
  job.may_finish = [] { return true; };
  job.done = [this, number](std::vector<Result> done) {
    EXPECT_FALSE(results.contains(number)) << "done twice";
    for (const Result& result : done) results[number].push_back(Show(result));
    raw[number] = std::move(done);
  };
  if (change) change(job);
  dispatcher->Deliver(std::move(job));
  EXPECT_FALSE(results.contains(number)) << "done from inside Deliver()";
  return number;
}

void Delivery::RunUntil(const std::function<bool()>& condition, std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the condition was not met in time";
    io.restart();
    io.run_one_for(std::chrono::milliseconds(50));
  }
}

void Delivery::RunUntilDone() {
  RunUntil([this] { return results.size() == sent_; });
}

std::vector<std::string> Delivery::Run(std::shared_ptr<queue::v1::Mail> mail,
                                       std::shared_ptr<const Route> route, std::function<void(Job&)> change) {
  const std::size_t number = Send(std::move(mail), std::move(route), std::move(change));
  RunUntilDone();
  return results[number];
}

void Delivery::StartDrain(std::chrono::milliseconds limit) {
  draining_ = true;
  asio::co_spawn(io, dispatcher->Drain(limit), [this](std::exception_ptr failure) {
    EXPECT_FALSE(failure);
    drained_ = true;
  });
}

}  // namespace goniec::outbound::testing
