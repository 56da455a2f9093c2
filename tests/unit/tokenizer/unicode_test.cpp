#include "tokenizer/unicode.h"

#include <gtest/gtest.h>

#include <string>

namespace superpose::tokenizer {
namespace {

std::string nfc_of(std::string_view text) {
  std::string out;
  append_nfc(text, out);
  return out;
}

TEST(Unicode, ClassesOfWellKnownCharacters) {
  const std::uint8_t* classes = code_point_classes();
  EXPECT_EQ(classes['a'], kLetter | kLower | kWord);
  EXPECT_EQ(classes['A'], kLetter | kCased | kWord);
  EXPECT_EQ(classes['7'], kNumber | kWord);
  EXPECT_EQ(classes['_'], kWord);
  EXPECT_EQ(classes['-'], 0);
  EXPECT_EQ(classes[0x00BD], kNumber);          // one half
  EXPECT_EQ(classes[0x4F60], kLetter | kWord);  // Han
  EXPECT_EQ(classes[0x0301] & ~kWord, kMark | kNfcUnstable);
  for (const std::uint32_t space : {0x09, 0x0D, 0x20, 0x85, 0xA0, 0x2003, 0x2028, 0x3000}) {
    EXPECT_EQ(classes[space] & kSpace, kSpace) << space;
  }
  for (const std::uint32_t other : {0x180E, 0x200B, 0xFEFF}) EXPECT_EQ(classes[other] & kSpace, 0);
}

TEST(Unicode, NfcComposesAndOrders) {
  EXPECT_EQ(nfc_of("plain, with e\u0301, and on"), "plain, with \u00e9, and on");
  EXPECT_EQ(nfc_of("A\u030A \u212B"), "\u00c5 \u00c5");
  EXPECT_EQ(nfc_of("a\u0301\u0327"), "\u00e1\u0327");  // the cedilla goes first, and stays
  EXPECT_EQ(nfc_of("\u1100\u1161\u11A8"), "\uAC01");
  EXPECT_EQ(nfc_of("\u0958"), "\u0915\u093C");  // excluded from composition
  EXPECT_EQ(nfc_of("\u0301e"), "\u0301e");      // nothing in front to combine with
  EXPECT_EQ(nfc_of(""), "");
}

TEST(Unicode, MarksNewerThanTheNormaliserOfTokenizersStayWhereTheyAre) {
  const std::string newer = "a\u0898\u0334\u0301";  // U+0898 came with Unicode 14
  EXPECT_EQ(nfc_of(newer), newer);
  EXPECT_EQ(nfc_of("e\u0301\u0898e\u0301"), "\u00e9\u0898\u00e9");
}

TEST(Unicode, NfcOrdersEqualClassesAsTheyCome) {
  // Below, above, above, overlay (1): by class, those of one class as they come.
  EXPECT_EQ(nfc_of("x\u0316\u0302\u0308\u0334"), "x\u0334\u0316\u0302\u0308");
  EXPECT_EQ(nfc_of("\u0302\u0316"), "\u0316\u0302");
  EXPECT_EQ(nfc_of("a\u0302\u0316b\u0302\u0316"), "\u00e2\u0316b\u0316\u0302");
}

TEST(Unicode, NfcKeepsTheOrderInALongRunToo) {
  std::string text = "x";
  std::string below;
  std::string above;
  for (int i = 0; i < 100; ++i) {
    const std::string mark = i % 3 == 0 ? "\u0302" : "\u0308";
    text += mark + "\u0316";
    below += "\u0316";
    above += mark;
  }
  EXPECT_EQ(nfc_of(text), "x" + below + above);
}

// With the square of the marks, hours.
TEST(Unicode, NfcOfAMillionMarksTakesNoSquareOfThem) {
  constexpr int kPairs = 1'000'000;
  std::string text = "a";
  std::string below;
  std::string above;
  for (int i = 0; i < kPairs; ++i) {
    text += "\u0302\u0316";
    below += "\u0316";
    if (i > 0) above += "\u0302";
  }
  EXPECT_TRUE(nfc_of(text) == "\u00e2" + below + above);
}

TEST(Unicode, SurelyNfcIsNeverWrong) {
  EXPECT_TRUE(surely_nfc("plain \u00e9 \u4f60\uac00"));
  for (const char* text : {"e\u0301", "\u212B", "\u1100\u1161", "\u0958", "\u0301"}) {
    EXPECT_FALSE(surely_nfc(text)) << text;
  }
}

}  // namespace
}  // namespace superpose::tokenizer
