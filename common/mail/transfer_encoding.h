// Content made fit for any mail server: base64 and quoted-printable (RFC 2045 §6.7, §6.8). Does not decode.
// Called by mime_body.cc. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace goniec::mail {

// Text is canonical as it is encoded: each line end (LF, CR LF or CR) becomes CR LF, and the last line gets
// one if it has none. Its octets then:
std::size_t SizeOfCanonicalText(std::string_view text);

// Which encoding makes `text` shorter: quoted-printable triples what it encodes, base64 adds a third to
// everything.
bool IsShorterInBase64(std::string_view text);

// Octets that AppendBase64 and AppendQuotedPrintable append.
std::size_t SizeInBase64(std::size_t size);
std::size_t SizeInQuotedPrintable(std::string_view text);

// Lines of at most 76 characters, each with its CR LF. Bytes as they are, or text made canonical.
void AppendBase64(std::string_view bytes, std::string& message);
void AppendTextInBase64(std::string_view text, std::string& message);
// Lines of at most 76 characters; none begins with a dot or "From ", which careless servers change.
void AppendQuotedPrintable(std::string_view text, std::string& message);

}  // namespace goniec::mail
