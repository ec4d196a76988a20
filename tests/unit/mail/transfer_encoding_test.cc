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

std::string DecodedByGmime(const std::string& encoded, GMimeContentEncoding encoding) {
  GMimeEncoding state;
  g_mime_encoding_init_decode(&state, encoding);
  std::string decoded(g_mime_encoding_outlen(&state, encoded.size()), '\0');
  decoded.resize(g_mime_encoding_step(&state, encoded.data(), encoded.size(), decoded.data()));
  return decoded;
}

TEST(CanonicalText, EndsEachLineAlike) {
  EXPECT_EQ(CanonicalText(""), "");
  EXPECT_EQ(CanonicalText("a"), "a\r\n");
  EXPECT_EQ(CanonicalText("a\nb\r\nc\rd\n\n"), "a\r\nb\r\nc\r\nd\r\n\r\n");
  EXPECT_EQ(CanonicalText("\r\r\n"), "\r\n\r\n");
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
    const std::string text = CanonicalText(bytes);
    const std::string quoted = QuotedPrintable(text);
    EXPECT_EQ(DecodedByGmime(quoted, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE), text) << absl::CEscape(text);
    const std::string base64 = Base64(bytes);
    EXPECT_EQ(DecodedByGmime(base64, GMIME_CONTENT_ENCODING_BASE64), bytes);
    EXPECT_EQ(base64.size(), SizeInBase64(bytes.size()));
    for (const absl::string_view line : absl::StrSplit(quoted + base64, "\r\n")) EXPECT_LE(line.size(), 76u);
  }
  const std::string large(200'000, 'x');
  EXPECT_EQ(DecodedByGmime(Base64(large), GMIME_CONTENT_ENCODING_BASE64), large);
}

}  // namespace
}  // namespace goniec::mail
