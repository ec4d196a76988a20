#include "common/mail/field_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/mail/encoded_word.h"
#include "common/mail/field_grammar.h"

namespace goniec::mail {
namespace {

using testing::HasSubstr;

struct Row {
  const char* name;
  std::string value;
  std::string written;  // behind "Name: ", without the line end
};

TEST(WriteField, Table) {
  for (const Row& row : std::vector<Row>{
           {"X-Any", "Grüße", "=?UTF-8?B?R3LDvMOfZQ==?="},
           {"X-Any", "a =?utf-8?q?b?= c", "=?UTF-8?B?YSA9P3V0Zi04P3E/Yj89IGM=?="},
           {"Comments", "<a=?b@x.example>", "=?UTF-8?B?PGE9P2JAeC5leGFtcGxlPg==?="},
           // ASCII in structured fields is nobody's to encode.
           {"List-Unsubscribe", "<https://x.example/?token=?&id=7>", "<https://x.example/?token=?&id=7>"},
           {"list-post", "NO (posting not allowed)", "NO (posting not allowed)"},
           {"In-Reply-To", "<17.a=?b@x.example>", "<17.a=?b@x.example>"},
           {"References", " <a@x.example>\t<b=?@x.example> ", "<a@x.example>\t<b=?@x.example>"},
           {"List-Id", "News <list.news.example>", "News <list.news.example>"},
           {"List-Id", "<list.news.example>", "<list.news.example>"},
           {"List-Unsubscribe-Post", "List-Unsubscribe=One-Click", "List-Unsubscribe=One-Click"},
           {"Errors-To", "=?UTF-8?Q?J=C3=BC?= <a@x.example>", "=?UTF-8?Q?J=C3=BC?= <a@x.example>"},
           {"List-Id", "\"not closed", "\"not closed"},
           {"References", "", ""},
           // Display names.
           {"List-Id", "Wöchentliche Liste <list.news.example>",
            "=?UTF-8?Q?W=C3=B6chentliche_Liste?= <list.news.example>"},
           {"LIST-ID", "Liste\"  ü \\\" \"<list.news.example>",
            "=?UTF-8?B?TGlzdGUgIMO8ICI=?= <list.news.example>"},
           {"Disposition-Notification-To", "Jürgen Groß <a@x.example>, Ann <b@x.example>,ü<c@x.example>",
            "=?UTF-8?B?SsO8cmdlbiBHcm/Dnw==?= <a@x.example>,\r\n Ann <b@x.example>, =?UTF-8?B?w7w=?= "
            "<c@x.example>"},
           {"Errors-To", "Gruppe ü: a@x.example;", "=?UTF-8?B?R3J1cHBlIMO8?= : a@x.example;"},
           {"Keywords", "Öl, gas,süß", "=?UTF-8?B?w5Zs?= , gas, =?UTF-8?B?c8O8w58=?="},
           // Comments.
           {"List-Post", "<mailto:a@x.example> (für alle)",
            "<mailto:a@x.example> (=?UTF-8?B?ZsO8ciBhbGxl?=)"},
           {"List-Post", "NO(a (ü \\) b) c)", "NO (a (=?UTF-8?B?w7wgKSBi?=) c)"},
           {"List-Help", "<https://x.example/>(ü),<https://y.example/>",
            "<https://x.example/> (=?UTF-8?B?w7w=?=) ,<https://y.example/>"},
           {"Auto-Submitted", "auto-replied (Grüße)", "auto-replied (=?UTF-8?B?R3LDvMOfZQ==?=)"},
           {"Expires", "Tue, 01 Dec 2026 09:05:00 +0000 (früh)",
            "Tue, 01 Dec 2026 09:05:00 +0000 (=?UTF-8?B?ZnLDvGg=?=)"}}) {
    const auto field = WriteField(row.name, row.value);
    ASSERT_TRUE(field.ok()) << row.name << " " << row.value << ": " << field.status();
    std::string written = *field;
    if (const std::string space = std::string(row.name) + (row.value.empty() ? ":" : ": ");
        written.starts_with(space))
      written = written.substr(space.size());
    EXPECT_EQ(written, row.written + "\r\n") << row.name << " " << row.value;
  }
}

TEST(WriteField, RefusesWhatAStructuredFieldCannotHold) {
  for (const Row& row :
       std::vector<Row>{{"List-Id", "Liste <liste.bücher.example>", "beyond ASCII"},
                        {"List-Unsubscribe", "<https://x.example/ü>", "beyond ASCII"},
                        {"List-Unsubscribe", "ü <https://x.example/>", "beyond ASCII"},
                        {"In-Reply-To", "<ü@x.example>", "beyond ASCII"},
                        {"References", "Grüße", "beyond ASCII"},
                        {"Errors-To", "ü@x.example", "beyond ASCII"},
                        {"Errors-To", "U <u@bücher.example>", "beyond ASCII"},
                        {"Errors-To", "a@ü <u@x.example>", "beyond ASCII"},
                        {"Errors-To", "ü", "beyond ASCII"},
                        {"Auto-Submitted", "ü", "beyond ASCII"},
                        {"List-Id", "\"ü <list.news.example>", "does not end"},
                        {"List-Id", "ü) <list.news.example>", "stray"},
                        {"List-Id", "a\x01 <list.news.example>", "control octet"},
                        {"References", "<a@x.example>" + std::string(41, ' ') + "<b@x.example>", "40 spaces"},
                        {"References", std::string(901, 'r'), "900 octets"},
                        {"X-Any", std::string(901, 'r'), "900 octets"}}) {
    const auto field = WriteField(row.name, row.value);
    ASSERT_FALSE(field.ok()) << row.name << " " << row.value << *field;
    EXPECT_EQ(field.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(field.status().message()), HasSubstr(row.written))
        << row.name << " " << row.value;
  }
}

// RFC 2919 would name the list by the decoded text if its brackets were encoded.
TEST(WriteField, BracketsAndListsSurviveFolding) {
  std::string references;
  for (int i = 0; i < 60; ++i)
    references += (i == 0 ? "<" : " <") + std::to_string(i) + ".abc=?def@mail.x.example>";
  const auto field = WriteField("References", references);
  ASSERT_TRUE(field.ok());
  std::string unfolded = *field;
  for (std::size_t at = 0; (at = unfolded.find("\r\n ")) != std::string::npos;) unfolded.erase(at, 2);
  EXPECT_EQ(unfolded, "References: " + references + "\r\n");
}

TEST(FieldGrammar, OfWhatIsUnknownIsText) {
  EXPECT_EQ(GrammarOf("X-Campaign"), FieldGrammar::kUnstructured);
  EXPECT_EQ(GrammarOf("Subject"), FieldGrammar::kUnstructured);
  EXPECT_EQ(GrammarOf(""), FieldGrammar::kUnstructured);
  EXPECT_EQ(GrammarOf("lIST-iD"), FieldGrammar::kListId);
}

}  // namespace
}  // namespace goniec::mail
