#include "guest/agent/container/executable.h"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "guest/agent/os/file.h"
#include "guest/agent/testing/temp_dir.h"

namespace virtcontainers::guest {
namespace {

class ExecutableTest : public testing::Test {
 protected:
  ExecutableTest() {
    EXPECT_TRUE(MakeDirectories(dir_.path() + "/first/tool"));
    EXPECT_TRUE(MakeDirectories(dir_.path() + "/second"));
    EXPECT_TRUE(CreateFile(dir_.path() + "/first/data", "x", 0644));
    EXPECT_TRUE(CreateFile(dir_.path() + "/second/data", "x", 0755));
    EXPECT_TRUE(CreateFile(dir_.path() + "/second/tool", "x", 0755));
    EXPECT_TRUE(CreateFile(dir_.path() + "/first/plain", "x", 0644));
    path_ = dir_.path() + "/first:" + dir_.path() + "/nowhere:" + dir_.path() + "/second";
  }

  Code Find(const std::string& name) { return FindExecutable(name, path_).error().code(); }

  TempDir dir_;
  std::string path_;
};

TEST_F(ExecutableTest, FindExecutable_SeveralInPath_FindsFirstExecutable) {
  EXPECT_EQ(FindExecutable("data", path_).value_or(""), dir_.path() + "/second/data");
  // A directory of that name comes first.
  EXPECT_EQ(FindExecutable("tool", path_).value_or(""), dir_.path() + "/second/tool");
}

TEST_F(ExecutableTest, FindExecutable_MissingOrNotExecutable_HasDifferentCodes) {
  EXPECT_EQ(Find("missing"), Code::kNotFound);
  EXPECT_EQ(Find(""), Code::kNotFound);
  EXPECT_EQ(Find("plain"), Code::kPermissionDenied);
  EXPECT_EQ(Find(dir_.path() + "/first/missing"), Code::kNotFound);
  EXPECT_EQ(Find(dir_.path() + "/first"), Code::kPermissionDenied);
  EXPECT_EQ(FindExecutable("foo", "/nowhere").error().message(),
            "exec 'foo': not found in the container's PATH");
  EXPECT_EQ(FindExecutable("/etc", "").error().message(), "exec '/etc': not executable");
}

TEST_F(ExecutableTest, SearchPath_WithOrWithoutVariable_IsItOrTheDefault) {
  EXPECT_EQ(SearchPath({"A=b", "PATH=/x:/y"}), "/x:/y");
  EXPECT_EQ(SearchPath({"XPATH=/x"}), kDefaultPath);
}

TEST_F(ExecutableTest, Execute_ProgramCannotRun_ReturnsReason) {
  EXPECT_EQ(Execute({"missing"}, {"PATH=" + path_}).code(), Code::kNotFound);
  EXPECT_EQ(Execute({dir_.path()}, {}).code(), Code::kPermissionDenied);
  // No program, and no script.
  EXPECT_EQ(Execute({dir_.path() + "/second/tool"}, {}).code(), Code::kPermissionDenied);
  ASSERT_TRUE(CreateFile(dir_.path() + "/script", "#!/no/such/interpreter\n", 0755));
  const Error error = Execute({dir_.path() + "/script"}, {});
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_NE(error.message().find("interpreter"), std::string::npos) << error.message();
}

}  // namespace
}  // namespace virtcontainers::guest
