// `goniec get` and `goniec info`: what is asked and changes nothing.
#include <array>
#include <cstdio>

#include "outbound/cli/client.h"
#include "outbound/cli/command.h"
#include "outbound/cli/render.h"

namespace goniec::cli {
namespace {

constexpr std::array kFlags = std::to_array<FlagSpec>(
    {kApiFlag, kTokenFlag, kTlsFlag, kCaFlag, kInsecureFlag, kTimeoutFlag, kJsonFlag});

absl::Status Get(const Flags& flags) {
  if (flags.arguments().size() != 1) return UsageError("one message id is needed");
  auto client = Client::Connect(flags);
  if (!client.ok()) return client.status();
  const auto message = client->Get(flags.arguments()[0]);
  if (!message.ok()) return message.status();
  std::fputs(flags.Has("json") ? Json(*message).c_str() : MessageText(*message).c_str(), stdout);
  return absl::OkStatus();
}

absl::Status Info(const Flags& flags) {
  if (!flags.arguments().empty()) return UsageError("unexpected argument");
  auto client = Client::Connect(flags);
  if (!client.ok()) return client.status();
  const auto info = client->Info();
  if (!info.ok()) return info.status();
  std::fputs(flags.Has("json") ? Json(*info).c_str() : ServerInfoText(*info).c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace

const Command kGetCommand = {
    .name = "get",
    .arguments = "ID",
    .summary = "where a message is, recipient by recipient",
    .details = "ID is what `goniec send` printed, or what a 250 over SMTP showed.",
    .flags = kFlags,
    .run = Get,
};

const Command kInfoCommand = {
    .name = "info",
    .arguments = "",
    .summary = "version, durability and limits of a server",
    .details = "",
    .flags = kFlags,
    .run = Info,
};

}  // namespace goniec::cli
