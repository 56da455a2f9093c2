#include "tasks/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.h"
#include "support/names.h"
#include "tasks/python_text.h"

namespace superpose::tasks {
namespace {

using test::error_of;
using test::names;
using testing::HasSubstr;

Row row(const std::string& json) { return {util::parse_json(json, "row"), "rows:3"}; }

std::string render(const std::string& text, const std::string& json) {
  return Template(text).render(row(json));
}

TEST(Template, PutsFieldsIntoText) {
  const std::string fields =
      R"({"q": "Why?", "n": 3, "x": 0.5, "yes": true, "c": {"text": ["a", "b"]}})";
  EXPECT_EQ(render("Question: {q}\nAnswer:", fields), "Question: Why?\nAnswer:");
  EXPECT_EQ(render("{n} {x} {yes} {c.text[1]}", fields), "3 0.5 True b");
  EXPECT_EQ(render("{{{q}}} {{}}", fields), "{Why?} {}");
  EXPECT_EQ(render("", fields), "");
}

TEST(Template, Filters) {
  const std::string fields =
      R"({"s": "  a_b \u00a0", "t": "one two  three", "u": "éCLAT oF ÀLL", "v": "word"})";
  EXPECT_EQ(render("[{s|strip}]", fields), "[a_b]");
  EXPECT_EQ(render("[{s|strip_left}]", fields), "[a_b \u00a0]");
  EXPECT_EQ(render("[{s|strip_right}]", fields), "[  a_b]");
  EXPECT_EQ(render("{s|strip|spaces}", fields), "a b");
  EXPECT_EQ(render("{u|capitalize}", fields), "Éclat of àll");
  EXPECT_EQ(render("[{t|last_word}][{t|but_last_word}]", fields), "[three][one two ]");
  EXPECT_EQ(render("[{v|last_word}][{v|but_last_word}]", fields), "[word][]");
  EXPECT_EQ(render("[{s|before:_}][{s|after:_|strip}]", fields), "[  a][b]");
}

TEST(Template, RefusesWhatItCannotParse) {
  EXPECT_THAT(error_of([] { Template("a {b"); }), HasSubstr("not closed"));
  EXPECT_THAT(error_of([] { Template("a } b"); }), HasSubstr("closing brace"));
  EXPECT_THAT(error_of([] { Template("{}"); }), names("field"));
  EXPECT_THAT(error_of([] { Template("{a|upper}"); }), HasSubstr("\"upper\""));
  EXPECT_THAT(error_of([] { Template("{a|before}"); }), names("before", "needs"));
  EXPECT_THAT(error_of([] { Template("{a|strip:x}"); }), names("strip", "takes no"));
}

TEST(Template, NamesTheRowThatDoesNotFit) {
  const std::string fields = R"({"a": null, "b": ["x"], "c": "no blank"})";
  for (const char* text : {"{d}", "{a}", "{b}", "{b[1]}", "{b[x]}", "{b[0].c}", "{c|before:_}"}) {
    EXPECT_THAT(error_of([&] { render(text, fields); }), HasSubstr("rows:3: ")) << text;
  }
  EXPECT_THAT(error_of([&] { field_texts(row(fields), "c"); }), HasSubstr("rows:3: "));
  EXPECT_THAT(error_of([&] { field_texts(row(R"({"b": [["x"]]})"), "b"); }), HasSubstr("rows:3: "));
}

TEST(PythonText, CountsAsPythonDoes) {
  EXPECT_EQ(count_characters("né你😀"), 4);
  // len(re.split(r"\s+", text))
  EXPECT_EQ(count_words("One."), 1);
  EXPECT_EQ(count_words("  two words \u3000"), 4);
  EXPECT_EQ(count_words("a\u001fb\u0085c"), 3);
  EXPECT_EQ(count_words(""), 1);
  EXPECT_EQ(strip("\u2029 x\u001c\n"), "x");
  EXPECT_EQ(strip("\u200bx"), "\u200bx");  // not white space
  EXPECT_EQ(replace_all("a    b", "  ", " "), "a  b");
}

}  // namespace
}  // namespace superpose::tasks
