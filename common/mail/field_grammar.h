// What the content of a header field is made of, field by field: where text in it may be encoded (RFC 2047
// §5), where it may not, and where white space means something. Used to write fields of callers. Tables only;
// thread-safe.
#pragma once

#include <string_view>

namespace goniec::mail {

enum class FieldGrammar {
  kUnstructured,  // text for people: RFC 5322 §2.2.1
  kAddresses,     // display names and addresses: RFC 5322 §3.4
  kListId,        // a name and an id in angle brackets: RFC 2919
  kPhrases,       // names with commas between them: RFC 5322 §3.6.5
  kMessageIds,    // <left@right> and space: RFC 5322 §3.6.4
  kUrls,          // URLs in angle brackets, with commas between them and comments: RFC 2369
  kTokens,        // words, parameters, dates, numbers, domains; comments may hold text
};

// Any case. What is not in the table is unstructured: RFC 5322 §3.6.8.
FieldGrammar GrammarOf(std::string_view name);

}  // namespace goniec::mail
