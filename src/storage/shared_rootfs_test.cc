// With the real virtiofsd and no VM: a test connects in the VM's place and looks at what virtiofsd has as its
// root.

#include "storage/shared_rootfs.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <thread>

#include "base/test_deadline.h"
#include "os/file.h"
#include "os/process_identity.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

bool Eventually(const std::function<bool()>& holds) {
  for (const Deadline deadline = Soon(); !holds();) {
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::string Mounts() { return ReadFile("/proc/self/mountinfo", 4 << 20).value_or(""); }

class SharedRootfsTest : public testing::TestWithParam<VirtiofsdSandbox> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "skipped: mounting needs root";
    if (!FindVirtiofsd("", Soon())) GTEST_SKIP() << "skipped: virtiofsd is not installed";
    std::string name = (fs::temp_directory_path() / "vc-storage-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    options_.run_dir = directory_ + "/run";
    options_.sandbox = GetParam();
    fs::create_directories(options_.run_dir);
    mounts_before_ = Mounts();
  }

  void TearDown() override {
    rootfs_.reset();
    if (directory_.empty()) return;
    ::umount2((directory_ + "/c1/sub").c_str(), MNT_DETACH);
    EXPECT_EQ(Mounts(), mounts_before_) << "mounts are left on the host";
    EXPECT_FALSE(FileExists(options_.run_dir + "/share"));
    fs::remove_all(directory_);
  }

  std::string MakeRootfs(const std::string& name) {
    const std::string path = directory_ + "/" + name;
    fs::create_directories(path);
    std::ofstream(path + "/hello") << "hello from " << name << "\n";
    return path;
  }

  void Create() {
    auto created = SharedRootfs::Create(options_, Soon());
    ASSERT_TRUE(created) << created.error().ToString();
    rootfs_ = std::move(*created);
  }

  // In a VM's place. virtiofsd makes its sandbox then.
  void Connect() {
    auto connected = ttrpc::ConnectUnix(rootfs_->socket(), Soon());
    ASSERT_TRUE(connected) << connected.error().ToString();
    vm_ = std::move(*connected);
    ASSERT_TRUE(Eventually([this] { return !fs::exists(Root() + "/usr"); })) << "virtiofsd made no sandbox";
  }

  SharedRootfs::Places Add(const std::string& container, const std::string& rootfs,
                           const std::vector<SharedRootfs::Volume>& volumes = {}, bool readonly = false) {
    auto places = rootfs_->Add(container, rootfs, readonly, volumes);
    EXPECT_TRUE(places) << places.error().ToString();
    return places.value_or(SharedRootfs::Places());
  }

  std::string Root() const { return "/proc/" + std::to_string(rootfs_->process().pid) + "/root"; }
  std::string Seen(const std::string& path) const {
    return ReadFile(Root() + "/" + path, 4096).value_or("nothing");
  }

  std::string directory_, mounts_before_;
  SharedRootfs::Options options_;
  std::unique_ptr<SharedRootfs> rootfs_;
  UniqueFd vm_;
};

INSTANTIATE_TEST_SUITE_P(Sandbox, SharedRootfsTest,
                         testing::Values(VirtiofsdSandbox::kNamespace, VirtiofsdSandbox::kChroot),
                         [](const auto& tested) {
                           return tested.param == VirtiofsdSandbox::kNamespace ? "Namespace" : "Chroot";
                         });

TEST_P(SharedRootfsTest, Add_BeforeAndAfterConnect_IsSeenByVirtiofsd) {
  Create();
  const std::string c1 = Add("c1", MakeRootfs("c1")).rootfs;
  Connect();
  const std::string c2 = Add("c2", MakeRootfs("c2")).rootfs;
  EXPECT_EQ(Seen(c1 + "/hello"), "hello from c1\n");
  EXPECT_EQ(Seen(c2 + "/hello"), "hello from c2\n");
  EXPECT_EQ(Mounts(), mounts_before_) << "the host sees the share's mounts";
  EXPECT_TRUE(fs::is_empty(options_.run_dir + "/share")) << "the host sees into the share";
}

TEST_P(SharedRootfsTest, Remove_Container_UnsharesRootfsAndKeepsSource) {
  Create();
  const std::string source = MakeRootfs("c1");
  const std::string first = Add("c1", source).rootfs;
  Connect();
  ASSERT_EQ(rootfs_->Add("c1", source, false).error().code(), Code::kAlreadyExists);
  EXPECT_TRUE(rootfs_->Remove("c1"));
  EXPECT_EQ(Seen(first + "/hello"), "nothing");
  EXPECT_TRUE(fs::is_empty(Root()));
  EXPECT_TRUE(FileExists(source + "/hello"));
  EXPECT_TRUE(rootfs_->Remove("c1"));
}

TEST_P(SharedRootfsTest, Add_ReusedContainerId_GivesNewEntryNames) {
  Create();
  Connect();
  const std::string source = MakeRootfs("c1");
  std::set<std::string> names;
  for (int i = 0; i < 5; ++i) {
    const SharedRootfs::Places places = Add("c1", source, {{.source = source, .readonly = true}});
    EXPECT_TRUE(names.insert(places.rootfs).second);
    EXPECT_TRUE(names.insert(places.volumes.at(0)).second);
    EXPECT_EQ(Seen(places.rootfs + "/hello"), "hello from c1\n");
    ASSERT_TRUE(rootfs_->Remove("c1"));
  }
}

TEST_P(SharedRootfsTest, Add_SameDirectoryForSeveralContainers_SharesEntryUntilLastRemove) {
  Create();
  Connect();
  const std::string data = MakeRootfs("data"), root = MakeRootfs("root");
  const SharedRootfs::Places c1 = Add("c1", root, {{.source = data}, {.source = data}});
  EXPECT_EQ(c1.volumes.at(0), c1.volumes.at(1));
  EXPECT_NE(c1.volumes.at(0), c1.rootfs);
  const SharedRootfs::Places c2 = Add("c2", root, {{.source = data}});
  EXPECT_EQ(c2.rootfs, c1.rootfs);
  EXPECT_EQ(c2.volumes.at(0), c1.volumes.at(0));
  // A directory that is one container's volume and another's root file system.
  EXPECT_EQ(Add("c3", data).rootfs, c1.volumes.at(0));

  ASSERT_TRUE(rootfs_->Remove("c1"));
  EXPECT_EQ(Seen(c2.rootfs + "/hello"), "hello from root\n");
  ASSERT_TRUE(rootfs_->Remove("c2"));
  EXPECT_EQ(Seen(c2.rootfs + "/hello"), "nothing");
  EXPECT_EQ(Seen(c2.volumes.at(0) + "/hello"), "hello from data\n");
  ASSERT_TRUE(rootfs_->Remove("c3"));
  EXPECT_TRUE(fs::is_empty(Root()));
}

TEST_P(SharedRootfsTest, Add_DirectoryWithOtherAccessOrMounts_GivesNewEntry) {
  Create();
  Connect();
  const std::string data = MakeRootfs("c1");
  fs::create_directories(data + "/sub");
  const std::string writable = Add("a", data).rootfs;
  const SharedRootfs::Places readonly = Add("b", data, {}, /*readonly=*/true);
  EXPECT_NE(readonly.rootfs, writable);
  EXPECT_EQ(::open((Root() + "/" + readonly.rootfs + "/new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600),
            -1);
  EXPECT_EQ(errno, EROFS);
  ASSERT_EQ(::mount("sub", (data + "/sub").c_str(), "tmpfs", 0, nullptr), 0);
  std::ofstream(data + "/sub/file") << "in the submount";
  const std::string later = Add("c", data).rootfs;
  EXPECT_NE(later, writable);
  EXPECT_EQ(Seen(later + "/sub/file"), "in the submount");
  ASSERT_EQ(::umount(((data + "/sub").c_str())), 0);
  EXPECT_EQ(Add("d", data).rootfs, writable);
  // Made anew, it is another directory.
  fs::remove_all(data);
  EXPECT_NE(Add("e", MakeRootfs("c1")).rootfs, writable);
}

TEST_P(SharedRootfsTest, Add_DirectoryThroughBindMount_ReusesEntry) {
  Create();
  Connect();
  const std::string data = MakeRootfs("data");
  const std::string other = MakeRootfs("c1") + "/sub";
  fs::create_directories(other);
  ASSERT_EQ(::mount(data.c_str(), other.c_str(), nullptr, MS_BIND, nullptr), 0);
  EXPECT_EQ(Add("a", data).rootfs, Add("b", other).rootfs);
}

TEST_P(SharedRootfsTest, GuestWrite_OutsideEntries_Fails) {
  Create();
  Connect();
  const std::string entry = Add("c1", MakeRootfs("c1")).rootfs;
  EXPECT_EQ(::mkdir((Root() + "/" + entry + "/new").c_str(), 0700), 0);
  EXPECT_EQ(::mkdir((Root() + "/new").c_str(), 0700), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(::rename((Root() + "/" + entry).c_str(), (Root() + "/other").c_str()), -1);
  EXPECT_EQ(::symlink("/etc", (Root() + "/other").c_str()), -1);
}

TEST_P(SharedRootfsTest, Add_SourceWithSubmounts_SharesSubmountsAndKeepsHostMounts) {
  Create();
  Connect();
  const std::string source = MakeRootfs("c1");
  fs::create_directories(source + "/sub");
  ASSERT_EQ(::mount("sub", (source + "/sub").c_str(), "tmpfs", 0, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, (source + "/sub").c_str(), nullptr, MS_SHARED, nullptr), 0);
  std::ofstream(source + "/sub/file") << "in the submount";
  EXPECT_EQ(Seen(Add("c1", source).rootfs + "/sub/file"), "in the submount");
  ASSERT_TRUE(rootfs_->Remove("c1"));
  EXPECT_EQ(ReadFile(source + "/sub/file", 100).value_or("gone"), "in the submount");
}

TEST_P(SharedRootfsTest, Add_Readonly_WriteThroughShareFails) {
  Create();
  Connect();
  const std::string source = MakeRootfs("c1");
  const std::string c1 = Add("c1", source, {}, /*readonly=*/true).rootfs;
  const std::string c2 = Add("c2", MakeRootfs("c2")).rootfs;
  EXPECT_EQ(::open((Root() + "/" + c1 + "/new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_TRUE(UniqueFd(::open((Root() + "/" + c2 + "/new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
  EXPECT_TRUE(UniqueFd(::open((source + "/new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)))
      << "the host's own view became read-only";
}

TEST_P(SharedRootfsTest, AddVolume_DirectoryOrFile_IsShared) {
  Create();
  Connect();
  const std::string data = MakeRootfs("data");
  std::ofstream(directory_ + "/settings") << "first";
  fs::create_symlink("settings", directory_ + "/link");
  const SharedRootfs::Places places = Add("c1", MakeRootfs("c1"),
                                          {{.source = data},
                                           {.source = directory_ + "/settings", .readonly = true},
                                           {.source = directory_ + "/link"}},
                                          /*readonly=*/true);
  ASSERT_EQ(places.volumes.size(), 3u);
  EXPECT_EQ(Seen(places.rootfs + "/hello"), "hello from c1\n");
  EXPECT_EQ(Seen(places.volumes[0] + "/hello"), "hello from data\n");
  EXPECT_EQ(Seen(places.volumes[1]), "first");
  EXPECT_EQ(Seen(places.volumes[2]), "first");
  EXPECT_EQ(::open((Root() + "/" + places.volumes[1]).c_str(), O_WRONLY | O_CLOEXEC), -1);
  EXPECT_EQ(errno, EROFS) << "a read-only volume can be written";
  // What is written on one side is there on the other.
  std::ofstream(Root() + "/" + places.volumes[2]) << "second";
  EXPECT_EQ(ReadFile(directory_ + "/settings", 100).value(), "second");
  std::ofstream(Root() + "/" + places.volumes[0] + "/new") << "x";
  EXPECT_TRUE(FileExists(data + "/new"));
  // The file is shown, not its name, as by every bind mount.
  std::ofstream(directory_ + "/other") << "third";
  fs::rename(directory_ + "/other", directory_ + "/settings");
  EXPECT_EQ(Seen(places.volumes[1]), "second");
  EXPECT_EQ(Seen(Add("c2", data, {{.source = directory_ + "/settings"}}).volumes.at(0)), "third");
  EXPECT_EQ(Mounts(), mounts_before_);

  ASSERT_TRUE(rootfs_->Remove("c1"));
  ASSERT_TRUE(rootfs_->Remove("c2"));
  EXPECT_TRUE(fs::is_empty(Root()));
  EXPECT_TRUE(FileExists(data + "/hello"));
  EXPECT_EQ(ReadFile(directory_ + "/settings", 100).value(), "third");
}

TEST_P(SharedRootfsTest, AddVolume_Recursive_HasMountsBelow) {
  Create();
  Connect();
  const std::string source = MakeRootfs("c1");
  fs::create_directories(source + "/sub");
  ASSERT_EQ(::mount("sub", (source + "/sub").c_str(), "tmpfs", 0, nullptr), 0);
  std::ofstream(source + "/sub/file") << "in the submount";
  const std::vector<std::string> volumes =
      Add("c1", MakeRootfs("root"),
          {{.source = source, .readonly = true}, {.source = source, .recursive = false}})
          .volumes;
  ASSERT_EQ(volumes.size(), 2u);
  EXPECT_EQ(Seen(volumes[0] + "/sub/file"), "in the submount");
  EXPECT_EQ(::open((Root() + "/" + volumes[0] + "/sub/file").c_str(), O_WRONLY | O_CLOEXEC), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(Seen(volumes[1] + "/hello"), "hello from c1\n");
  EXPECT_EQ(Seen(volumes[1] + "/sub/file"), "nothing");
  ASSERT_TRUE(rootfs_->Remove("c1"));
  EXPECT_TRUE(FileExists(source + "/sub/file"));
}

TEST_P(SharedRootfsTest, Add_VolumeCannotBeShared_FailsAndLeavesNoEntry) {
  Create();
  Connect();
  const std::string rootfs = MakeRootfs("c1");
  ASSERT_EQ(::mkfifo((directory_ + "/pipe").c_str(), 0600), 0);
  const auto add = [&](const std::string& source) {
    return rootfs_->Add("c1", rootfs, false, {{.source = rootfs}, {.source = source}}).error();
  };
  EXPECT_EQ(add(directory_ + "/missing").code(), Code::kNotFound);
  EXPECT_THAT(add(directory_ + "/missing").message(), HasSubstr("/missing'"));
  EXPECT_EQ(add(directory_ + "/pipe").code(), Code::kInvalidArgument);
  EXPECT_THAT(add(directory_ + "/pipe").message(), HasSubstr("/pipe' is neither a directory nor a regular"));
  EXPECT_EQ(add("/dev/null").code(), Code::kInvalidArgument);
  EXPECT_TRUE(fs::is_empty(Root()));
  EXPECT_EQ(Seen(Add("c1", rootfs).rootfs + "/hello"), "hello from c1\n");
}

TEST_P(SharedRootfsTest, Rejoin_RunningVirtiofsd_KeepsEntries) {
  Create();
  const std::string data = MakeRootfs("data");
  const SharedRootfs::Places c1 = Add("c1", MakeRootfs("c1"), {{.source = data}});
  Connect();
  const ProcessIdentity process = rootfs_->process();
  rootfs_->Detach();
  rootfs_.reset();
  ASSERT_TRUE(IsAlive(process));

  std::promise<std::string> exit;
  options_.on_exit = [&](std::string reason) { exit.set_value(std::move(reason)); };
  auto rejoined = SharedRootfs::Rejoin(options_, process);
  ASSERT_TRUE(rejoined) << rejoined.error().ToString();
  rootfs_ = std::move(*rejoined);
  EXPECT_EQ(Seen(c1.rootfs + "/hello"), "hello from c1\n") << "what the predecessor added is gone";
  EXPECT_EQ(rootfs_->Add("c1", data, false).error().code(), Code::kAlreadyExists);
  const SharedRootfs::Places c2 = Add("c2", MakeRootfs("c2"), {{.source = data}});
  EXPECT_EQ(Seen(c2.rootfs + "/hello"), "hello from c2\n");
  EXPECT_EQ(c2.volumes, c1.volumes) << "the predecessor's entry is not used";
  EXPECT_TRUE(rootfs_->Remove("c1"));
  EXPECT_EQ(Seen(c1.rootfs + "/hello"), "nothing");
  EXPECT_EQ(Seen(c2.volumes.at(0) + "/hello"), "hello from data\n");
  EXPECT_NE(Add("c1", directory_ + "/c1").rootfs, c1.rootfs) << "a name is used again";

  vm_.reset();
  EXPECT_THAT(exit.get_future().get(), HasSubstr("virtiofsd has ended"));
  EXPECT_EQ(SharedRootfs::Rejoin(options_, process).error().code(), Code::kNotFound);
}

TEST_P(SharedRootfsTest, Virtiofsd_ConnectionEnds_Ends) {
  std::promise<std::string> exit;
  options_.on_exit = [&](std::string reason) { exit.set_value(std::move(reason)); };
  Create();
  Connect();
  EXPECT_FALSE(rootfs_->exit_reason());
  vm_.reset();
  EXPECT_THAT(exit.get_future().get(), HasSubstr("virtiofsd exited with status"));
  EXPECT_TRUE(rootfs_->exit_reason());
  EXPECT_TRUE(rootfs_->Stop(Soon()));
}

TEST_P(SharedRootfsTest, Virtiofsd_Killed_IsReported) {
  std::promise<std::string> exit;
  options_.on_exit = [&](std::string reason) { exit.set_value(std::move(reason)); };
  Create();
  ASSERT_EQ(::kill(rootfs_->process().pid, SIGKILL), 0);
  EXPECT_THAT(exit.get_future().get(), HasSubstr("killed by signal 9"));
  EXPECT_FALSE(ttrpc::ConnectUnix(rootfs_->socket(), Soon())) << "a VM would wait for ever";
}

TEST_P(SharedRootfsTest, Stop_Running_LeavesNoProcessAndReportsNothing) {
  options_.on_exit = [](const std::string& reason) { ADD_FAILURE() << reason; };
  Create();
  Connect();
  const ProcessIdentity process = rootfs_->process();
  EXPECT_TRUE(rootfs_->Stop(Soon()));
  EXPECT_FALSE(IsAlive(process));
  EXPECT_TRUE(rootfs_->Stop(Soon()));
  // The connection's other end is in the process that works.
  char byte = 0;
  EXPECT_TRUE(Eventually([&] { return ::read(vm_.get(), &byte, 1) == 0; }))
      << "a part of virtiofsd still runs";
}

TEST_P(SharedRootfsTest, Create_LongPathsAndCommas_Work) {
  options_.run_dir = directory_ + "/" + std::string(120, 'r') + "/a,b";
  fs::create_directories(options_.run_dir);
  Create();
  const std::string c1 = Add("c1", MakeRootfs(std::string(200, 'l'))).rootfs;
  Connect();
  EXPECT_THAT(Seen(c1 + "/hello"), HasSubstr("hello from lll"));
}

TEST_P(SharedRootfsTest, Add_SourceCannotBeShared_FailsAndNamesSource) {
  Create();
  Error error = rootfs_->Add("c1", directory_ + "/missing", false).error();
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_THAT(error.message(), HasSubstr("/missing'"));
  std::ofstream(directory_ + "/file") << "x";
  EXPECT_EQ(rootfs_->Add("c1", directory_ + "/file", false).error().code(), Code::kInvalidArgument);
  for (const char* id : {"", ".", "..", "../x", "a/b"}) {
    EXPECT_EQ(rootfs_->Add(id, directory_, false).error().code(), Code::kInvalidArgument) << id;
    EXPECT_EQ(rootfs_->Remove(id).error().code(), Code::kInvalidArgument) << id;
  }
}

TEST_P(SharedRootfsTest, Create_Fails_LeavesNothing) {
  options_.virtiofsd = "/bin/true";
  EXPECT_FALSE(SharedRootfs::Create(options_, Soon()));
  options_.virtiofsd = "/nowhere/virtiofsd";
  EXPECT_EQ(SharedRootfs::Create(options_, Soon()).error().code(), Code::kNotFound);
  EXPECT_TRUE(fs::is_empty(options_.run_dir));
  options_.virtiofsd = "";
  options_.run_dir += "/missing";
  EXPECT_EQ(SharedRootfs::Create(options_, Soon()).error().code(), Code::kNotFound);
}

TEST_P(SharedRootfsTest, AddAndRemove_ManyThreads_Succeed) {
  Create();
  Connect();
  const std::string source = MakeRootfs("c");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, id = "c" + std::to_string(i)] {
      for (int round = 0; round < 5; ++round) {
        EXPECT_TRUE(rootfs_->Add(id, source, round % 2 == 0));
        EXPECT_TRUE(rootfs_->Remove(id));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Eventually([this] { return fs::is_empty(Root()); }));
}

}  // namespace
}  // namespace virtcontainers
