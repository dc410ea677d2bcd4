#include "storage/virtiofsd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(VirtiofsdTest, Identify_CAndRustVersions_AreToldApart) {
  const auto c =
      IdentifyVirtiofsd("/usr/lib/qemu/virtiofsd",
                        "virtiofsd version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\n"
                        "Copyright (c) 2003-2022 Fabrice Bellard and the QEMU Project developers\n");
  ASSERT_TRUE(c);
  EXPECT_EQ(c->flavor, VirtiofsdFlavor::kC);
  EXPECT_EQ(c->version, "7.2.22");

  const auto rust = IdentifyVirtiofsd("/usr/libexec/virtiofsd", "virtiofsd 1.13.2\n");
  ASSERT_TRUE(rust);
  EXPECT_EQ(rust->flavor, VirtiofsdFlavor::kRust);
  EXPECT_EQ(rust->version, "1.13.2");

  const auto old_rust = IdentifyVirtiofsd("/usr/libexec/virtiofsd", "virtiofsd backend 1.4.0\n");
  ASSERT_TRUE(old_rust);
  EXPECT_EQ(old_rust->flavor, VirtiofsdFlavor::kRust);
  EXPECT_EQ(old_rust->version, "1.4.0");
}

TEST(VirtiofsdTest, Identify_OtherProgram_Fails) {
  for (const char* said : {"", "virtiofsd", "virtiofsd help", "cat (GNU coreutils) 9.1\n"}) {
    const auto program = IdentifyVirtiofsd("/bin/cat", said);
    ASSERT_FALSE(program) << said;
    EXPECT_EQ(program.error().code(), Code::kAborted);
    EXPECT_THAT(program.error().message(), HasSubstr("'/bin/cat'"));
  }
}

TEST(VirtiofsdTest, Find_ProgramMissing_FailsAndNamesPath) {
  const auto program = FindVirtiofsd("/nowhere/virtiofsd", Deadline::After(std::chrono::seconds(5)));
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().code(), Code::kNotFound);
  EXPECT_THAT(program.error().message(), HasSubstr("'/nowhere/virtiofsd'"));
}

TEST(VirtiofsdTest, Arguments_OfCVersion_AreComplete) {
  EXPECT_THAT(
      VirtiofsdArguments({"/usr/lib/qemu/virtiofsd", VirtiofsdFlavor::kC, "7.2.22"}, "/run/a,b\\c/share", 3,
                         VirtiofsdSandbox::kNamespace),
      ElementsAre("/usr/lib/qemu/virtiofsd", "--fd=3", "--thread-pool-size=0", "-f", "-o",
                  "cache=always,timeout=1,xattr,posix_acl,killpriv_v2,announce_submounts,log_level=warn",
                  "-o", "sandbox=namespace", "-o", "source=/run/a\\,b\\\\c/share"));
}

TEST(VirtiofsdTest, Arguments_OfRustVersion_AreComplete) {
  EXPECT_THAT(VirtiofsdArguments({"/usr/libexec/virtiofsd", VirtiofsdFlavor::kRust, "1.13.2"},
                                 "/run/a,b/share", 3, VirtiofsdSandbox::kChroot),
              ElementsAre("/usr/libexec/virtiofsd", "--fd=3", "--thread-pool-size=0", "--cache=auto",
                          "--xattr", "--posix-acl", "--killpriv-v2", "--announce-submounts",
                          "--log-level=warn", "--sandbox=chroot", "--shared-dir=/run/a,b/share"));
}

}  // namespace
}  // namespace virtcontainers
