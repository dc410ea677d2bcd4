#include "base/time_format.h"

#include <chrono>
#include <gtest/gtest.h>
#include <string>

namespace virtcontainers {
namespace {

using std::chrono::nanoseconds;

TEST(TimeFormat, Format_AnyTime_IsUtcToNanosecond) {
  EXPECT_EQ(FormatTime(Time(nanoseconds(0))), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(FormatTime(Time(nanoseconds(1'769'850'300'123'456'789))), "2026-01-31T09:05:00.123456789Z");
  EXPECT_EQ(FormatTime(Time(nanoseconds(-1))), "1969-12-31T23:59:59.999999999Z");
}

TEST(TimeFormat, Format_ParsedAgain_RoundTrips) {
  for (const int64_t count : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{1'769'850'300'123'456'789},
                              int64_t{951'782'400'000'000'000}, int64_t{-9'000'000'000'000'000'000},
                              int64_t{9'000'000'000'000'000'000}}) {
    const Time time{nanoseconds(count)};
    const Result<Time> read = ParseTime(FormatTime(time));
    ASSERT_TRUE(read) << FormatTime(time);
    EXPECT_EQ(*read, time);
  }
}

TEST(TimeFormat, Parse_AnyFractionDigits_Succeeds) {
  const std::string base = "2026-01-31T09:05:00";
  const Time whole = *ParseTime(base + "Z");
  EXPECT_EQ(*ParseTime(base + ".5Z"), whole + std::chrono::milliseconds(500));
  EXPECT_EQ(*ParseTime(base + ".123456789Z"), whole + nanoseconds(123'456'789));
  EXPECT_EQ(*ParseTime(base + ".1234567899999Z"), whole + nanoseconds(123'456'789));
  EXPECT_TRUE(ParseTime("2024-02-29T00:00:00Z"));
}

TEST(TimeFormat, Parse_MalformedOrOutOfRange_Fails) {
  using namespace std::string_literals;
  for (const std::string& text :
       {""s, "now"s, "Z"s, "2026-01-31"s, "2026-01-31T09:05:00"s, "2026-01-31T09:05:00+01:00"s,
        "2026-01-31T09:05:00Zjunk"s, "2026-01-31T09:05:00Z\0junk"s, "2026-01-31T09:05:00.Z"s,
        "2026-01-31T09:05:00.-5Z"s, "2026-01-31 09:05:00Z"s, " 2026-01-31T09:05:00Z"s,
        "2026- 1-31T09:05:00Z"s, "2026-13-01T00:00:00Z"s, "2026-00-01T00:00:00Z"s, "2026-02-30T00:00:00Z"s,
        "2025-02-29T00:00:00Z"s, "2026-01-31T24:00:00Z"s, "2026-01-31T09:60:00Z"s, "2026-01-31T09:05:60Z"s,
        // Beyond what 64 bits of nanoseconds hold.
        "9999-12-31T23:59:59Z"s, "2262-04-12T00:00:00Z"s, "1677-01-01T00:00:00Z"s, "0000-01-01T00:00:00Z"s}) {
    const Result<Time> time = ParseTime(text);
    ASSERT_FALSE(time) << testing::PrintToString(text);
    EXPECT_EQ(time.error().code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(ParseTime("noon").error().ToString(), "'noon' is not a time");
  EXPECT_LT(ParseTime(std::string(1 << 20, 'x')).error().ToString().size(), 200u);
}

}  // namespace
}  // namespace virtcontainers
