#include "guest/agent/sandbox/copy_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "guest/agent/os/file.h"
#include "guest/agent/testing/temp_dir.h"

namespace virtcontainers::guest {
namespace {

class CopyFileTest : public testing::Test {
 protected:
  CopyFileTest() {
    EXPECT_TRUE(MakeDirectories(dir_.path() + "/shared"));
    EXPECT_TRUE(MakeDirectories(dir_.path() + "/outside"));
  }

  grpc::CopyFileRequest Request(const std::string& name, uint32_t mode, const std::string& data) {
    grpc::CopyFileRequest request;
    request.set_path(dir_.path() + "/shared/" + name);
    request.set_file_mode(mode);
    request.set_data(data);
    request.set_file_size(static_cast<int64_t>(data.size()));
    request.set_uid(static_cast<int32_t>(::getuid()));
    request.set_gid(static_cast<int32_t>(::getgid()));
    return request;
  }
  Status Copy(const grpc::CopyFileRequest& request) { return CopyFile(dir_.path() + "/shared", request); }
  std::string Content(const std::string& name) {
    return ReadFile(dir_.path() + "/shared/" + name).value_or("[none]");
  }

  TempDir dir_;
};

TEST_F(CopyFileTest, CopyFile_InPieces_AppearsWhenWhole) {
  grpc::CopyFileRequest request = Request("a/b/file", S_IFREG | 0640, "first ");
  request.set_file_size(10);
  ASSERT_TRUE(Copy(request));
  EXPECT_EQ(Content("a/b/file"), "[none]");
  request.set_offset(6);
  request.set_data("last");
  ASSERT_TRUE(Copy(request));
  EXPECT_EQ(Content("a/b/file"), "first last");
  struct stat info;
  ASSERT_EQ(::stat((dir_.path() + "/shared/a/b/file").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  EXPECT_EQ(Content("a/b/file.tmp"), "[none]");
}

TEST_F(CopyFileTest, CopyFile_EmptyFileDirectoryOrLink_IsMade) {
  EXPECT_TRUE(Copy(Request("empty", S_IFREG | 0644, "")));
  EXPECT_EQ(Content("empty"), "");
  EXPECT_TRUE(Copy(Request("dir", S_IFDIR | 0750, "")));
  EXPECT_TRUE(Copy(Request("link", S_IFLNK | 0777, "empty")));
  EXPECT_TRUE(Copy(Request("link", S_IFLNK | 0777, "dir/other"))) << "a link is replaced";
  char target[64] = {};
  ASSERT_GT(::readlink((dir_.path() + "/shared/link").c_str(), target, sizeof(target) - 1), 0);
  EXPECT_STREQ(target, "dir/other");
}

TEST_F(CopyFileTest, LinksThatLeadOut_AreFollowedInsideOrRefused) {
  EXPECT_FALSE(Copy(Request("../outside/file", S_IFREG | 0644, "x")));
  ASSERT_EQ(::symlink((dir_.path() + "/outside").c_str(), (dir_.path() + "/shared/out").c_str()), 0);
  // The link's target is a path below the shared directory, as for a process whose root that is.
  EXPECT_TRUE(Copy(Request("out/file", S_IFREG | 0644, "x")));
  EXPECT_EQ(::access((dir_.path() + "/shared" + dir_.path() + "/outside/file").c_str(), F_OK), 0);
  EXPECT_NE(::access((dir_.path() + "/outside/file").c_str(), F_OK), 0);
  ASSERT_EQ(::symlink((dir_.path() + "/outside/file").c_str(), (dir_.path() + "/shared/f.tmp").c_str()), 0);
  EXPECT_FALSE(Copy(Request("f", S_IFREG | 0644, "x")));
  EXPECT_NE(::access((dir_.path() + "/outside/file").c_str(), F_OK), 0);
}

TEST_F(CopyFileTest, CopyFile_PieceDoesNotFit_IsRefused) {
  grpc::CopyFileRequest request = Request("file", S_IFREG | 0644, "data");
  request.set_file_size(3);
  EXPECT_EQ(Copy(request).error().code(), Code::kInvalidArgument);
  request.set_file_size(-1);
  EXPECT_EQ(Copy(request).error().code(), Code::kInvalidArgument);
  request.set_file_size(INT64_MAX);
  request.set_offset(INT64_MAX);
  EXPECT_EQ(Copy(request).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Copy(Request("node", S_IFBLK | 0644, "")).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Copy(Request("slash/", S_IFREG | 0644, "")).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace virtcontainers::guest
