// Root file systems and volumes as containers see them, on a real VM.

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "fixture.h"

namespace virtcontainers::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class FileSystemsTest : public SharedPodTest<FileSystemsTest> {
 public:
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("one", {"sleep", "100000"})};
    return pod;
  }

 protected:
  static Mount Volume(const std::string& source, const std::string& destination, bool readonly = false) {
    return {destination, "bind", source, {"rbind", readonly ? "ro" : "rw"}};
  }

  std::string MakeVolume(const std::string& name) {
    const std::string path = dir() + "/" + name;
    ::mkdir(path.c_str(), 0755);
    return path;
  }

  // How many files of a device the virtiofsd of these tests has open.
  int DescriptorsOn(dev_t device) const {
    int count = 0;
    std::error_code error;
    for (const auto& process : fs::directory_iterator("/proc", error)) {
      const std::string line = FileContent(process.path().string() + "/cmdline");
      if (line.find("virtiofsd") == std::string::npos || line.find(dir()) == std::string::npos) continue;
      for (const auto& fd : fs::directory_iterator(process.path().string() + "/fd", error)) {
        struct stat found {};
        if (::stat(fd.path().c_str(), &found) == 0 && found.st_dev == device) ++count;
      }
    }
    return count;
  }

  void Run(const ContainerConfig& config) {
    ASSERT_OK(runtime().CreateContainer(kPod, config));
    ASSERT_OK(runtime().StartContainer(kPod, config.id));
  }

  // A container whose root file system has file_probe.
  ContainerConfig WithProbe(const std::string& id) {
    const std::string rootfs = MakeRootfs(id);
    fs::copy_file(VIRTCONTAINERS_FILE_PROBE, rootfs + "/bin/file_probe",
                  fs::copy_options::overwrite_existing);
    return Container(id);
  }

  static ProcessConfig Probe(const std::string& command, const std::string& path,
                             const std::string& argument = "") {
    return Command({"file_probe", command, path, argument});
  }

  // Two containers, "first" and "second", with one new volume at /data.
  std::string StartTwo(const std::string& volume) {
    const std::string data = MakeVolume(volume);
    for (const char* id : {"first", "second"}) {
      ContainerConfig config = WithProbe(id);
      config.mounts = {Volume(data, "/data")};
      Run(config);
    }
    return data;
  }

  void RemoveTwo() {
    for (const char* id : {"first", "second"}) Remove(id);
  }

  static bool Appears(const std::string& path) {
    return Eventually([&] { return fs::exists(path); });
  }

  void Remove(const std::string& container) {
    EXPECT_OK(runtime().StopContainer(kPod, container, milliseconds(0)));
    EXPECT_OK(runtime().DeleteContainer(kPod, container));
  }
};

TEST_F(FileSystemsTest, CreateContainer_UnderAUsedId_ShowsItsOwnRootAndVolumes) {
  const std::string roots[] = {MakeRootfs("root-0"), MakeRootfs("root-1")};
  const std::string volumes[] = {MakeVolume("data-0"), MakeVolume("data-1")};
  ContainerConfig db = Container("db");
  for (int round = 0; round < 6; ++round) {
    const int which = round % 2;
    const std::string text = "round " + std::to_string(round) + "\n";
    db.rootfs = roots[which];
    db.mounts = {Volume(volumes[which], "/data")};
    db.process = Shell("echo round " + std::to_string(round) + " | tee /root-says >/data/says; sleep 100000");
    Run(db);
    ASSERT_TRUE(Eventually([&] { return FileContent(volumes[which] + "/says") == text; }))
        << "round " << round << " has written to '" << FileContent(volumes[0] + "/says") << "' and '"
        << FileContent(volumes[1] + "/says") << "'";
    EXPECT_TRUE(Eventually([&] { return FileContent(roots[which] + "/root-says") == text; })) << round;
    Remove("db");
  }
}

TEST_F(FileSystemsTest, DeleteContainer_LetsGoOfItsVolumes) {
  const std::string data = MakeVolume("released");
  ASSERT_EQ(::mount("released", data.c_str(), "tmpfs", 0, nullptr), 0);
  struct stat mounted {};
  ASSERT_EQ(::stat(data.c_str(), &mounted), 0);
  WriteTo(data + "/file", "text");
  ContainerConfig reader = Container("reader", {"sh", "-c", "cat /data/file >/seen; sleep 100000"});
  MakeRootfs("reader");
  reader.mounts = {Volume(data, "/data")};
  Run(reader);
  EXPECT_TRUE(Eventually([&] { return FileContent(reader.rootfs + "/seen") == "text"; }));
  EXPECT_GT(DescriptorsOn(mounted.st_dev), 0) << "virtiofsd is not found";
  Remove("reader");
  EXPECT_TRUE(Eventually([&] { return DescriptorsOn(mounted.st_dev) == 0; }))
      << "virtiofsd keeps the volume's file system busy";
  EXPECT_EQ(::umount(data.c_str()), 0);
}

TEST_F(FileSystemsTest, LocksOfOneContainer_AreSeenByAnotherOfItsVolume) {
  const std::string data = StartTwo("locks");
  for (const std::string kind : {"flock", "lock"}) {
    WriteTo(data + "/" + kind, "");
    const auto holder = runtime().EnterContainer(kPod, "first", Probe("hold-" + kind, "/data/" + kind));
    ASSERT_OK(holder);
    ASSERT_TRUE(Appears(data + "/" + kind + ".held"));
    EXPECT_EQ(Enter("second", Probe("try-" + kind, "/data/" + kind)).code, 1) << "both have the " << kind;
    EXPECT_OK((*holder)->Signal(SIGKILL));
    EXPECT_OK((*holder)->Wait());
    EXPECT_EQ(Enter("second", Probe("try-" + kind, "/data/" + kind)).code, 0) << kind;
  }
  RemoveTwo();
}

TEST_F(FileSystemsTest, MappedPagesOfOneContainer_AreThoseOfAnotherOfItsVolume) {
  const std::string data = StartTwo("mapped");
  WriteTo(data + "/file", "old");
  const auto waiter = runtime().EnterContainer(kPod, "second", Probe("map-wait", "/data/file", "x"));
  ASSERT_OK(waiter);
  ASSERT_TRUE(Appears(data + "/file.mapped"));
  const auto writer = runtime().EnterContainer(kPod, "first", Probe("map-store", "/data/file", "x"));
  ASSERT_OK(writer);
  const auto seen = (*waiter)->Wait(Deadline::After(std::chrono::seconds(20)));
  EXPECT_TRUE(seen && seen->code == 0) << "what one stores is not in the other's mapping";
  RemoveTwo();
}

TEST_F(FileSystemsTest, AVolumeOfTwo_StaysOneFileSystemWhenItsFirstUserIsMadeAnew) {
  const std::string data = StartTwo("kept");
  WriteTo(data + "/file", "");
  Remove("first");
  ContainerConfig again = WithProbe("first");
  again.mounts = {Volume(data, "/data")};
  Run(again);
  const auto holder = runtime().EnterContainer(kPod, "first", Probe("hold-flock", "/data/file"));
  ASSERT_OK(holder);
  ASSERT_TRUE(Appears(data + "/file.held"));
  EXPECT_EQ(Enter("second", Probe("try-flock", "/data/file")).code, 1);
  EXPECT_EQ(Enter("second", Shell("stat -c %d /data")).out, Enter("first", Shell("stat -c %d /data")).out);
  RemoveTwo();
}

TEST_F(FileSystemsTest, Truncation_ByAnotherUser_TakesTheSetUserIdBitAway) {
  const std::string data = StartTwo("bits");
  WriteTo(data + "/tool", "program");
  ASSERT_EQ(::chmod((data + "/tool").c_str(), 06777), 0);
  EXPECT_EQ(Enter("first", Probe("truncate-as-other", "/data/tool")).code, 0);
  struct stat after {};
  ASSERT_EQ(::stat((data + "/tool").c_str(), &after), 0);
  EXPECT_EQ(after.st_size, 0);
  EXPECT_EQ(after.st_mode & 07777, 0777u) << "it still runs as its owner, with another user's content";
  RemoveTwo();
}

TEST_F(FileSystemsTest, AccessControlList_IsRefusedAndNotStoredUnobeyed) {
  const std::string data = StartTwo("lists");
  WriteTo(data + "/secret", "x");
  ASSERT_EQ(::chmod((data + "/secret").c_str(), 0600), 0);
  EXPECT_EQ(Enter("first", Probe("set-acl", "/data/secret")).code, 1);
  struct stat after {};
  ASSERT_EQ(::stat((data + "/secret").c_str(), &after), 0);
  EXPECT_EQ(after.st_mode & 07777, 0600u) << "the list's mask has become the rights of the file's group";
  RemoveTwo();
}

}  // namespace
}  // namespace virtcontainers::test
