#include "pod/store.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "os/file.h"
#include "os/test_directory.h"
#include "pod/config_json.h"
#include "pod/test_config.h"

namespace virtcontainers {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : root_(dir_ / "root"), run_(dir_ / "run"), store_(Store::Open(root_, run_).value()) {}

  // Every path below the test's directory, to see what a call has changed.
  std::vector<std::string> Everything() const {
    std::vector<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    return paths;
  }
  PodConfig Pod(const std::string& id) const {
    PodConfig config = SmallPod(id);
    config.containers = {SmallContainer("a", "/srv/a"), SmallContainer("b", "/srv/b")};
    return config;
  }

  const TestDirectory dir_;
  const std::string root_, run_;
  const Store store_;
};

TEST_F(StoreTest, CreatePod_EveryField_IsStored) {
  PodConfig config = FullPod();
  config.containers = {FullContainer(), SmallContainer("b", "/srv/b")};
  ASSERT_TRUE(store_.CreatePod(config));
  EXPECT_TRUE(store_.HasPod("web-1"));
  // Another process's view.
  const PodFiles pod = Store::Open(root_, run_)->Pod("web-1");
  EXPECT_EQ(DumpJson(ToJson(pod.LoadConfig().value())), DumpJson(ToJson(config)));
  EXPECT_EQ(DumpJson(ToJson(pod.LoadContainer("db.1").value())), DumpJson(ToJson(config.containers[0])));
  EXPECT_EQ(pod.LoadContainer("b")->rootfs, "/srv/b");
  const PodRecord record = pod.LoadRecord().value();
  EXPECT_EQ(record.state, PodState::kReady);
  EXPECT_TRUE(record.created);
  ASSERT_EQ(record.containers.size(), 2u);
  EXPECT_EQ(record.containers[0].id, "db.1");
  EXPECT_EQ(record.containers[1].id, "b");
  EXPECT_EQ(record.containers[0].created, record.created);
  EXPECT_TRUE(fs::is_empty(root_ + "/trash"));
}

TEST_F(StoreTest, Files_CreatedByStore_AreOwnerOnly) {
  ASSERT_TRUE(store_.CreatePod(Pod("web")));
  for (const auto& entry : fs::recursive_directory_iterator(root_)) {
    EXPECT_EQ(entry.status().permissions() & fs::perms::all & ~fs::perms::owner_all, fs::perms::none)
        << entry.path();
  }
}

TEST_F(StoreTest, Load_UnknownIds_FailWithNotFound) {
  ASSERT_TRUE(store_.CreatePod(Pod("web")));
  EXPECT_FALSE(store_.HasPod("db"));
  EXPECT_EQ(store_.Pod("db").LoadConfig().error().code(), Code::kNotFound);
  EXPECT_EQ(store_.Pod("db").LoadRecord().error().code(), Code::kNotFound);
  EXPECT_EQ(store_.Pod("web").LoadContainer("c").error().code(), Code::kNotFound);
  EXPECT_EQ(store_.RemovePod("db").error().code(), Code::kNotFound);
  EXPECT_EQ(store_.RemovePod("db").error().ToString(), "no pod 'db'");
}

// The same pod id created twice: two VMs, one of them lost.
TEST_F(StoreTest, CreatePod_IdExists_FailsAndChangesNothing) {
  ASSERT_TRUE(store_.CreatePod(Pod("web")));
  const auto before = Everything();
  PodConfig second = Pod("web");
  second.hostname = "another";
  const auto status = store_.CreatePod(second);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), Code::kAlreadyExists);
  EXPECT_EQ(status.error().ToString(), "pod 'web' exists already: choose another id, or delete it");
  EXPECT_EQ(Everything(), before) << "a refused pod leaves nothing behind";
  EXPECT_EQ(store_.Pod("web").LoadConfig()->hostname, "");
}

TEST_F(StoreTest, CreatePod_ConcurrentSameId_OneSucceeds) {
  std::atomic<int> created{0}, refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto status = store_.CreatePod(Pod("web"));
      if (status) ++created;
      if (!status && status.error().code() == Code::kAlreadyExists) ++refused;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(created, 1);
  EXPECT_EQ(refused, 3);
  EXPECT_TRUE(fs::is_empty(root_ + "/trash"));
}

// Whoever would change it has to wait until its maker has told of it.
TEST_F(StoreTest, CreatePod_NewPod_ReturnsHeldPodLock) {
  {
    const Result<FileLock> lock = store_.CreatePod(Pod("web"));
    ASSERT_TRUE(lock);
    EXPECT_TRUE(FileLock::IsHeld(store_.Pod("web").paths().lock()).value_or(false));
  }
  EXPECT_FALSE(FileLock::IsHeld(store_.Pod("web").paths().lock()).value_or(true));
}

// Opening a root sweeps it.
TEST_F(StoreTest, CreatePod_ConcurrentOpensOfRoot_Succeeds) {
  std::atomic<bool> over = false;
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&] {
      while (!over) EXPECT_TRUE(Store::Open(root_, run_));
    });
  }
  for (int i = 0; i < 100; ++i) {
    const auto created = store_.CreatePod(SmallPod("web"));
    EXPECT_TRUE(created) << created.error().ToString();
    const auto trash = store_.RemovePod("web");
    EXPECT_TRUE(trash);
    EXPECT_TRUE(RemoveTree(trash.value_or("")));
  }
  over = true;
  for (std::thread& other : others) other.join();
}

// A pod id "../../.." wrote outside of the state directory.
TEST_F(StoreTest, CreatePod_IdLeavesRoot_FailsAndWritesNothing) {
  ASSERT_TRUE(store_.CreatePod(Pod("web")));
  dir_.Write("precious/file", "kept");
  const auto before = Everything();
  for (const std::string id :
       {"../../..", "..", ".", "", "../trash", "../../precious", "web/../web", "/tmp/x", "a/b"}) {
    EXPECT_EQ(store_.CreatePod(Pod(id)).error().code(), Code::kInvalidArgument) << id;
    PodConfig config = Pod("good");
    config.containers[1].id = id;
    EXPECT_EQ(store_.CreatePod(config).error().code(), Code::kInvalidArgument) << id;
    EXPECT_FALSE(store_.HasPod(id)) << id;
    EXPECT_EQ(store_.RemovePod(id).error().code(), Code::kNotFound) << id;
    const PodFiles web = store_.Pod("web");
    EXPECT_EQ(web.SaveContainer(SmallContainer(id, "/srv")).error().code(), Code::kInvalidArgument) << id;
    EXPECT_EQ(web.LoadContainer(id).error().code(), Code::kNotFound) << id;
    EXPECT_EQ(web.RemoveContainer(id).error().code(), Code::kNotFound) << id;
  }
  EXPECT_EQ(Everything(), before);
}

// Duplicate container ids were accepted.
TEST_F(StoreTest, CreatePod_DuplicateContainerId_FailsAndWritesNothing) {
  const auto before = Everything();
  PodConfig config = Pod("web");
  config.containers[1].id = "a";
  EXPECT_EQ(store_.CreatePod(config).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(Everything(), before);
}

// A truncated state file silently reset the pod; an empty configuration made it invisible.
TEST_F(StoreTest, Load_DamagedFile_IsDataLossAndPodIsRemovable) {
  ASSERT_TRUE(store_.CreatePod(Pod("web")));
  const PodFiles pod = store_.Pod("web");
  const std::string state = TestDirectory::Read(pod.paths().state());
  for (const std::string& text : {std::string(), std::string("{}"), state.substr(0, state.size() / 2),
                                  std::string(1000, '['), std::string("\0\0\0\0", 4)}) {
    for (const char* name : {"state.json", "config.json", "containers/a.json"}) {
      dir_.Write("root/pods/web/" + std::string(name), text);
    }
    for (const Error& error :
         {pod.LoadRecord().error(), pod.LoadConfig().error(), pod.LoadContainer("a").error()}) {
      EXPECT_EQ(error.code(), Code::kDataLoss);
      EXPECT_THAT(error.ToString(), HasSubstr(".json' cannot be read: "));
      EXPECT_THAT(error.ToString(), HasSubstr("restore the file, or delete the pod"));
    }
    EXPECT_EQ(TestDirectory::Read(pod.paths().state()), text) << "reading repairs nothing";
  }
  dir_.Write("root/pods/web/state.json", std::string((4 << 20) + 1, ' '));
  EXPECT_EQ(pod.LoadRecord().error().code(), Code::kDataLoss);
  EXPECT_THAT(store_.ListPods().value(), ElementsAre("web"));
  EXPECT_TRUE(store_.RemovePod("web"));
  EXPECT_THAT(store_.ListPods().value(), IsEmpty());
}

TEST_F(StoreTest, CreatePod_TooLargeToReadBack_Fails) {
  const auto before = Everything();
  PodConfig config = Pod("web");
  config.containers[0].process.args = {std::string(800'000, '\x01')};  // six bytes each in JSON
  const auto status = store_.CreatePod(config);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(status.error().ToString(), HasSubstr("the configuration of container 'a' takes "));
  EXPECT_EQ(Everything(), before);
}

TEST_F(StoreTest, SaveLoadRemove_RecordAndContainer_RoundTripsAndDeletesLogs) {
  ASSERT_TRUE(store_.CreatePod(Pod("web")));
  const PodFiles pod = store_.Pod("web");
  ASSERT_TRUE(pod.SaveRecord(FullRecord()));
  EXPECT_EQ(DumpJson(ToJson(pod.LoadRecord().value())), DumpJson(ToJson(FullRecord())));
  ASSERT_TRUE(pod.SaveContainer(FullContainer()));
  EXPECT_EQ(DumpJson(ToJson(pod.LoadContainer("db.1").value())), DumpJson(ToJson(FullContainer())));
  dir_.Write("root/pods/web/logs/db.1.log", "said");
  for (const char* name : {"db.1.log.1", "db.1.log.12"}) {
    dir_.Write(std::string("root/pods/web/logs/") + name, "said before");
  }
  dir_.Write("root/pods/web/logs/db.1.log.1.log", "another's");
  dir_.Write("root/pods/web/logs/a.log", "kept");
  ASSERT_TRUE(pod.RemoveContainer("db.1"));
  EXPECT_EQ(pod.LoadContainer("db.1").error().code(), Code::kNotFound);
  EXPECT_FALSE(fs::exists(pod.paths().log("db.1")));
  EXPECT_FALSE(fs::exists(pod.paths().log("db.1") + ".1"));
  EXPECT_FALSE(fs::exists(pod.paths().log("db.1") + ".12"));
  EXPECT_TRUE(fs::exists(pod.paths().log("db.1.log.1")));
  EXPECT_TRUE(fs::exists(pod.paths().log("a")));
  EXPECT_TRUE(pod.RemoveContainer("db.1")) << "what a crash left half removed can be removed again";
}

TEST_F(StoreTest, RemovePod_OtherPodExists_RemovesOnlyNamedPod) {
  ASSERT_TRUE(store_.CreatePod(Pod("web")));
  ASSERT_TRUE(store_.CreatePod(Pod("web2")));
  const auto run_dir = [&](const char* id) {
    return store_.Pod(id).paths().run_dir.substr(dir_.path().size() + 1);
  };
  dir_.Write(run_dir("web") + "/qmp.sock");
  dir_.Write(run_dir("web2") + "/qmp.sock");
  dir_.Write("root/pods/web/console.log", "boot");
  dir_.Write("rootfs/precious", "kept");
  ASSERT_EQ(::symlink((dir_ / "rootfs").c_str(), (root_ + "/pods/web/logs/link").c_str()), 0);
  const Result<std::string> trash = store_.RemovePod("web");
  ASSERT_TRUE(trash);
  EXPECT_FALSE(store_.HasPod("web"));
  EXPECT_FALSE(fs::exists(dir_ / run_dir("web")));
  ASSERT_TRUE(RemoveTree(*trash));
  EXPECT_TRUE(fs::is_empty(root_ + "/trash"));
  EXPECT_TRUE(fs::exists(dir_ / run_dir("web2") + "/qmp.sock"));
  EXPECT_EQ(TestDirectory::Read(dir_ / "rootfs/precious"), "kept");
  EXPECT_THAT(store_.ListPods().value(), ElementsAre("web2"));
  EXPECT_EQ(store_.RemovePod("web").error().code(), Code::kNotFound);
  EXPECT_TRUE(store_.CreatePod(Pod("web"))) << "the id is free again";
}

// What lies in a pod's place keeps its name from being used: it is a damaged pod, and can be deleted.
TEST_F(StoreTest, ListPods_ForeignEntries_ListsValidIdsSorted) {
  for (const char* id : {"b", "a", "C"}) ASSERT_TRUE(store_.CreatePod(SmallPod(id)));
  dir_.Write("root/pods/.hidden/config.json");
  dir_.Write("root/pods/not an id/config.json");
  dir_.Write("root/pods/\xff/config.json");
  EXPECT_THAT(store_.ListPods().value(), ElementsAre("C", "a", "b"));
  dir_.Write("precious/file", "kept");
  dir_.Write("root/pods/file");
  ASSERT_EQ(::symlink((dir_ / "precious").c_str(), (root_ + "/pods/link").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", (root_ + "/pods/none").c_str()), 0);
  EXPECT_THAT(store_.ListPods().value(), ElementsAre("C", "a", "b", "file", "link", "none"));
  for (const char* id : {"file", "link", "none"}) {
    EXPECT_EQ(store_.Pod(id).LoadRecord().error().code(), Code::kDataLoss) << id;
    EXPECT_EQ(store_.CreatePod(SmallPod(id)).error().code(), Code::kAlreadyExists) << id;
    const Result<std::string> trash = store_.RemovePod(id);
    ASSERT_TRUE(trash) << trash.error().ToString();
    EXPECT_TRUE(RemoveTree(*trash));
    EXPECT_TRUE(store_.CreatePod(SmallPod(id))) << id;
  }
  EXPECT_EQ(TestDirectory::Read(dir_ / "precious/file"), "kept");
}

TEST_F(StoreTest, RunDirectories_OfTwoRoots_AreDifferent) {
  const Store other = Store::Open(dir_ / "other", run_).value();
  EXPECT_NE(other.Pod("web").paths().run_dir, store_.Pod("web").paths().run_dir);
  EXPECT_EQ(store_.Pod("web").paths().run_dir.substr(0, run_.size() + 1), run_ + "/");
  // One root is one, by whatever name it is opened.
  ASSERT_EQ(::symlink(root_.c_str(), (dir_ / "link").c_str()), 0);
  for (const std::string& name : {dir_ / "link", root_ + "/", root_ + "/../root"}) {
    EXPECT_EQ(Store::Open(name, run_)->Pod("web").paths().run_dir, store_.Pod("web").paths().run_dir) << name;
  }
}

TEST_F(StoreTest, SocketPaths_LongPodIds_FitInSockaddrUn) {
  const Store store = Store::Open(root_, "/run/virtcontainers").value();
  const std::string prefix(63, 'x');
  const std::string one = store.Pod(prefix + "1").paths().run_dir,
                    two = store.Pod(prefix + "2").paths().run_dir;
  EXPECT_NE(one, two);
  EXPECT_LT((one + "/virtiofsd.sock").size(), sizeof(sockaddr_un::sun_path));
  EXPECT_EQ(one, store.Pod(prefix + "1").paths().run_dir);
  EXPECT_THAT(store.Pod(std::string(32, 'y')).paths().run_dir, HasSubstr("-" + std::string(32, 'y')));
  EXPECT_LE(one.size(), store.Pod(std::string(32, 'y')).paths().run_dir.size());
}

TEST_F(StoreTest, Open_VeryLongRoot_Works) {
  std::string root = dir_.path();
  for (int i = 0; i < 10; ++i) root += "/" + std::string(200, static_cast<char>('a' + i));
  const Result<Store> store = Store::Open(root, run_);
  ASSERT_TRUE(store) << store.error().ToString();
  ASSERT_TRUE(store->CreatePod(Pod("web")));
  EXPECT_EQ(store->Pod("web").LoadContainer("b")->rootfs, "/srv/b");
  EXPECT_LT((store->Pod("web").paths().monitor_socket()).size(), sizeof(sockaddr_un::sun_path));
  EXPECT_TRUE(store->RemovePod("web"));
  // And one that no kernel takes is an error.
  const Result<Store> longer = Store::Open("/" + std::string(5000, 'x'), run_);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code(), Code::kInvalidArgument);
}

TEST_F(StoreTest, Open_RootIsNotDirectory_FailsAndNamesRoot) {
  const std::string file = dir_.Write("file");
  for (const std::string& root : {file, file + "/below"}) {
    const Result<Store> store = Store::Open(root, run_);
    ASSERT_FALSE(store) << root;
    EXPECT_EQ(store.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(store.error().ToString(), HasSubstr("open root directory '" + root + "'"));
  }
  EXPECT_FALSE(Store::Open("/proc/virtcontainers", run_));
  for (const char* path : {"", "relative/root"}) {
    EXPECT_EQ(Store::Open(path, run_).error().code(), Code::kInvalidArgument) << path;
    EXPECT_EQ(Store::Open(root_, path).error().code(), Code::kInvalidArgument) << path;
  }
}

TEST_F(StoreTest, Open_RootNotWritable_IsPermissionDenied) {
  fs::permissions(dir_.path(), fs::perms::all);
  const auto code_of = [&](const std::string& root) {
    const Result<Store> store = Store::Open(root, run_);
    return store ? 0 : static_cast<int>(store.error().code());
  };
  // Root may write everywhere: it is tried as nobody.
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(99);
    ::mkdir((dir_ / "readonly").c_str(), 0500);
    const int denied = static_cast<int>(Code::kPermissionDenied);
    if (code_of(dir_ / "readonly") != denied) ::_exit(1);
    if (code_of(dir_ / "readonly/below") != denied) ::_exit(2);
    ::mkdir((dir_ / "opened").c_str(), 0700);
    if (code_of(dir_ / "opened") != 0) ::_exit(3);
    ::chmod((dir_ / "opened/pods").c_str(), 0500);
    ::_exit(code_of(dir_ / "opened") == denied ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 99) GTEST_SKIP() << "cannot become another user";
  EXPECT_EQ(WEXITSTATUS(status), 0);
  fs::permissions(dir_ / "readonly", fs::perms::owner_all);
  fs::permissions(dir_ / "opened/pods", fs::perms::owner_all);
}

// `gc` removed what links in the trash, and in the place of the trash, led to.
TEST_F(StoreTest, Open_SymlinksInTrash_LeavesTargetsUntouched) {
  dir_.Write("precious/web.999999999.5.0/file", "kept");
  for (const std::string& link : {root_ + "/trash", root_ + "/trash/web.999999999.5.0"}) {
    fs::remove_all(link);
    fs::create_directories(fs::path(link).parent_path());
    ASSERT_EQ(::symlink((dir_ / "precious").c_str(), link.c_str()), 0);
    const Result<Store> store = Store::Open(root_, run_);
    ASSERT_TRUE(store) << store.error().ToString();
    EXPECT_EQ(TestDirectory::Read(dir_ / "precious/web.999999999.5.0/file"), "kept");
    EXPECT_TRUE(fs::is_empty(root_ + "/trash"));
    EXPECT_TRUE(store->CreatePod(SmallPod("web")));
    EXPECT_TRUE(store->RemovePod("web"));
    fs::remove_all(root_ + "/trash");
  }
  fs::remove_all(root_ + "/pods");
  ASSERT_EQ(::symlink((dir_ / "precious").c_str(), (root_ + "/pods").c_str()), 0);
  const Result<Store> store = Store::Open(root_, run_);
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().ToString(), HasSubstr("/pods' is a symbolic link: move the directory"));
}

TEST_F(StoreTest, Open_DirectoryWritableByOthers_IsPermissionDenied) {
  ASSERT_EQ(::mkdir(run_.c_str(), 0700), 0);
  for (const std::string& directory : {root_, run_, root_ + "/pods", root_ + "/trash"}) {
    ASSERT_EQ(::chmod(directory.c_str(), 0777), 0);
    const Result<Store> store = Store::Open(root_, run_);
    ASSERT_FALSE(store) << directory;
    EXPECT_EQ(store.error().code(), Code::kPermissionDenied);
    EXPECT_THAT(store.error().ToString(), HasSubstr("'" + directory + "' can be written by others"));
    ASSERT_EQ(::chmod(directory.c_str(), 0755), 0);
    EXPECT_TRUE(Store::Open(root_, run_)) << "others may look";
  }
}

TEST_F(StoreTest, Open_RootOwnedByAnotherUser_IsPermissionDenied) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  ASSERT_EQ(::chown(root_.c_str(), 12345, 12345), 0);
  const Result<Store> store = Store::Open(root_, run_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code(), Code::kPermissionDenied);
  EXPECT_THAT(store.error().ToString(),
              HasSubstr("belongs to user 12345: choose another, or run as its owner"));
  ASSERT_EQ(::chown(root_.c_str(), 0, 0), 0);
}

TEST_F(StoreTest, LoadConfig_CopiedPod_IsDataLoss) {
  ASSERT_TRUE(store_.CreatePod(Pod("web")));
  fs::copy(root_ + "/pods/web", root_ + "/pods/web2", fs::copy_options::recursive);
  EXPECT_THAT(store_.Pod("web2").LoadConfig().error().ToString(),
              HasSubstr("config.json' cannot be read: 'id' is 'web', and this is 'web2'"));
  fs::copy(root_ + "/pods/web/containers/a.json", root_ + "/pods/web/containers/c.json");
  EXPECT_EQ(store_.Pod("web").LoadContainer("c").error().code(), Code::kDataLoss);
}

TEST_F(StoreTest, LoadRecord_StateFileMissing_IsDataLoss) {
  ASSERT_TRUE(store_.CreatePod(Pod("web")));
  const PodFiles pod = store_.Pod("web");
  fs::remove(pod.paths().state());
  fs::remove(pod.paths().config());
  for (const Error& error : {pod.LoadRecord().error(), pod.LoadConfig().error()}) {
    EXPECT_EQ(error.code(), Code::kDataLoss);
    EXPECT_THAT(error.ToString(), HasSubstr(".json' cannot be read: it is missing: restore the file"));
  }
  ASSERT_TRUE(RemoveTree(pod.paths().dir));
  EXPECT_EQ(pod.LoadRecord().error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace virtcontainers
