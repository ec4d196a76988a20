// goniec-sink: an SMTP server that accepts all mail, keeps it byte for byte, and departs from that as a
// script says. For tests, for load, and for people who want to see what arrives.
#include <unistd.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/time/time.h"
#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/base/task_group.h"
#include "common/base/text.h"
#include "common/net/io_threads.h"
#include "common/net/listener.h"
#include "common/net/stream.h"
#include "common/net/tls_context.h"
#include "tests/support/certificates.h"
#include "tests/support/sink/mail_store.h"
#include "tests/support/sink/script.h"
#include "tests/support/sink/session.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:2526",
          "ADDRESS:PORT; port 0 takes a free one, which the first line of output names");
ABSL_FLAG(std::string, maildir, "",
          "folder (a Maildir, made if need be) that keeps every message byte for byte");
ABSL_FLAG(std::string, log, "",
          "file that gets a JSON line for each message; - for standard output (default: MAILDIR/log.jsonl)");
ABSL_FLAG(std::string, script, "",
          "YAML file with the rules of what is answered otherwise (see tests/support/sink/script.h)");
ABSL_FLAG(bool, discard, false, "keep nothing and log nothing: for load");
ABSL_FLAG(bool, tls, false, "offer STARTTLS with a self-made certificate");
ABSL_FLAG(std::string, cert, "", "offer STARTTLS with this certificate (PEM)");
ABSL_FLAG(std::string, key, "", "the key of --cert (PEM)");
ABSL_FLAG(std::vector<std::string>, extensions,
          std::vector<std::string>({"PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE", "CHUNKING",
                                    "ENHANCEDSTATUSCODES"}),
          "what EHLO lists, separated by commas");
ABSL_FLAG(std::string, hostname, "goniec-sink.invalid", "its name in greeting and EHLO");
ABSL_FLAG(uint64_t, max_size, 50ULL << 20, "bytes of a message");
ABSL_FLAG(absl::Duration, timeout, absl::Minutes(5), "how long a client may be silent");
ABSL_FLAG(uint64_t, count, 0, "say so when this many messages are accepted; with --exit end then");
ABSL_FLAG(bool, exit, false, "end, with status 0, after --count messages");

namespace goniec::sink {
namespace {

int Fail(std::string_view problem) {
  std::fprintf(stderr, "goniec-sink: %.*s\n", static_cast<int>(problem.size()), problem.data());
  return 1;
}

// `folder` is made if a certificate has to be; it must live as long as the sink.
absl::Status SetTls(std::optional<test::TempDir>& folder, Sink& sink) {
  net::TlsServerConfig config{.certificate_file = absl::GetFlag(FLAGS_cert),
                              .key_file = absl::GetFlag(FLAGS_key)};
  if (config.certificate_file.empty() != config.key_file.empty()) {
    return absl::InvalidArgumentError("--cert and --key belong together");
  }
  if (config.certificate_file.empty()) {
    if (!absl::GetFlag(FLAGS_tls)) return absl::OkStatus();
    const test::Certificates made = test::MakeCertificates(folder.emplace(), sink.hostname);
    config.certificate_file = made.certificate_file;
    config.key_file = made.key_file;
  }
  auto context = net::TlsServerContext::Create(config);
  if (!context.ok()) return context.status();
  sink.tls = *std::move(context);
  return absl::OkStatus();
}

absl::Status SetUp(std::optional<test::TempDir>& folder, Sink& sink) {
  sink.hostname = absl::GetFlag(FLAGS_hostname);
  sink.max_size = absl::GetFlag(FLAGS_max_size);
  sink.timeout = std::chrono::milliseconds(absl::ToInt64Milliseconds(absl::GetFlag(FLAGS_timeout)));
  sink.count = absl::GetFlag(FLAGS_count);
  if (absl::GetFlag(FLAGS_exit) && sink.count == 0) return absl::InvalidArgumentError("--exit needs --count");
  if (const std::string script = absl::GetFlag(FLAGS_script); !script.empty()) {
    absl::StatusOr<Script> loaded = Script::Load(script);
    if (!loaded.ok()) return loaded.status();
    sink.script = *std::move(loaded);
  }
  sink.extensions = sink.script.extensions().value_or(absl::GetFlag(FLAGS_extensions));
  for (std::string& extension : sink.extensions) {
    if (EqualsIgnoreCase(extension, "SIZE")) extension = "SIZE " + std::to_string(sink.max_size);
  }
  return SetTls(folder, sink);
}

absl::StatusOr<std::unique_ptr<MailStore>> OpenStore() {
  if (absl::GetFlag(FLAGS_discard)) return MailStore::Open({});
  StoreOptions options{.maildir = absl::GetFlag(FLAGS_maildir), .log = absl::GetFlag(FLAGS_log)};
  if (options.maildir.empty() && options.log.empty()) options.log = "-";
  return MailStore::Open(options);
}

asio::awaitable<void> Serve(Sink* sink, asio::ip::tcp::socket socket, std::uint64_t number) {
  const int descriptor = socket.native_handle();
  Session session(*sink, net::Stream(std::move(socket)), descriptor, number);
  co_await session.Run();
}

// Waits for a signal that asks to end, or for SIGUSR1, by which an I/O thread says that the count is reached.
void WaitForEnd(const sigset_t& signals, const Sink& sink) {
  int signal = 0;
  while (sigwait(&signals, &signal) == 0) {
    if (signal != SIGUSR1) return;
    std::printf("accepted %llu messages\n", static_cast<unsigned long long>(sink.count));
    std::fflush(stdout);
    if (absl::GetFlag(FLAGS_exit)) return;
  }
}

int Run() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread begins
  std::signal(SIGPIPE, SIG_IGN);

  std::optional<test::TempDir> folder;
  Sink sink;
  if (const absl::Status status = SetUp(folder, sink); !status.ok()) return Fail(Message(status));
  sink.on_count = [] { kill(getpid(), SIGUSR1); };
  const auto store = OpenStore();
  if (!store.ok()) return Fail(Message(store.status()));
  sink.store = store->get();
  const auto address = net::Endpoint::Parse(absl::GetFlag(FLAGS_listen));
  if (!address.ok()) return Fail(std::string("--listen: ").append(Message(address.status())));

  TaskGroup sessions;
  net::IoThreads threads(1, "sink");
  auto listener = net::Listener::Open(threads, *address);
  if (!listener.ok()) return Fail(Message(listener.status()));
  if (const absl::Status listens = (*listener)->Listen(); !listens.ok()) return Fail(Message(listens));
  std::uint64_t number = 0;
  (*listener)->Start([&](size_t, asio::ip::tcp::socket socket, const net::Endpoint&) {
    const asio::any_io_executor executor = socket.get_executor();
    SpawnLogged(executor, sessions, "session", Serve(&sink, std::move(socket), ++number));
  });
  // Not before: whoever reads this may connect at once.
  std::printf("listening on %s\n", (*listener)->address().ToString().c_str());
  std::fflush(stdout);
  WaitForEnd(signals, sink);
  (*listener)->StopAccepting();
  sessions.Close();
  // Clients that have had their answers may still say QUIT.
  (void)sessions.WaitFor(std::chrono::milliseconds(absl::GetFlag(FLAGS_exit) ? 1000 : 0));
  threads.Stop();
  return 0;
}

}  // namespace
}  // namespace goniec::sink

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "An SMTP server that accepts all mail and keeps it byte for byte, except where a script says "
      "otherwise.\n"
      "  goniec-sink --listen 127.0.0.1:2526 --maildir mail\n"
      "  goniec-sink --listen 127.0.0.1:0 --log - --script rules.yaml --count 100 --exit");
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1)
    return goniec::sink::Fail(std::string("what is ").append(rest[1]).append("? See --help"));
  return goniec::sink::Run();
}
