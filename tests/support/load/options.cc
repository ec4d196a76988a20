#include "tests/support/load/options.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::load {
namespace {

constexpr std::uint64_t kMaxCount = 9'999'999'999;  // what a mail's number has room for (mail_form.h)
constexpr std::uint64_t kMaxSessions = 20'000;
constexpr std::size_t kDefaultSessions = 20;
constexpr std::size_t kDefaultMostSessions = 1'000;
constexpr std::uint64_t kDefaultMails = 1'000;

enum class Only { kBoth, kSmtp, kGrpc };

struct Flag {
  std::string_view name;
  std::string_view value;  // empty: a switch
  std::string_view help;
  Only only;
  absl::Status (*set)(Options&, std::string_view value);
};

absl::Status NotWithin(std::uint64_t low, std::uint64_t high) {
  return absl::InvalidArgumentError(absl::StrCat("must be a whole number from ", low, " to ", high));
}

template <typename Number>
absl::Status SetCount(std::string_view value, std::uint64_t low, std::uint64_t high, Number& number) {
  std::uint64_t parsed = 0;
  if (!absl::SimpleAtoi(ToAbsl(value), &parsed) || parsed < low || parsed > high) return NotWithin(low, high);
  number = static_cast<Number>(parsed);
  return absl::OkStatus();
}

template <typename Duration>
absl::Status SetSeconds(std::string_view value, double low, Duration& duration) {
  constexpr double kMost = 86'400;
  double seconds = 0;
  if (!absl::SimpleAtod(ToAbsl(value), &seconds) || !(seconds >= low && seconds <= kMost)) {
    return absl::InvalidArgumentError(absl::StrCat("must be seconds from ", low, " to ", kMost));
  }
  duration = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  return absl::OkStatus();
}

absl::Status SetRate(std::string_view value, double& rate) {
  double parsed = 0;
  if (!absl::SimpleAtod(ToAbsl(value), &parsed) || !(parsed >= 0.01 && parsed <= 1e6)) {
    return absl::InvalidArgumentError("must be mails a second from 0.01 to 1000000");
  }
  rate = parsed;
  return absl::OkStatus();
}

// What an envelope and a header field hold without quoting. Whether it is an address is for the server to
// say.
absl::Status SetAddress(std::string_view value, std::string& address) {
  const std::size_t at = value.rfind('@');
  const bool plain = std::ranges::all_of(value, [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (!plain || at == std::string_view::npos || at == 0 || at + 1 == value.size() || value.size() > 200 ||
      value.find_first_of("<>\"(),:;\\[]") != std::string_view::npos) {
    return absl::InvalidArgumentError("must be local@domain");
  }
  address = value;
  return absl::OkStatus();
}

constexpr std::size_t kMinSize = 512;
constexpr std::size_t kMaxSize = std::size_t{100} << 20;

constexpr std::array kFlags = std::to_array<Flag>({
    {"mails", "N", "end after N mails (1000 if neither this nor --seconds is given)", Only::kBoth,
     [](Options& o, std::string_view v) { return SetCount(v, 1, kMaxCount, o.mails); }},
    {"seconds", "S", "begin no mail after S seconds", Only::kBoth,
     [](Options& o, std::string_view v) { return SetSeconds(v, 0.1, o.duration); }},
    {"sessions", "N",
     "SMTP connections or calls at once (20); with --rate the most there may be (1000)", Only::kBoth,
     [](Options& o, std::string_view v) { return SetCount(v, 1, kMaxSessions, o.sessions); }},
    {"rate", "N", "open loop: N mails a second fall due; latency counts from then", Only::kBoth,
     [](Options& o, std::string_view v) { return SetRate(v, o.rate); }},
    {"grace", "S", "with --rate: answers are in time until S seconds after the sending (0.5)", Only::kBoth,
     [](Options& o, std::string_view v) { return SetSeconds(v, 0, o.grace); }},
    {"mails-per-connection", "N", "mails before QUIT (1); 0: as many as there are", Only::kSmtp,
     [](Options& o, std::string_view v) { return SetCount(v, 0, kMaxCount, o.mails_per_connection); }},
    {"connections", "N", "HTTP/2 connections that the calls share (1)", Only::kGrpc,
     [](Options& o, std::string_view v) { return SetCount(v, 1, 1'000, o.connections); }},
    {"size", "N", "octets of a mail (10240)", Only::kBoth,
     [](Options& o, std::string_view v) { return SetCount(v, kMinSize, kMaxSize, o.size); }},
    {"from", "ADDRESS", "sender (sender@source.test)", Only::kBoth,
     [](Options& o, std::string_view v) { return SetAddress(v, o.from); }},
    {"to", "ADDRESS", "recipient (recipient@sink.test)", Only::kBoth,
     [](Options& o, std::string_view v) { return SetAddress(v, o.to); }},
    {"senders", "N", "so many senders take turns: sender1@…, sender2@… (1)", Only::kBoth,
     [](Options& o, std::string_view v) { return SetCount(v, 1, 100'000, o.senders); }},
    {"recipients", "N", "recipients of each mail: recipient1@…, recipient2@… (1)", Only::kBoth,
     [](Options& o, std::string_view v) { return SetCount(v, 1, 1'000, o.recipients); }},
    {"timeout", "S", "a mail without an answer after S seconds is lost (30)", Only::kBoth,
     [](Options& o, std::string_view v) { return SetSeconds(v, 0.1, o.timeout); }},
    {"token-file", "FILE", "file with the API's token (default: $GONIEC_TOKEN); there is no TLS", Only::kGrpc,
     [](Options& o, std::string_view v) {
       o.token_file = v;
       return absl::OkStatus();
     }},
    {"plaintext-token", "", "send the token to another machine too, in clear", Only::kGrpc,
     [](Options& o, std::string_view) {
       o.plaintext_token = true;
       return absl::OkStatus();
     }},
    {"json", "", "print the result as one line of JSON", Only::kBoth,
     [](Options& o, std::string_view) {
       o.json = true;
       return absl::OkStatus();
     }},
});

void PrintHelp() {
  std::printf(
      "goniec-load: sends mail as fast as a server takes it, or at a constant rate, and measures\n\n"
      "  goniec-load smtp HOST:PORT [FLAGS]\n"
      "  goniec-load grpc HOST:PORT [FLAGS]\n\n"
      "Ends with status 0 if every mail was accepted, 1 if one was refused or lost, 2 for wrong flags.\n\n");
  for (const Flag& flag : kFlags) {
    std::string left = absl::StrCat("  --", ToAbsl(flag.name), " ", ToAbsl(flag.value));
    left.resize(28, ' ');
    const char* only = flag.only == Only::kSmtp ? "SMTP: " : flag.only == Only::kGrpc ? "gRPC: " : "";
    std::printf("%s%s%.*s\n", left.c_str(), only, static_cast<int>(flag.help.size()), flag.help.data());
  }
}

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(ToAbsl(what), "; try --help"));
}

// As gRPC reads the target: an IPv6 address is one only in brackets, and a name may begin with "127." too.
bool IsLoopback(std::string_view target) {
  const std::string_view host = target.substr(0, target.rfind(':'));
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

const Flag* Find(std::string_view name) {
  const auto* found = std::ranges::find(kFlags, name, &Flag::name);
  return found == kFlags.end() ? nullptr : found;
}

absl::Status SetTarget(std::string_view word, Options& options) {
  const std::size_t colon = word.rfind(':');
  std::uint32_t port = 0;
  if (colon == std::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(ToAbsl(word.substr(colon + 1)), &port) || port < 1 || port > 65'535) {
    return Wrong(absl::StrCat("'", Printable(word, 60), "' is not HOST:PORT"));
  }
  std::string_view host = word.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  options.target = word;
  options.host = host;
  options.port = word.substr(colon + 1);
  return absl::OkStatus();
}

absl::Status SetWord(std::string_view word, std::size_t place, Options& options) {
  if (place == 1) return SetTarget(word, options);
  if (place == 0 && (word == "smtp" || word == "grpc")) {
    options.protocol = word == "smtp" ? Options::Protocol::kSmtp : Options::Protocol::kGrpc;
    return absl::OkStatus();
  }
  return Wrong(absl::StrCat("unknown argument '", Printable(word, 60), "'"));
}

absl::Status CheckTogether(const std::set<const Flag*>& given, std::size_t words, Options& options) {
  if (words < 2) return Wrong("say where to: goniec-load smtp HOST:PORT, or grpc HOST:PORT");
  const bool smtp = options.protocol == Options::Protocol::kSmtp;
  for (const Flag* flag : given) {
    if (flag->only == (smtp ? Only::kGrpc : Only::kSmtp)) {
      return Wrong(absl::StrCat("--", ToAbsl(flag->name), " is for ", smtp ? "grpc" : "smtp", " only"));
    }
  }
  if (options.rate == 0 && given.contains(Find("grace"))) return Wrong("--grace is for --rate only");
  if (options.sessions == 0) options.sessions = options.rate > 0 ? kDefaultMostSessions : kDefaultSessions;
  if (options.mails == 0 && options.duration.count() == 0) options.mails = kDefaultMails;
  return absl::OkStatus();
}

// The flag at argv[i], and its value, which may be the word behind it.
absl::Status TakeFlag(int argc, const char* const* argv, int& i, std::set<const Flag*>& given,
                      Options& options) {
  const std::string_view word = argv[i];
  const std::size_t equals = word.find('=');
  const bool joined = equals != std::string_view::npos;
  const Flag* flag = word.starts_with("--") ? Find(word.substr(2, joined ? equals - 2 : equals)) : nullptr;
  if (flag == nullptr) return Wrong(absl::StrCat("unknown argument '", Printable(word, 60), "'"));
  const std::string name = absl::StrCat("--", ToAbsl(flag->name));
  if (flag->value.empty() && joined) return Wrong(name + " takes no value");
  std::string_view value;
  if (joined) {
    value = word.substr(equals + 1);
  } else if (!flag->value.empty()) {
    if (i + 1 == argc) return Wrong(absl::StrCat(name, " needs a value: ", ToAbsl(flag->value)));
    value = argv[++i];
  }
  if (!given.insert(flag).second) return Wrong(name + " was given twice");
  absl::Status good = flag->set(options, value);
  if (good.ok()) return good;
  return Wrong(absl::StrCat(name, " ", good.message(), ", not '", Printable(value, 60), "'"));
}

}  // namespace

absl::StatusOr<Options> Options::Parse(int argc, const char* const* argv) {
  Options options;
  std::set<const Flag*> given;
  std::size_t words = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help" || word == "-h" || word == "--version") {
      if (word == "--version") {
        std::printf("goniec-load %s\n", GONIEC_VERSION);
      } else {
        PrintHelp();
      }
      options.done = true;
      return options;
    }
    absl::Status good =
        word.starts_with('-') ? TakeFlag(argc, argv, i, given, options) : SetWord(word, words++, options);
    if (!good.ok()) return good;
  }
  if (absl::Status good = CheckTogether(given, words, options); !good.ok()) return good;
  return options;
}

std::chrono::nanoseconds Options::InTime() const {
  std::chrono::nanoseconds sending = duration;
  if (mails > 0) {
    const auto all = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(static_cast<double>(mails) / rate));
    sending = sending.count() > 0 ? std::min(sending, all) : all;
  }
  return sending + grace;
}

absl::Status Options::AllowToken() const {
  if (plaintext_token || IsLoopback(target)) return absl::OkStatus();
  return Wrong(absl::StrCat("the token would go to ", Printable(target, 60),
                            " in clear: give --plaintext-token if it may"));
}

}  // namespace goniec::load
