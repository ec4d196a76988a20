// The command line of goniec-load, read and checked before anything is opened. Pure; a value.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace goniec::load {

struct Options {
  enum class Protocol { kSmtp, kGrpc };
  Protocol protocol = Protocol::kSmtp;
  // Host and port as they were given, and apart; an IPv6 address is without brackets in `host`.
  std::string target;
  std::string host;
  std::string port;

  // The run ends after so many mails, or after so long, whichever is first; 0: no such bound.
  std::uint64_t mails = 0;
  std::chrono::nanoseconds duration{0};
  // Open loop: mails that fall due each second, however long the server takes. 0: closed loop.
  double rate = 0;
  // SMTP connections, or calls in flight; with a rate the most that there may be.
  std::size_t sessions = 0;
  // SMTP: mails before QUIT; 0: no bound.
  std::uint64_t mails_per_connection = 1;
  // gRPC: HTTP/2 connections that the calls share.
  std::size_t connections = 1;

  // Open loop: answers count as in time until so long after the last mail fell due.
  std::chrono::nanoseconds grace = std::chrono::milliseconds(500);

  std::string from = "sender@source.test";
  std::string to = "recipient@sink.test";
  // With more than one, the local part gets a number.
  std::size_t senders = 1;
  std::size_t recipients = 1;
  // Octets of a mail, header section and line ends included.
  std::size_t size = 10'240;
  // From a mail's beginning; without an answer by then it is lost.
  std::chrono::milliseconds timeout{30'000};
  std::string token_file;
  // The token may go to another machine as it is: there is no TLS.
  bool plaintext_token = false;
  bool json = false;

  // --help or --version was answered: nothing is left to do.
  bool done = false;

  // kInvalidArgument with one line for what is wrong.
  static absl::StatusOr<Options> Parse(int argc, const char* const* argv);

  // Open loop: until when, since the start, an answer is in time.
  [[nodiscard]] std::chrono::nanoseconds InTime() const;
  // kInvalidArgument with one line if a token, which goes in clear, must not go to the target.
  [[nodiscard]] absl::Status AllowToken() const;
};

}  // namespace goniec::load
