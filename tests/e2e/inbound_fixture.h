// A real goniec-inbound on a real, provisioned nats-server, and eyes on what it stored. For the tests of the
// way from SMTP into READY; delivery is not started.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/queue/broker/broker.h"
#include "common/queue/model/config.h"
#include "goniec/queue/v1/queue.pb.h"
#include "tests/support/dialogue.h"
#include "tests/support/nats_server.h"
#include "tests/support/process.h"

namespace goniec::inbound {

using test::HttpGet;
using test::SmtpDialogue;

class InboundTest : public testing::Test {
 protected:
  InboundTest() { queue_.capacity_bytes = 512ULL << 20; }  // the server offers 2 GiB

  void StartQueue(test::NatsServerOptions options = {});
  // `more` is YAML at the top level of the configuration; "{queue}" in it is not needed. Returns once it
  // listens, or, if `ready`, once it is ready.
  void StartInbound(const std::string& more = "relay: {trusted_networks: [\"127.0.0.1/32\"]}\n",
                    bool ready = true);
  // The configuration that StartInbound would write.
  std::string Configuration(const std::string& more);

  [[nodiscard]] bool Ready() const;
  [[nodiscard]] SmtpDialogue Connect() const { return SmtpDialogue(smtp_port_); }
  // Connected, greeted and introduced by EHLO.
  [[nodiscard]] SmtpDialogue Hello(const char* source = "127.0.0.1") const;

  // Every record in READY, as it lies there.
  std::vector<queue::v1::Record> Records();
  // All their mails.
  std::vector<queue::v1::Mail> Mails();
  // Head and body as they would go to the next server, chunks read from the store.
  std::string Content(const queue::v1::Mail& mail);
  // The value of a series (with its labels, if it has some) on /metrics; 0 if it is not there.
  [[nodiscard]] double Metric(const std::string& series) const;
  // The stream's count of messages.
  uint64_t StoredIn(const std::string& stream);

  static std::string Binary();

  test::TempDir folder_;
  std::unique_ptr<test::NatsServer> nats_;
  queue::QueueConfig queue_;
  std::unique_ptr<queue::Broker> broker_;
  uint16_t smtp_port_ = test::FreePort();
  uint16_t http_port_ = test::FreePort();
  std::optional<test::Process> inbound_;
};

}  // namespace goniec::inbound
