// A worker in this process on a real queue, with mail for it that needs no server to be delivered to.
#pragma once

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "common/mail/ulid.h"
#include "common/net/io_threads.h"
#include "common/observe/metrics.h"
#include "common/queue/events/events.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/model/subjects.h"
#include "outbound/consume/worker.h"
#include "outbound/deliver/site_pool.h"
#include "outbound/route/router.h"
#include "tests/integration/queue/real_queue.h"
#include "tests/support/fake_resolver.h"

namespace goniec::outbound {

class WorkerTest : public queue::RealQueue {
 protected:
  void SetUp() override {
    config_.ack_wait = std::chrono::seconds(2);
    StartServer();
    ProvisionAll();
    StartWorker();
  }
  void StartWorker() {
    finder_ = std::make_unique<queue::MessageFinder>(*broker_, config_);
    dispatcher_ = std::make_unique<SitePool>(executor_, DeliverConfig(), nullptr, view_, metrics_);
    worker_ = std::make_unique<Worker>(WorkerParts{executor_, *broker_, *finder_, config_, router_,
                                                   *dispatcher_, retry_, worker_config_, metrics_});
    worker_->Start();
  }
  void TearDown() override {
    if (worker_ != nullptr) (void)worker_->Drain(std::chrono::seconds(20));
    worker_.reset();
    dispatcher_.reset();
  }

  // A record with one mail for an address that routing refuses: it ends without a connection.
  std::string StoreMail(const std::map<std::string, std::string>& headers = {},
                        const std::string& recipient = "somebody@[127.0.0.1]") {
    const WallTime now = std::chrono::system_clock::now();
    queue::v1::Record record;
    record.set_record_id(mail::NewRecordId(now));
    queue::v1::Mail& mail = *record.add_mails();
    mail.set_message_id(mail::MessageIdOf(record.record_id(), 0));
    mail.set_mail_class(queue::v1::MAIL_CLASS_TRANSACTIONAL);
    mail.set_tenant("default");
    mail.set_mail_from("sender@source.test");
    mail.add_recipients()->set_address(recipient);
    mail.set_recipient_count(1);
    *mail.mutable_accept_time() = queue::ToProto(now);
    *mail.mutable_expire_time() = queue::ToProto(now + std::chrono::hours(1));
    mail.set_inline_body("Subject: x\r\n\r\nx\r\n");
    Store({queue::ReadySubject(0, queue::MailClass::kTransactional, "default",
                               queue::SlotOf(record.record_id())),
           std::make_shared<const std::string>(record.SerializeAsString()),
           {headers.begin(), headers.end()}});
    return mail.message_id();
  }

  // A copy of a mail whose time is over, as another worker moved it after an attempt with this outcome.
  std::string StoreExpiredCopy(const queue::v1::Outcome& outcome) {
    const WallTime accepted = std::chrono::system_clock::now() - std::chrono::minutes(10);
    queue::v1::Record record;
    record.set_record_id(mail::NewRecordId(accepted));
    queue::v1::Mail& mail = *record.add_mails();
    mail.set_message_id(mail::MessageIdOf(record.record_id(), 0));
    mail.set_mail_class(queue::v1::MAIL_CLASS_TRANSACTIONAL);
    mail.set_tenant("default");
    mail.set_mail_from("sender@source.test");
    mail.add_recipients()->set_address("somebody@full.test");
    mail.set_recipient_count(1);
    mail.set_generation(1);
    mail.set_attempts(3);
    *mail.mutable_accept_time() = queue::ToProto(accepted);
    *mail.mutable_expire_time() = queue::ToProto(accepted + std::chrono::minutes(5));
    mail.set_inline_body("Subject: x\r\n\r\nx\r\n");
    queue::v1::EventRecord events;
    *events.add_events() =
        queue::MakeEvent(mail, queue::v1::EVENT_TYPE_DEFERRED, {0}, accepted + std::chrono::minutes(4));
    events.mutable_events(0)->set_attempts(3);
    *events.mutable_events(0)->mutable_outcome() = outcome;
    const int slot = queue::SlotOf(mail.message_id());
    Store({queue::LateEventSubject(queue::ShardOf(slot, config_.event_shards), "default", slot),
           std::make_shared<const std::string>(events.SerializeAsString()),
           {}});
    Store({queue::DueSubject(queue::WaitSubject(0, queue::MailClass::kTransactional, "default",
                                                mail.message_id(), 1, "full.test")),
           std::make_shared<const std::string>(record.SerializeAsString()),
           {}});
    return mail.message_id();
  }

  nlohmann::json Consumer() { return nlohmann::json::parse(Api("CONSUMER.INFO.READY_0.transactional")); }
  std::uint64_t Stored(const std::string& stream) {
    return nlohmann::json::parse(Api("STREAM.INFO." + stream))["state"]["messages"];
  }

  net::IoThreads thread_{1};
  asio::any_io_executor executor_ = thread_.context(0).get_executor();
  observe::Metrics metrics_;
  test::FakeResolver resolver_;
  Router router_{RouteConfig(), resolver_, {}};
  RetryPolicy retry_;
  WorkerConfig worker_config_;
  std::unique_ptr<queue::MessageFinder> finder_;
  AloneView view_;
  std::unique_ptr<SitePool> dispatcher_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace goniec::outbound
