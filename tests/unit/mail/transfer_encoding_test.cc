#include "common/mail/transfer_encoding.h"

#include <gmime/gmime.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace goniec::mail {
namespace {

std::string QuotedPrintable(std::string_view text) {
  std::string encoded;
  AppendQuotedPrintable(text, encoded);
  return encoded;
}

std::string Base64(std::string_view bytes) {
  std::string encoded;
  AppendBase64(bytes, encoded);
  return encoded;
}

std::string TextInBase64(std::string_view text) {
  std::string encoded;
  AppendTextInBase64(text, encoded);
  return encoded;
}

// What the encodings have to make of line ends, in the plainest words.
std::string Canonical(std::string_view text) {
  std::string canonical =
      absl::StrReplaceAll(absl::string_view(text.data(), text.size()), {{"\r\n", "\n"}, {"\r", "\n"}});
  if (!canonical.empty() && !canonical.ends_with('\n')) canonical += '\n';
  return absl::StrReplaceAll(canonical, {{"\n", "\r\n"}});
}

std::string DecodedByGmime(const std::string& encoded, GMimeContentEncoding encoding) {
  GMimeEncoding state;
  g_mime_encoding_init_decode(&state, encoding);
  std::string decoded(g_mime_encoding_outlen(&state, encoded.size()), '\0');
  decoded.resize(g_mime_encoding_step(&state, encoded.data(), encoded.size(), decoded.data()));
  return decoded;
}

TEST(TransferEncoding, EndsEachLineOfTextAlike) {
  const struct {
    const char* text;
    const char* canonical;
  } kRows[] = {
      {"", ""}, {"a", "a\r\n"}, {"a\nb\r\nc\rd\n\n", "a\r\nb\r\nc\r\nd\r\n\r\n"}, {"\r\r\n", "\r\n\r\n"}};
  for (const auto& row : kRows) {
    EXPECT_EQ(QuotedPrintable(row.text), row.canonical);
    EXPECT_EQ(TextInBase64(row.text), Base64(row.canonical));
    EXPECT_EQ(SizeOfCanonicalText(row.text), std::string_view(row.canonical).size());
  }
}

TEST(QuotedPrintable, Table) {
  EXPECT_EQ(QuotedPrintable(""), "");
  EXPECT_EQ(QuotedPrintable("a=ü\r\n"), "a=3D=C3=BC\r\n");
  EXPECT_EQ(QuotedPrintable("end \r\n\t\r\n"), "end=20\r\n=09\r\n");
  EXPECT_EQ(QuotedPrintable(".\r\n..x\r\nFrom here\r\nFrom\r\n"), "=2E\r\n=2E.x\r\n=46rom here\r\nFrom\r\n");
  EXPECT_EQ(QuotedPrintable(std::string(76, 'a') + "\r\n"), std::string(76, 'a') + "\r\n");
  EXPECT_EQ(QuotedPrintable(std::string(77, 'a') + "\r\n"), std::string(75, 'a') + "=\r\naa\r\n");
  EXPECT_EQ(QuotedPrintable(std::string(75, 'a') + ".b\r\n"), std::string(75, 'a') + "=\r\n=2Eb\r\n");
}

TEST(Base64, Table) {
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("abc"), "YWJj\r\n");
  EXPECT_EQ(Base64(std::string(58, '\0')), std::string(76, 'A') + "\r\nAA==\r\n");
}

TEST(TransferEncoding, IsReadBackByAnotherProgram) {
  std::mt19937 dice(7);
  const std::string kBytes = "abc =.\t\x01\xC3\xBC\xFF\r\nFrom ";
  for (std::size_t round = 0; round < 2'000; ++round) {
    std::string bytes;
    for (std::size_t n = dice() % 400; n > 0; --n) bytes += kBytes[dice() % kBytes.size()];
    const std::string text = Canonical(bytes);
    const std::string quoted = QuotedPrintable(bytes);
    EXPECT_EQ(quoted.size(), SizeInQuotedPrintable(bytes));
    EXPECT_EQ(DecodedByGmime(quoted, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE), text) << absl::CEscape(text);
    const std::string base64 = Base64(bytes);
    EXPECT_EQ(DecodedByGmime(base64, GMIME_CONTENT_ENCODING_BASE64), bytes);
    EXPECT_EQ(TextInBase64(bytes), Base64(text));
    EXPECT_EQ(base64.size(), SizeInBase64(bytes.size()));
    for (const absl::string_view line : absl::StrSplit(quoted + base64, "\r\n")) EXPECT_LE(line.size(), 76u);
  }
  // Longer than what is encoded at once, with and without line ends, at every distance from its end.
  for (std::size_t i = 0; i < 60; ++i) {
    const std::string line(57 * 1024 * 2 + i, 'x');
    EXPECT_EQ(TextInBase64(line + "\nb\n" + line), Base64(Canonical(line + "\nb\n" + line))) << i;
    EXPECT_EQ(TextInBase64(std::string(i, 'a') + std::string(70'000, '\n')),
              Base64(Canonical(std::string(i, 'a') + std::string(70'000, '\n'))))
        << i;
  }
  const std::string large(200'000, 'x');
  EXPECT_EQ(DecodedByGmime(Base64(large), GMIME_CONTENT_ENCODING_BASE64), large);
}

}  // namespace
}  // namespace goniec::mail
