#include "common/mail/field_grammar.h"

#include <algorithm>
#include <array>

#include "common/base/text.h"

namespace goniec::mail {
namespace {

struct KnownField {
  std::string_view name;
  FieldGrammar grammar;
};

using enum FieldGrammar;

constexpr auto kKnown = std::to_array<KnownField>({
    // RFC 5322, and those of its kind in use.
    {"from", kAddresses},
    {"sender", kAddresses},
    {"reply-to", kAddresses},
    {"to", kAddresses},
    {"cc", kAddresses},
    {"bcc", kAddresses},
    {"resent-reply-to", kAddresses},
    {"apparently-to", kAddresses},
    {"errors-to", kAddresses},
    {"return-receipt-to", kAddresses},
    {"mail-followup-to", kAddresses},
    {"mail-reply-to", kAddresses},
    {"x-confirm-reading-to", kAddresses},
    {"author", kAddresses},                       // RFC 9057
    {"disposition-notification-to", kAddresses},  // RFC 8098
    {"keywords", kPhrases},
    {"in-reply-to", kMessageIds},
    {"references", kMessageIds},
    {"message-id", kMessageIds},
    {"content-id", kMessageIds},
    {"supersedes", kMessageIds},  // RFC 2156
    {"original-message-id", kMessageIds},
    // Lists: RFC 2919, 2369, 8058.
    {"list-id", kListId},
    {"list-help", kUrls},
    {"list-unsubscribe", kUrls},
    {"list-subscribe", kUrls},
    {"list-post", kUrls},
    {"list-owner", kUrls},
    {"list-archive", kUrls},
    {"archived-at", kUrls},  // RFC 5064
    {"list-unsubscribe-post", kTokens},
    // Automatic mail, priorities, times: RFC 3834, 2156, 4021, 6758, 7293, 8689.
    {"date", kTokens},
    {"expires", kTokens},
    {"reply-by", kTokens},
    {"auto-submitted", kTokens},
    {"x-auto-response-suppress", kTokens},
    {"precedence", kTokens},
    {"importance", kTokens},
    {"priority", kTokens},
    {"x-priority", kTokens},
    {"x-msmail-priority", kTokens},
    {"sensitivity", kTokens},
    {"mt-priority", kTokens},
    {"tls-required", kTokens},
    {"require-recipient-valid-since", kTokens},
    {"disposition-notification-options", kTokens},
    {"accept-language", kTokens},
    {"mime-version", kTokens},
    {"content-type", kTokens},
    {"content-disposition", kTokens},
    {"content-transfer-encoding", kTokens},
    // Tags and keys that programs read.
    {"autocrypt", kTokens},
    {"openpgp", kTokens},
    {"bimi-selector", kTokens},
});

}  // namespace

FieldGrammar GrammarOf(std::string_view name) {
  const std::string lower = AsciiLower(name);
  const auto found = std::find_if(kKnown.begin(), kKnown.end(),
                                  [&](const KnownField& field) { return field.name == lower; });
  return found == kKnown.end() ? kUnstructured : found->grammar;
}

}  // namespace goniec::mail
