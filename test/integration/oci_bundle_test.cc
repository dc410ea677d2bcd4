// A bundle, run in a pod and by crun on the host: what a process can see of itself is the same.

#include <filesystem>
#include <iostream>
#include <sstream>

#include "base/json.h"
#include "integration/fixture.h"
#include "virtcontainers/oci.h"

namespace virtcontainers::test {
namespace {

namespace fs = std::filesystem;

// Prints lines of "name: value", with as few processes as can be: each takes its time under emulation.
constexpr char kFacts[] = R"sh(
say() { echo "$1: "$2; }
say user "$(id)"
say cwd "$(pwd)"
say hostname "$(cat /proc/sys/kernel/hostname)"
say umask "$(umask)"
say arguments "$(printf '[%s]' "$@")"
say environment "$(env | grep -v -e ^SHLVL -e ^PWD -e ^OLDPWD -e ^_ | sort)"
grep -E '^(Groups|NoNewPrivs|Cap|SigBlk|Seccomp)' /proc/self/status
say process "$$, of $PPID"
say nofile "$(ulimit -n), $(ulimit -Hn)"
say core "$(ulimit -c)"
say oom "$(cat /proc/self/oom_score_adj)"
say descriptors "$(echo /proc/self/fd/*)"
say mounts "$(awk '{ print $2, $3 }' /proc/self/mounts |
               grep -v -e '^/ ' -e ^/sys/fs/cgroup -e ^/proc/ -e ^/sys/firmware | sort)"
for place in /dev /dev/pts /dev/shm /dev/mqueue /proc /sys; do
  say "options of $place" "$(awk -v place=$place '$2 == place { print $4 }' /proc/self/mounts | tr , '\n' |
                             grep -x -e ro -e rw -e nosuid -e nodev -e noexec -e size=65536k -e ptmxmode=666 |
                             sort)"
done
say 'writes to /' "$( (: >/written) 2>&1 && echo allowed)"
say 'writes to /proc/sys' "$( (echo x >/proc/sys/kernel/domainname) 2>&1 && echo allowed)"
[ -s /proc/kcore ] || say kcore masked
read -r line </proc/timer_list || say timer_list masked
say firmware "$(echo /sys/firmware/*)"
say devices "$(echo /dev/*)"
say domainname "$(cat /proc/sys/kernel/domainname)"
say nodes "$(stat -c '%n %F %a %t:%T' /dev/null /dev/tty /dev/urandom)"
say urandom "$(stat -c '%a %u:%g' /dev/urandom)"
say links "$(readlink /dev/fd; readlink /dev/stdin; readlink /dev/ptmx)"
say network "$(echo /sys/class/net/*)"
exit 42
)sh";

using Facts = std::vector<std::pair<std::string, std::string>>;

Facts ParseFacts(const std::string& text) {
  Facts facts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || colon + 2 > line.size()) continue;
    facts.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  return facts;
}

std::string Short(const std::string& text) { return text.size() <= 44 ? text : text.substr(0, 41) + "..."; }

class OciBundleTest : public PodTest {
 protected:
  void SetUp() override {
    PodTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const Finished version = RunOnHost({"crun", "--version"});
    if (version.code != 0) GTEST_SKIP() << "crun is not installed: run `scripts/install-deps test`";
    spec_ = MakeSpec();
    spec_["process"]["args"] = {"true"};
    const std::string bundle = MakeBundle("try", spec_);
    // A host with cgroups of both versions is not crun's: it is shown those of version 1 alone, in a mount
    // namespace of its own.
    for (const char* preparation : {"", "umount /sys/fs/cgroup/unified && "}) {
      crun_ =
          std::string(preparation) + "exec crun --root \"$1\" --cgroup-manager=disabled run -b \"$2\" \"$3\"";
      const Finished tried = RunWithCrun(bundle, "try");
      if (tried.code == 0) return;
      reason_ = tried.err + tried.out;
    }
    GTEST_SKIP() << "crun cannot run a container on this host: " << reason_;
  }

  // What `crun spec` writes, without a terminal.
  Json MakeSpec() {
    const std::string folder = dir() + "/spec";
    fs::create_directory(folder);
    const Finished made = RunOnHost({"crun", "spec", "-b", folder});
    const Finished here =
        made.code == 0 ? made : RunOnHost({"sh", "-c", "cd \"$1\" && crun spec", "sh", folder});
    EXPECT_EQ(here.code, 0) << here.err;
    Result<Json> spec = ParseJson(FileContent(folder + "/config.json"));
    EXPECT_OK(spec);
    Json json = spec ? *spec : Json::object();
    json["process"]["terminal"] = false;
    return json;
  }

  // A bundle with a rootfs of its own.
  std::string MakeBundle(const std::string& name, const Json& spec) {
    const std::string bundle = dir() + "/" + name;
    fs::create_directory(bundle);
    fs::rename(MakeRootfs(name), bundle + "/rootfs");
    WriteTo(bundle + "/config.json", DumpJson(spec));
    return bundle;
  }

  Finished RunWithCrun(const std::string& bundle, const std::string& id) {
    return RunOnHost({"unshare", "-m", "sh", "-c", crun_, "sh", dir() + "/crun", bundle, id});
  }

  // Prints both columns, and expects them to be the same.
  static void Compare(const std::string& what, const Finished& pod, const Finished& crun) {
    EXPECT_EQ(crun.code, 42) << crun.err;
    EXPECT_EQ(pod.code, crun.code) << pod.err;
    EXPECT_EQ(pod.err, crun.err);
    const Facts in_pod = ParseFacts(pod.out), in_crun = ParseFacts(crun.out);
    EXPECT_GE(in_crun.size(), 25u) << crun.out;
    ASSERT_EQ(in_pod.size(), in_crun.size()) << pod.out;
    std::cout << "  " << what << "\n";
    const auto row = [](const char* mark, const std::string& name, const std::string& a,
                        const std::string& b) {
      std::string line = std::string("  ") + mark + " " + name;
      line.resize(std::max<size_t>(line.size(), 30), ' ');
      line += Short(a);
      line.resize(std::max<size_t>(line.size(), 76), ' ');
      std::cout << line << Short(b) << "\n";
    };
    row(" ", "", "in a pod", "by crun on the host");
    for (size_t i = 0; i < in_pod.size(); ++i) {
      const bool same = in_pod[i] == in_crun[i];
      row(same ? "=" : "!", in_crun[i].first, in_pod[i].second, in_crun[i].second);
      EXPECT_EQ(in_pod[i].second, in_crun[i].second) << in_crun[i].first;
    }
  }

  Json spec_;
  std::string crun_, reason_;
};

TEST_F(OciBundleTest, Process_OfBundle_SeesTheSameAsUnderCrun) {
  Json plain = spec_;
  plain["process"]["args"] = {"sh", "-c", kFacts, "sh", "two  words", "", "'quoted'"};

  Json changed = plain;
  changed["hostname"] = "elsewhere";
  changed["domainname"] = "example.org";
  changed["linux"]["devices"] = {{{"path", "/dev/urandom"},
                                  {"type", "c"},
                                  {"major", 1},
                                  {"minor", 9},
                                  {"fileMode", 0640},
                                  {"uid", 7},
                                  {"gid", 8}}};
  changed["root"]["readonly"] = false;
  Json& process = changed["process"];
  process["cwd"] = "/tmp";
  for (const char* variable : {"NAME=overridden", "OTHER=x", "NAME=a value"})
    process["env"].push_back(variable);
  // Where nothing says what it is, runtimes do not agree: crun sets none, runc sets "/", as is done here.
  process["env"].push_back("HOME=/tmp");
  process["user"] = {{"uid", 1000}, {"gid", 1001}, {"additionalGids", {10, 20}}};
  process["noNewPrivileges"] = false;
  process["oomScoreAdj"] = 100;
  process["rlimits"] = {{{"type", "RLIMIT_NOFILE"}, {"soft", 200}, {"hard", 300}},
                        {{"type", "RLIMIT_CORE"}, {"soft", 0}, {"hard", 0}}};
  for (const char* set : {"bounding", "permitted", "effective"})
    process["capabilities"][set] = {"CAP_CHOWN", "CAP_SETUID"};
  process["capabilities"]["ambient"] = Json::array();
  changed["mounts"].push_back({{"destination", "tmp"},
                               {"type", "tmpfs"},
                               {"source", "tmpfs"},
                               {"options", {"nosuid", "nodev", "mode=1777"}}});

  Json root = plain;
  root["hostname"] = "root";
  root["process"]["noNewPrivileges"] = false;
  root["process"]["user"] = {{"uid", 0}, {"gid", 0}};
  root["process"]["capabilities"] = {{"bounding", {"CAP_NET_ADMIN", "CAP_SYS_CHROOT", "CAP_KILL"}},
                                     {"permitted", {"CAP_NET_ADMIN", "CAP_KILL"}},
                                     {"effective", {"CAP_KILL"}},
                                     {"inheritable", {"CAP_KILL"}},
                                     {"ambient", {"CAP_KILL"}}};

  const std::pair<const char*, Json> bundles[] = {{"plain", plain}, {"changed", changed}, {"root", root}};
  PodConfig pod = Pod("p");
  std::map<std::string, Finished> expected;
  for (const auto& [name, spec] : bundles) {
    expected[name] = RunWithCrun(MakeBundle(std::string("host-") + name, spec), name);
    auto container = LoadOciBundle(MakeBundle(name, spec), name);
    ASSERT_OK(container);
    container->output = ContainerOutput::kAttach;
    pod.containers.push_back(*container);
  }
  ASSERT_OK(runtime().CreatePod(pod));
  ASSERT_OK(runtime().StartPod("p"));
  for (const auto& [name, spec] : bundles) {
    SCOPED_TRACE(name);
    Compare(name, Finish(runtime().AttachContainer("p", name)), expected[name]);
  }
  EXPECT_TRUE(fs::exists(dir() + "/changed/rootfs/bin")) << "its root could be written, by those who may";
}

}  // namespace
}  // namespace virtcontainers::test
