#include "tests/unit/inbound/session/scripted_shell.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "common/smtp/replies.h"

namespace goniec::inbound {

std::optional<smtp::Reply> ExamplePolicy::CheckSender(const PeerInfo& /*peer*/,
                                                      const smtp::Path& path) const {
  if (path.mailbox.local == "denied") return smtp::Reply(smtp::replies::kRelayDenied);
  return std::nullopt;
}

std::optional<smtp::Reply> ExamplePolicy::CheckRecipient(const PeerInfo& /*peer*/,
                                                         const smtp::Path& path) const {
  constexpr std::string_view kSuffix = ".example";
  const std::string& name = path.mailbox.domain.ascii;
  EXPECT_FALSE(name.empty());
  const bool ours = name.size() > kSuffix.size() && name.substr(name.size() - kSuffix.size()) == kSuffix;
  return ours ? std::nullopt : std::optional<smtp::Reply>(smtp::replies::kRelayDenied);
}

SessionConfig ScriptedShell::DefaultConfig() {
  SessionConfig config;
  config.host_name = "mx.local.example";
  config.max_message_size = 1000;
  config.max_recipients = 5;
  return config;
}

ScriptedShell::ScriptedShell(SessionConfig config)
    : config_(std::move(config)),
      session_(std::make_unique<ServerSession>(config_, PeerInfo{net::IpAddress::Parse("192.0.2.7").value()},
                                               policy_, this)) {}

std::string ScriptedShell::Say(std::string_view bytes, size_t piece) {
  while (!bytes.empty() && !closed && !upgrading) {
    // A copy of its own for each piece, freed afterwards: the sanitizer sees a view that outlives its bytes.
    const std::string owned(bytes.substr(0, piece == 0 ? bytes.size() : piece));
    bytes.remove_prefix(owned.size());
    session_->Receive(owned);
    Run();
  }
  return std::exchange(wire_, std::string());
}

std::string ScriptedShell::SayCut(std::string_view bytes, size_t cut) {
  std::string said = Say(bytes.substr(0, cut));
  return said + Say(bytes.substr(cut));
}

void ScriptedShell::Run() {
  waiting_ = false;
  while (!waiting_) {
    const Step step = session_->Next();
    std::visit([this](const auto& s) { Handle(s); }, step);
  }
}

void ScriptedShell::Write() {
  const std::string output = session_->TakeOutput();
  largest_output = std::max(largest_output, output.size());
  wire_ += output;
}

void ScriptedShell::Handle(const NeedInput& /*step*/) {
  Write();
  waiting_ = true;
}

void ScriptedShell::Handle(const Flush& /*step*/) {
  ++flushes;
  Write();
}

void ScriptedShell::Handle(const OpenBody& step) {
  EXPECT_FALSE(open_) << "one body at a time";
  EXPECT_FALSE(step.transaction->recipients().empty());
  ++opened;
  if (refuse_open) return session_->BodyFailed(*refuse_open);
  open_ = true;
  body_.clear();
  session_->BodyOpened();
}

void ScriptedShell::Handle(const BodyChunk& step) {
  EXPECT_TRUE(open_);
  EXPECT_FALSE(step.bytes.empty());
  if (refuse_chunk) {
    open_ = false;
    return session_->BodyFailed(*refuse_chunk);
  }
  body_.append(step.bytes);
}

void ScriptedShell::Handle(const AbandonBody& /*step*/) {
  EXPECT_TRUE(open_);
  open_ = false;
  ++abandoned;
}

void ScriptedShell::Handle(const CommitMessage& step) {
  EXPECT_TRUE(open_);
  EXPECT_FALSE(session_->IsIdle());
  open_ = false;
  Write();
  const Transaction& mail = *step.transaction;
  EXPECT_EQ(mail.body_size(), body_.size());
  if (!commit_reply || commit_reply->IsPositive()) {
    StoredMessage message{mail.mail_from(),
                          {},
                          body_,
                          mail.has_header(),
                          std::string(mail.Protocol()),
                          mail.client().hello_name,
                          mail.parameters(),
                          mail.header_is_ascii(),
                          mail.body_is_ascii()};
    for (const smtp::Mailbox& mailbox : mail.recipients()) message.to.push_back(mailbox.ToString());
    stored.push_back(std::move(message));
  }
  session_->Committed(commit_reply.value_or(smtp::replies::Queued("ID")));
}

void ScriptedShell::Handle(const UpgradeTls& /*step*/) {
  Write();
  upgrading = true;
  waiting_ = true;
}

void ScriptedShell::Handle(const Close& /*step*/) {
  EXPECT_FALSE(open_) << "an open body is abandoned first";
  Write();
  closed = true;
  waiting_ = true;
}

void ScriptedShell::OnRefused(smtp::Verb verb, std::string_view argument, const smtp::Reply& reply) {
  refused.push_back(std::string(smtp::VerbName(verb)) + ' ' + std::string(argument) + " -> " +
                    std::to_string(reply.code));
}

}  // namespace goniec::inbound
