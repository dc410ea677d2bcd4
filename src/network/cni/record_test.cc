#include "network/cni/record.h"

#include <gtest/gtest.h>
#include <string>

namespace virtcontainers::cni {
namespace {

Record TestRecord() {
  Record record;
  record.list = *ParseList(
      R"({"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "bridge", "mtu": 9000}]})", "'x'");
  record.list.plugin_directories = {"/a", "/b"};
  record.request = {.container = "pod1",
                    .netns = "/run/netns/x",
                    .interface = "eth0",
                    .args = {{"K", "v"}},
                    .capabilities = {{"mac", "02:00:00:00:00:01"}}};
  record.result = R"({"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5/16"}]})";
  return record;
}

TEST(CniRecord, FormattedRecord_IsReadAsTheSame) {
  const std::string text = FormatRecord(TestRecord());
  const Result<Record> record = ParseRecord(text);
  ASSERT_TRUE(record) << record.error().ToString();
  EXPECT_EQ(FormatRecord(*record), text);
  EXPECT_EQ(record->list.plugins[0].config["mtu"], 9000);
  EXPECT_EQ(record->list.plugin_directories, TestRecord().list.plugin_directories);
  EXPECT_EQ(record->request.args, TestRecord().request.args);
  EXPECT_EQ(record->request.capabilities, TestRecord().request.capabilities);
  EXPECT_EQ(record->result, TestRecord().result);
}

TEST(CniRecord, WithoutResult_IsValid) {
  Record record = TestRecord();
  record.result.clear();
  EXPECT_TRUE(ParseRecord(FormatRecord(record)));
}

TEST(CniRecord, EveryTornText_IsDataLoss) {
  const std::string text = FormatRecord(TestRecord());
  for (size_t size = 0; size < text.size(); ++size) {
    const Result<Record> record = ParseRecord(text.substr(0, size));
    ASSERT_FALSE(record) << size;
    EXPECT_EQ(record.error().code(), Code::kDataLoss);
  }
}

TEST(CniRecord, OtherJson_IsDataLoss) {
  for (const char* text : {"{}", "[]", "7", R"({"list": 7})", R"({"list": "{}"})"}) {
    const Result<Record> record = ParseRecord(text);
    ASSERT_FALSE(record) << text;
    EXPECT_EQ(record.error().code(), Code::kDataLoss);
  }
}

}  // namespace
}  // namespace virtcontainers::cni
