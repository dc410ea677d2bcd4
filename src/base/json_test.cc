#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <string>

namespace virtcontainers {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Json Parsed(std::string_view text) {
  Result<Json> json = ParseJson(text);
  EXPECT_TRUE(json) << json.error().ToString();
  return json ? *json : Json();
}

void ExpectRefused(std::string_view text, Code code, const std::string& message,
                   const JsonLimits& limits = {}) {
  const Result<Json> json = ParseJson(text, limits);
  ASSERT_FALSE(json) << text.substr(0, 100);
  EXPECT_EQ(json.error().code(), code) << text.substr(0, 100);
  EXPECT_THAT(json.error().ToString(), HasSubstr(message)) << text.substr(0, 100);
  EXPECT_LT(json.error().ToString().size(), 300u);
}

// What reading the field "f" of `text` into a T says; "" if nothing is wrong.
template <typename T>
std::string ReadAs(std::string_view text, T& out) {
  const Json json = Parsed(text);
  JsonReader reader(json, "process");
  reader.Read("f", out);
  return reader.status() ? "" : reader.status().error().ToString();
}

TEST(Json, ParseAndDump_Fields_KeepOrder) {
  EXPECT_EQ(DumpJson(Parsed(R"({"z": 1, "a": [true, null, -2, 1.5, "x"]})"), false),
            R"({"z":1,"a":[true,null,-2,1.5,"x"]})");
}

TEST(Json, Parse_Malformed_NamesByte) {
  ExpectRefused("", Code::kInvalidArgument, "malformed JSON at byte 1");
  ExpectRefused("{\"a\": 1,}", Code::kInvalidArgument, "malformed JSON at byte 9");
  for (const std::string_view text :
       {"{",       "[",           "\"", "{\"a\"", "{\"a\":", "[1,", "nul", "{} {}", "{'a': 1}", "[1 2]",
        "\"\\x\"", "\"\\ud800\"", "01", "+1",     "1.",      "NaN", "]",   "}",     "// x",     "\"a\nb\""}) {
    ExpectRefused(text, Code::kInvalidArgument, "malformed JSON");
  }
}

TEST(Json, Parse_InvalidUtf8_Fails) {
  ExpectRefused("\"\xff\"", Code::kInvalidArgument, "malformed JSON at byte 2");
  ExpectRefused("{\"\xc3(\": 1}", Code::kInvalidArgument, "malformed JSON");
  ExpectRefused("\"\xed\xa0\x80\"", Code::kInvalidArgument, "malformed JSON");
}

TEST(Json, Parse_NumberOutOfRange_Fails) {
  ExpectRefused("[1e999]", Code::kInvalidArgument, "a number is out of range");
  ExpectRefused("[" + std::string(1 << 16, '9') + "e999]", Code::kInvalidArgument,
                "a number is out of range");
}

TEST(Json, Parse_DuplicateField_Fails) {
  ExpectRefused(R"({"a": 1, "b": 2, "a": 3})", Code::kInvalidArgument, "the field 'a' is there twice");
  ExpectRefused(R"([{"x": {"a": 1, "\u0061": 3}}])", Code::kInvalidArgument, "the field 'a' is there twice");
  const std::string name(100'000, 'n');
  ExpectRefused("{\"" + name + "\":1,\"" + name + "\":1}", Code::kInvalidArgument, "is there twice");
  EXPECT_TRUE(ParseJson(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]})"));
}

TEST(Json, Parse_TooDeep_Fails) {
  EXPECT_TRUE(ParseJson(std::string(64, '[') + std::string(64, ']')));
  ExpectRefused(std::string(65, '[') + std::string(65, ']'), Code::kInvalidArgument,
                "nested deeper than 64 levels at byte 64");
  ExpectRefused(std::string(500'000, '[') + std::string(500'000, ']'), Code::kInvalidArgument,
                "nested deeper than 64 levels");
  std::string objects;
  for (int i = 0; i < 500'000; ++i) objects += "{\"a\":";
  ExpectRefused(objects, Code::kInvalidArgument, "nested deeper than 64 levels");
  // Brackets in strings nest nothing, and escapes do not end strings.
  EXPECT_TRUE(ParseJson("[\"" + std::string(100, '[') + "\\\"" + std::string(100, '{') + "\"]"));
  ExpectRefused("[[[1]]]", Code::kInvalidArgument, "deeper than 2 levels", {.depth = 2});
}

TEST(Json, Parse_TooLarge_Fails) {
  const std::string large(100'000'000, ' ');
  ExpectRefused(large, Code::kResourceExhausted, "JSON of 100000000 bytes: at most 4194304 are read");
  ExpectRefused("[1,2]", Code::kResourceExhausted, "at most 4 are read", {.bytes = 4});
  EXPECT_TRUE(ParseJson("[12]", {.bytes = 4}));
}

TEST(Json, Parse_TooManyFields_Fails) {
  std::string text = "{";
  for (int i = 0; text.size() < 200'000; ++i) {
    if (i > 0) text += ',';
    text += "\"" + std::to_string(i) + "\":1";
  }
  ExpectRefused(text + "}", Code::kInvalidArgument, "an object of more than 512 fields");
  ExpectRefused(R"({"a":1,"b":2,"c":3})", Code::kInvalidArgument, "more than 2 fields", {.fields = 2});
  EXPECT_TRUE(ParseJson(R"([{"a":1,"b":2},{"a":1,"b":2}])", {.fields = 2}));
}

TEST(Json, Dump_InvalidUtf8_IsReplaced) { EXPECT_EQ(DumpJson(Json("a\xff"), false), "\"a\xef\xbf\xbd\""); }

TEST(JsonReader, Read_EveryType_ReturnsValue) {
  const Json json =
      Parsed(R"({"s": "x", "b": true, "i": -5, "l": -9223372036854775808, "h": 65535, "u": 4294967295,
      "g": 18446744073709551615, "ss": ["a", ""], "us": [0, 4294967295], "m": {"k": "v"}, "o": {}, "a": []})");
  JsonReader reader(json, "");
  std::string s;
  bool b = false;
  int i = 0;
  int64_t l = 0;
  uint16_t h = 0;
  uint32_t u = 0;
  uint64_t g = 0;
  std::vector<std::string> ss;
  std::vector<uint32_t> us;
  std::map<std::string, std::string> m;
  std::optional<int> there, missing;
  reader.Read("s", s);
  reader.Read("b", b);
  reader.Read("i", i);
  reader.Read("l", l);
  reader.Read("h", h);
  reader.Read("u", u);
  reader.Read("g", g);
  reader.Read("ss", ss);
  reader.Read("us", us);
  reader.Read("m", m);
  reader.Read("i", there);
  reader.Read("nothing", missing);
  ASSERT_TRUE(reader.status()) << reader.status().error().ToString();
  EXPECT_EQ(s, "x");
  EXPECT_TRUE(b);
  EXPECT_EQ(i, -5);
  EXPECT_EQ(l, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(h, 65535);
  EXPECT_EQ(u, 4294967295u);
  EXPECT_EQ(g, std::numeric_limits<uint64_t>::max());
  EXPECT_THAT(ss, testing::ElementsAre("a", ""));
  EXPECT_THAT(us, testing::ElementsAre(0u, 4294967295u));
  EXPECT_THAT(m, testing::ElementsAre(testing::Pair("k", "v")));
  EXPECT_EQ(there, -5);
  EXPECT_EQ(missing, std::nullopt);
  EXPECT_NE(reader.Object("o"), nullptr);
  EXPECT_NE(reader.Array("a"), nullptr);
  EXPECT_TRUE(reader.Has("o"));
  EXPECT_FALSE(reader.Has("nothing"));
}

TEST(JsonReader, Read_MissingOrNull_LeavesDefault) {
  for (const char* text : {"{}", R"({"f": null})"}) {
    std::string s = "default";
    int i = 7;
    std::vector<std::string> list = {"default"};
    EXPECT_EQ(ReadAs(text, s) + ReadAs(text, i) + ReadAs(text, list), "");
    EXPECT_EQ(s, "default");
    EXPECT_EQ(i, 7);
    EXPECT_EQ(list.size(), 1u);
  }
}

TEST(JsonReader, Read_WrongType_NamesPath) {
  std::string s;
  bool b = false;
  int i = 0;
  std::vector<std::string> ss;
  std::vector<uint32_t> us;
  std::map<std::string, std::string> m;
  EXPECT_EQ(ReadAs(R"({"f": 1})", s), "'process.f' is not a string");
  EXPECT_EQ(ReadAs(R"({"f": 1})", b), "'process.f' is not true or false");
  EXPECT_EQ(ReadAs(R"({"f": "1"})", i), "'process.f' is not a whole number");
  EXPECT_EQ(ReadAs(R"({"f": 1.0})", i), "'process.f' is not a whole number");
  EXPECT_EQ(ReadAs(R"({"f": 18446744073709551616})", i), "'process.f' is not a whole number");
  EXPECT_EQ(ReadAs(R"({"f": "a"})", ss), "'process.f' is not a list");
  EXPECT_EQ(ReadAs(R"({"f": ["a", 1]})", ss), "'process.f' is not a list of strings");
  EXPECT_EQ(ReadAs(R"({"f": [1, -1]})", us), "'process.f' is not a list of numbers of 32 bits");
  EXPECT_EQ(ReadAs(R"({"f": [4294967296]})", us), "'process.f' is not a list of numbers of 32 bits");
  EXPECT_EQ(ReadAs(R"({"f": []})", m), "'process.f' is not an object");
  EXPECT_EQ(ReadAs(R"({"f": {"k": 1}})", m), "'process.f' is not an object of strings");
  EXPECT_TRUE(ss.empty() && us.empty() && m.empty());
}

TEST(JsonReader, Read_NumberOutOfRange_NamesValue) {
  int i = 0;
  uint16_t h = 0;
  uint32_t u = 0;
  uint64_t g = 0;
  int64_t l = 0;
  EXPECT_EQ(ReadAs(R"({"f": 2147483648})", i), "'process.f' is out of range: 2147483648");
  EXPECT_EQ(ReadAs(R"({"f": -2147483649})", i), "'process.f' is out of range: -2147483649");
  EXPECT_EQ(ReadAs(R"({"f": 65536})", h), "'process.f' is out of range: 65536");
  EXPECT_EQ(ReadAs(R"({"f": -1})", u), "'process.f' is out of range: -1");
  EXPECT_EQ(ReadAs(R"({"f": 4294967296})", u), "'process.f' is out of range: 4294967296");
  EXPECT_EQ(ReadAs(R"({"f": -1})", g), "'process.f' is out of range: -1");
  EXPECT_EQ(ReadAs(R"({"f": 9223372036854775808})", l), "'process.f' is out of range: 9223372036854775808");
}

TEST(JsonReader, Read_ValuesFromCode_AreRangeChecked) {
  // nlohmann makes signed numbers of C++ integers, also where they are positive.
  const Json json = {
      {"large", int64_t{5'000'000'000}}, {"small", 5}, {"list", {1, 2}}, {"bad", {int64_t{1} << 40, 2}}};
  int i = 0;
  uint32_t u = 0;
  std::vector<uint32_t> us;
  JsonReader reader(json, "");
  reader.Read("small", u);
  reader.Read("list", us);
  EXPECT_TRUE(reader.status()) << reader.status().error().ToString();
  EXPECT_EQ(u, 5u);
  EXPECT_EQ(us.size(), 2u);
  JsonReader again(json, "");
  again.Read("large", i);
  ASSERT_FALSE(again.status());
  EXPECT_EQ(again.status().error().ToString(), "'large' is out of range: 5000000000");
  JsonReader list(json, "");
  list.Read("bad", us);
  EXPECT_FALSE(list.status());
}

TEST(JsonReader, Read_AfterFirstError_ReadsNothing) {
  const Json json = Parsed(R"({"a": 1, "b": 2, "c": "text"})");
  JsonReader reader(json, "x");
  std::string s = "untouched";
  reader.Read("a", s);
  reader.Read("b", s);
  reader.Read("c", s);
  std::optional<int> o;
  reader.Read("b", o);
  EXPECT_EQ(s, "untouched");
  EXPECT_EQ(o, std::nullopt);
  EXPECT_EQ(reader.Object("c"), nullptr);
  EXPECT_EQ(reader.status().error().ToString(), "'x.a' is not a string");
}

TEST(JsonReader, Read_JsonIsNotObject_Fails) {
  for (const char* text : {"[]", "1", "\"x\"", "null"}) {
    const Json json = Parsed(text);
    JsonReader top(json, "");
    int i = 0;
    top.Read("a", i);
    EXPECT_EQ(top.status().error().ToString(), "the JSON is not an object");
    EXPECT_EQ(JsonReader(json, "vm").status().error().ToString(), "'vm' is not an object");
  }
}

}  // namespace
}  // namespace virtcontainers
