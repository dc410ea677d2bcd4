#include "ttrpc/descriptor_offer.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "base/test_deadline.h"
#include "os/test_directory.h"

namespace virtcontainers::ttrpc {
namespace {

TEST(DescriptorOfferTest, Taken_Twice_GivesTheSameFile) {
  TestDirectory directory;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const std::string path = directory / "offer.sock";
  {
    const auto offer = DescriptorOffer::Make(path, writer.get());
    ASSERT_TRUE(offer) << offer.error().ToString();
    for (const char* text : {"a", "b"}) {
      const Result<UniqueFd> taken = TakeDescriptor(path, Soon());
      ASSERT_TRUE(taken) << taken.error().ToString();
      ASSERT_EQ(::write(taken->get(), text, 1), 1);
    }
  }
  writer.reset();
  char bytes[4];
  EXPECT_EQ(::read(reader.get(), bytes, sizeof(bytes)), 2);
  EXPECT_EQ(::read(reader.get(), bytes, sizeof(bytes)), 0);  // no duplicate is left
  EXPECT_EQ(TakeDescriptor(path, Soon()).error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace virtcontainers::ttrpc
