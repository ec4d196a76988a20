// `goniec send`: a message from flags, or a whole one from a file or standard input.
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "outbound/cli/address_text.h"
#include "outbound/cli/client.h"
#include "outbound/cli/command.h"
#include "outbound/cli/octets.h"
#include "outbound/cli/render.h"

namespace goniec::cli {
namespace {

constexpr std::array kFlags = std::to_array<FlagSpec>({
    {"from", FlagKind::kOne, "ADDRESS", "who it is from: `ada@example.org` or `Ada <ada@example.org>`"},
    {"to", FlagKind::kMany, "ADDRESS", "recipient; may be repeated"},
    {"cc", FlagKind::kMany, "ADDRESS", "recipient of a copy"},
    {"bcc", FlagKind::kMany, "ADDRESS", "recipient whom nobody else sees"},
    {"reply-to", FlagKind::kMany, "ADDRESS", "where answers should go"},
    {"subject", FlagKind::kOne, "TEXT", "subject"},
    {"text", FlagKind::kOne, "TEXT", "plain text; `-`, or no content at all, reads standard input"},
    {"html", FlagKind::kOne, "TEXT", "HTML; `-` reads standard input"},
    {"attach", FlagKind::kMany, "FILE", "file to attach"},
    {"header", FlagKind::kMany, "NAME:VALUE", "further header field"},
    {"raw", FlagKind::kOne, "FILE", "a whole message instead; `-` is standard input"},
    {"mail-from", FlagKind::kOne, "ADDRESS", "return address, if it is another than --from; `<>` for none"},
    {"tag", FlagKind::kMany, "WORD", "tag"},
    {"metadata", FlagKind::kMany, "KEY=VALUE", "metadata"},
    {"bulk", FlagKind::kSwitch, "", "bulk mail, which never delays other mail"},
    {"at-most-once", FlagKind::kSwitch, "", "never try again after an attempt whose end is unknown"},
    {"validate-only", FlagKind::kSwitch, "", "check it, send nothing"},
    {"wait", FlagKind::kOne, "SECONDS",
     "wait until all recipients have ended; fail unless all are delivered"},
    kApiFlag,
    kTokenFlag,
    kTlsFlag,
    kCaFlag,
    kInsecureFlag,
    kTimeoutFlag,
    kJsonFlag,
});

void SetAddress(std::string_view text, v1::Address& address) {
  AddressText split = SplitAddress(text);
  address.set_display_name(std::move(split.name));
  address.set_address(std::move(split.address));
}

// The envelope's sender and, each once, its recipients.
void SetEnvelope(std::string_view mail_from, const std::vector<std::string>& to, v1::Envelope& envelope) {
  envelope.set_mail_from(mail_from == "<>" ? std::string() : SplitAddress(mail_from).address);
  for (const std::string& address : EachOnce(to)) envelope.add_to()->set_address(address);
}

absl::StatusOr<std::string> ReadText(std::string_view what) {
  auto input = ReadInput("-");
  if (!input.ok()) return input;
  if (absl::Status good = CheckUtf8(absl::StrCat(ToAbsl(what), "standard input"), *input); !good.ok())
    return good;
  return input;
}

absl::Status SetContent(const Flags& flags, v1::ComposedMessage& composed) {
  for (const char* name : {"text", "html"}) {
    std::string content = flags.One(name);
    if (content == "-") {
      auto input = ReadText(absl::StrCat("--", name, ": "));
      if (!input.ok()) return input.status();
      content = *std::move(input);
    }
    if (std::string_view(name) == "text") {
      composed.set_text(std::move(content));
    } else {
      composed.set_html(std::move(content));
    }
  }
  if (flags.Has("text") || flags.Has("html") || flags.Has("attach")) return absl::OkStatus();
  if (isatty(STDIN_FILENO) != 0) std::fputs("Type the text, then Ctrl-D:\n", stderr);
  auto input = ReadText("");
  if (!input.ok()) return input.status();
  composed.set_text(*std::move(input));
  return absl::OkStatus();
}

absl::Status SetParts(const Flags& flags, v1::ComposedMessage& composed) {
  for (const std::string& path : flags.Many("attach")) {
    auto content = ReadInput(path);
    if (!content.ok()) return content.status();
    std::string name = path.substr(path.rfind('/') + 1);
    if (absl::Status good = CheckUtf8("--attach: the file's name", name); !good.ok()) return good;
    v1::Attachment& attachment = *composed.add_attachments();
    attachment.set_name(std::move(name));
    attachment.set_content(*std::move(content));
  }
  for (const std::string& header : flags.Many("header")) {
    const std::size_t colon = header.find(':');
    if (colon == std::string::npos) return UsageError("--header must be NAME:VALUE");
    v1::Header& field = *composed.add_headers();
    field.set_name(header.substr(0, colon));
    field.set_value(std::string(TrimAsciiSpace(std::string_view(header).substr(colon + 1))));
  }
  return absl::OkStatus();
}

absl::Status Compose(const Flags& flags, v1::SendMessageRequest& request) {
  v1::ComposedMessage& composed = *request.mutable_composed();
  if (!flags.Has("from")) return UsageError("--from is missing");
  SetAddress(flags.One("from"), *composed.mutable_from());
  for (const auto& to : flags.Many("to")) SetAddress(to, *composed.add_to());
  for (const auto& cc : flags.Many("cc")) SetAddress(cc, *composed.add_cc());
  for (const auto& bcc : flags.Many("bcc")) SetAddress(bcc, *composed.add_bcc());
  for (const auto& reply_to : flags.Many("reply-to")) SetAddress(reply_to, *composed.add_reply_to());
  if (composed.to_size() + composed.cc_size() + composed.bcc_size() == 0)
    return UsageError("--to is missing");
  composed.set_subject(flags.One("subject"));
  if (absl::Status content = SetContent(flags, composed); !content.ok()) return content;
  if (absl::Status parts = SetParts(flags, composed); !parts.ok()) return parts;
  if (!flags.Has("mail-from")) return absl::OkStatus();
  std::vector<std::string> recipients;
  for (const auto* list : {&composed.to(), &composed.cc(), &composed.bcc()}) {
    for (const v1::Address& address : *list) recipients.push_back(address.address());
  }
  SetEnvelope(flags.One("mail-from"), recipients, *request.mutable_envelope());
  return absl::OkStatus();
}

absl::Status ReadRaw(const Flags& flags, v1::SendMessageRequest& request) {
  for (const char* name : {"subject", "text", "html", "attach", "header", "cc", "bcc", "reply-to"}) {
    if (flags.Has(name)) return UsageError(absl::StrCat("--", name, " cannot change a --raw message"));
  }
  const std::string mail_from = flags.Has("mail-from") ? flags.One("mail-from") : flags.One("from");
  if (mail_from.empty()) return UsageError("--raw needs --mail-from (`<>` for none)");
  if (flags.Many("to").empty()) return UsageError("--raw needs --to");
  std::vector<std::string> recipients;
  for (const std::string& to : flags.Many("to")) recipients.push_back(SplitAddress(to).address);
  SetEnvelope(mail_from, recipients, *request.mutable_envelope());
  auto raw = ReadInput(flags.One("raw"));
  if (!raw.ok()) return raw.status();
  request.set_raw(*std::move(raw));
  return absl::OkStatus();
}

absl::Status SetOptions(const Flags& flags, v1::SendMessageRequest& request) {
  for (const std::string& tag : flags.Many("tag")) request.add_tags(tag);
  for (const std::string& pair : flags.Many("metadata")) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos) return UsageError("--metadata must be KEY=VALUE");
    (*request.mutable_metadata())[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (flags.Has("bulk")) request.mutable_options()->set_mail_class(v1::MAIL_CLASS_BULK);
  if (flags.Has("at-most-once")) {
    request.mutable_options()->set_ambiguous_policy(v1::AMBIGUOUS_POLICY_AT_MOST_ONCE);
  }
  request.set_validate_only(flags.Has("validate-only"));
  return absl::OkStatus();
}

bool AllEnded(const v1::Message& message) {
  for (const auto& recipient : message.recipients()) {
    if (recipient.state() < v1::RecipientStatus::DELIVERED) return false;
  }
  return message.recipients_size() > 0;
}

bool AllDelivered(const v1::Message& message) {
  for (const auto& recipient : message.recipients()) {
    if (recipient.state() != v1::RecipientStatus::DELIVERED) return false;
  }
  return true;
}

// Asks until all have ended or the time is over; the last answer.
absl::StatusOr<v1::Message> WaitForEnd(Client& client, v1::Message message, int seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::chrono::milliseconds pause(20);
  while (!AllEnded(message) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(1000));
    auto now = client.Get(message.message_id());
    if (!now.ok()) return now.status();
    message = *std::move(now);
  }
  return message;
}

absl::Status Send(const Flags& flags) {
  if (!flags.arguments().empty()) return UsageError("unexpected argument: addresses go with --from and --to");
  int wait = 0;
  if (flags.Has("wait")) {
    auto seconds = ParseSeconds(flags.One("wait"), "wait");
    if (!seconds.ok()) return seconds.status();
    wait = *seconds;
  }
  v1::SendMessageRequest request;
  if (absl::Status options = SetOptions(flags, request); !options.ok()) return options;
  if (absl::Status read = flags.Has("raw") ? ReadRaw(flags, request) : Compose(flags, request); !read.ok())
    return read;
  auto client = Client::Connect(flags);
  if (!client.ok()) return client.status();
  auto response = client->Send(request);
  if (!response.ok()) return response.status();
  if (request.validate_only()) {
    std::fputs(flags.Has("json") ? Json(*response).c_str() : "It is good; nothing was sent.\n", stdout);
    return absl::OkStatus();
  }
  if (wait > 0) {
    auto ended = WaitForEnd(*client, response->message(), wait);
    if (!ended.ok()) return ended.status();
    *response->mutable_message() = *std::move(ended);
  }
  const std::string text = absl::StrCat("Durability  ", DurabilityText(response->durability()), "\n");
  std::fputs(flags.Has("json") ? Json(*response).c_str() : (text + MessageText(response->message())).c_str(),
             stdout);
  if (wait > 0 && !AllDelivered(response->message())) {
    return absl::UnavailableError(AllEnded(response->message())
                                      ? "not all recipients were delivered"
                                      : absl::StrCat("not all recipients have ended within ", wait,
                                                     " s; ask again with "
                                                     "`goniec get ",
                                                     response->message().message_id(), "`"));
  }
  return absl::OkStatus();
}

}  // namespace

const Command kSendCommand = {
    .name = "send",
    .arguments = "--from ADDRESS --to ADDRESS …",
    .summary = "hand in a message",
    .details =
        "When it returns, the message is stored as durably as it says. With --raw, the message is sent as "
        "it\n"
        "stands in the file, to the addresses of --to.",
    .flags = kFlags,
    .run = Send,
};

}  // namespace goniec::cli
