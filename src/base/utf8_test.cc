#include "base/utf8.h"

#include <gtest/gtest.h>
#include <string>

namespace virtcontainers {
namespace {

TEST(Utf8, IsUtf8_WellFormed_IsTrue) {
  for (const std::string text :
       {"", "web", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xb3"}) {
    EXPECT_TRUE(IsValidUtf8(text)) << text;
  }
  EXPECT_TRUE(IsValidUtf8(std::string_view("\0", 1)));
}

TEST(Utf8, IsUtf8_Malformed_IsFalse) {
  const std::string bad[] = {
      "\x80",              // a continuation alone
      "\xff",              // no lead
      "\xc3",              // cut short
      "\xe2\x82",          //
      "\xf0\x9f\x90",      //
      "\xc3(",             // not continued
      "\xc0\xaf",          // '/' in two bytes
      "\xc1\xbf",          //
      "\xe0\x80\xaf",      // in three
      "\xf0\x80\x80\xaf",  // in four
      "\xed\xa0\x80",      // a surrogate
      "\xed\xbf\xbf",      //
      "\xf4\x90\x80\x80",  // above U+10FFFF
      "\xf8\x88\x80\x80\x80",
  };
  for (const std::string& text : bad) {
    EXPECT_FALSE(IsValidUtf8(text)) << testing::PrintToString(text);
    EXPECT_FALSE(IsValidUtf8("a" + text)) << testing::PrintToString(text);
    EXPECT_FALSE(IsValidUtf8(text + "a")) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace virtcontainers
