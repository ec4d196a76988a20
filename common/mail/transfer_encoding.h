// Content made fit for any mail server: base64 and quoted-printable (RFC 2045 §6.7, §6.8). Does not decode.
// Called by mime_body.cc. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace goniec::mail {

// Each line end of `text` (LF, CR LF or CR) becomes CR LF; the last line gets one if it has none.
std::string CanonicalText(std::string_view text);

// Which encoding makes `text` shorter: quoted-printable triples what it encodes, base64 adds a third to
// everything.
bool IsShorterInBase64(std::string_view text);

// Octets that AppendBase64 appends.
std::size_t SizeInBase64(std::size_t size);

// Lines of at most 76 characters, each with its CR LF.
void AppendBase64(std::string_view bytes, std::string& message);
// `text` is canonical. Lines of at most 76 characters; none begins with a dot or "From ", which careless
// servers change.
void AppendQuotedPrintable(std::string_view text, std::string& message);

}  // namespace goniec::mail
