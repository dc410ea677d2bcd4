#include "ttrpc/fd_stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <future>
#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "ttrpc/test_peer.h"

namespace virtcontainers::ttrpc {
namespace {

std::pair<std::unique_ptr<FdStream>, std::unique_ptr<FdStream>> MakePipe() {
  int fds[2];
  EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  return {*FdStream::Create(UniqueFd(fds[0])), *FdStream::Create(UniqueFd(fds[1]))};
}

class FdStreamTest : public ::testing::TestWithParam<bool> {
 protected:
  FdStreamTest() {
    auto [first, second] = GetParam() ? MakePipe() : MakeStreamPair();
    reader_ = std::move(first);
    writer_ = std::move(second);
  }
  std::unique_ptr<FdStream> reader_;
  std::unique_ptr<FdStream> writer_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, FdStreamTest, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "Pipe" : "Socket"; });

TEST_P(FdStreamTest, Write_MoreThanBuffer_IsRead) {
  const std::string sent(3 << 20, 'x');
  std::thread writing([&] {
    EXPECT_TRUE(writer_->Write(sent));
    writer_.reset();
  });
  std::string received;
  std::vector<char> buffer(100'000);
  while (true) {
    const auto count = reader_->Read(buffer);
    ASSERT_TRUE(count);
    if (*count == 0) break;
    received.append(buffer.data(), *count);
  }
  writing.join();
  EXPECT_EQ(received, sent);
}

TEST_P(FdStreamTest, Write_ReaderIsGone_FailsWithoutSignal) {
  reader_.reset();
  const Status written = writer_->Write("x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), Code::kUnavailable);
}

TEST_P(FdStreamTest, Shutdown_ReaderWaits_WakesIt) {
  auto reading = std::async(std::launch::async, [&] {
    std::array<char, 10> buffer;
    return reader_->Read(buffer);
  });
  reader_->Shutdown();
  reader_->Shutdown();
  const auto count = reading.get();
  EXPECT_TRUE(!count || *count == 0);
}

TEST_P(FdStreamTest, Shutdown_WriterWaits_WakesIt) {
  auto writing = std::async(std::launch::async, [&] { return writer_->Write(std::string(4 << 20, 'x')); });
  writer_->Shutdown();
  EXPECT_FALSE(writing.get());
  EXPECT_FALSE(writer_->Write("more"));
}

TEST(FdStream, Create_NoDescriptor_Fails) { EXPECT_FALSE(FdStream::Create(UniqueFd())); }

}  // namespace
}  // namespace virtcontainers::ttrpc
