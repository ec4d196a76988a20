// Drives a ServerSession as the real shell does, without sockets: feeds input in pieces, answers the steps as
// scripted, records replies and stored messages. Checks the contract between the two on the way.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inbound/session/server_session.h"

namespace goniec::inbound {

struct StoredMessage {
  std::string from;
  std::vector<std::string> to;
  std::string body;
  bool has_header = true;
  std::string protocol;
  std::string hello;
  smtp::MailParameters parameters;
  bool header_is_ascii = true;
  bool body_is_ascii = true;
};

// Accepts recipients in domains that end in ".example"; senders but <denied@…>.
class ExamplePolicy : public RecipientPolicy {
 public:
  [[nodiscard]] bool IsTrusted(const net::IpAddress& /*address*/) const override { return false; }
  [[nodiscard]] std::optional<smtp::Reply> CheckSender(const PeerInfo& peer,
                                                       const smtp::Path& path) const override;
  [[nodiscard]] std::optional<smtp::Reply> CheckRecipient(const PeerInfo& peer,
                                                          const smtp::Path& path) const override;
};

class ScriptedShell : public SessionObserver {
 public:
  explicit ScriptedShell(SessionConfig config = DefaultConfig());
  static SessionConfig DefaultConfig();

  // Receives `bytes` in pieces of at most `piece` octets (0: all at once) and handles the steps until input
  // is needed. Returns what the session said.
  std::string Say(std::string_view bytes, size_t piece = 0);
  // The same, the input cut once.
  std::string SayCut(std::string_view bytes, size_t cut);

  // Scripts. Unset: opens every body, stores every message with 250.
  std::optional<smtp::Reply> refuse_open;
  std::optional<smtp::Reply> refuse_chunk;  // at the first chunk
  std::optional<smtp::Reply> commit_reply;

  ServerSession& session() { return *session_; }
  std::vector<StoredMessage> stored;
  std::vector<std::string> refused;  // "VERB argument -> code"
  int opened = 0;
  int abandoned = 0;
  int flushes = 0;
  size_t largest_output = 0;
  bool closed = false;
  bool upgrading = false;

  void OnRefused(smtp::Verb verb, std::string_view argument, const smtp::Reply& reply) override;

 private:
  void Run();
  void Handle(const NeedInput& step);
  void Handle(const Flush& step);
  void Handle(const OpenBody& step);
  void Handle(const BodyChunk& step);
  void Handle(const AbandonBody& step);
  void Handle(const CommitMessage& step);
  void Handle(const UpgradeTls& step);
  void Handle(const Close& step);
  void Write();

  SessionConfig config_;
  ExamplePolicy policy_;
  std::unique_ptr<ServerSession> session_;
  std::string wire_;
  bool open_ = false;
  bool waiting_ = true;
  std::string body_;
};

}  // namespace goniec::inbound
