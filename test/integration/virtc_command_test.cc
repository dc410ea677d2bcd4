// virtc, as a person and a script use it.

#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <sstream>

#include "base/json.h"
#include "integration/fixture.h"

namespace virtcontainers::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

namespace fs = std::filesystem;

class VirtcTest : public PodTest {
 protected:
  Json ParseOutput(const std::string& text) {
    Result<Json> json = ParseJson(text);
    EXPECT_OK(json);
    return json ? *json : Json();
  }

  // The table's rows, in words.
  static std::vector<std::vector<std::string>> Rows(const std::string& table) {
    std::vector<std::vector<std::string>> rows;
    std::istringstream lines(table);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      rows.emplace_back();
      for (std::string word; words >> word;) rows.back().push_back(word);
    }
    return rows;
  }

  void ExpectNothingIsLeft() {
    EXPECT_EQ(runtime().ListPod()->size(), 0u);
    EXPECT_TRUE(Eventually([&] { return ProcessesLeft().empty(); }))
        << testing::PrintToString(ProcessesLeft());
    EXPECT_TRUE(!fs::exists(run()) || fs::is_empty(run()));
  }
};

// ---- virtc run

TEST_F(VirtcTest, Run_WithInput_PassesOutputAndExitStatusOn) {
  const Finished ran = Virtc(
      {"run", "--rm", "-i", "--rootfs", MakeRootfs("r"), "-e", "GREETING=good day", "--cwd", "/etc", "--user",
       "12:34", "--", "sh", "-c", "echo \"$GREETING\"; pwd; id -u; id -g; cat; echo trouble >&2; exit 7"},
      "what was piped in\n");
  EXPECT_EQ(ran.out, "good day\n/etc\n12\n34\nwhat was piped in\n");
  EXPECT_EQ(ran.err, "trouble\n") << "and no progress, where no terminal is";
  EXPECT_EQ(ran.code, 7);
  ExpectNothingIsLeft();
}

TEST_F(VirtcTest, Run_WithoutRm_KeepsPodAndItsReason) {
  // A first process cannot kill itself, so that another does.
  auto stopped = std::async(std::launch::async, [&] {
    EXPECT_TRUE(Eventually([&] {
      const auto status = runtime().ContainerStatus("kept", "main");
      return status && status->state == ContainerState::kRunning;
    }));
    return Virtc({"container", "stop", "kept", "main", "--time", "0"});
  });
  const Finished ran = Virtc({"run", "--id", "kept", "--rootfs", MakeRootfs("r"), "--", "sleep", "1000"});
  EXPECT_EQ(stopped.get().code, 0);
  EXPECT_EQ(ran.code, 137) << ran.err;
  EXPECT_EQ(StatusOf("kept").state, PodState::kStopped);
  EXPECT_EQ(StatusOf("kept", "main").exit, ExitStatus{137});
  EXPECT_EQ(Virtc({"pod", "delete", "kept"}).code, 0);
  ExpectNothingIsLeft();
}

TEST_F(VirtcTest, Run_SignalArrives_IsPassedOn) {
  // The command's output is heard once virtc listens to signals on its behalf.
  const std::string script =
      "fifo=$1; shift; mkfifo $fifo; \"$@\" >$fifo & exec 3<$fifo; read up <&3; kill -TERM $!; wait $!";
  std::vector<std::string> line = {"sh", "-c", script, "sh", dir() + "/fifo"};
  const auto virtc = host_->VirtcArguments({"run", "--rm", "--rootfs", MakeRootfs("r"), "--", "sh", "-c",
                                            "trap 'exit 44' TERM; echo up; sleep 1000 & wait"});
  line.insert(line.end(), virtc.begin(), virtc.end());
  const Finished ran = RunOnHost(line, host_->VirtcEnvironment());
  EXPECT_EQ(ran.code, 44) << ran.err;
  ExpectNothingIsLeft();
}

TEST_F(VirtcTest, Run_SignalArrivesDuringBoot_UndoesTheStart) {
  HostProcess virtc(host_->VirtcArguments(
                        {"run", "--rm", "--id", "told", "--rootfs", MakeRootfs("r"), "--", "sleep", "1000"}),
                    host_->VirtcEnvironment());
  EXPECT_TRUE(Eventually([&] { return fs::exists(root() + "/pods/told/monitor.log"); }));
  ASSERT_EQ(::kill(virtc.pid(), SIGTERM), 0);
  const Finished ran = virtc.Finish();
  EXPECT_EQ(ran.code, 143);
  EXPECT_THAT(ran.err, HasSubstr("undoing the start"));
  ExpectNothingIsLeft();
}

TEST_F(VirtcTest, Run_CommandOrVirtcFails_HasDifferentExitStatus) {
  const std::string rootfs = MakeRootfs("r");
  WriteTo(rootfs + "/plain", "no program");
  const auto run = [&](const std::string& program) {
    return Virtc({"run", "--rm", "--rootfs", rootfs, "--", program});
  };
  Finished ran = run("nonesuch");
  EXPECT_EQ(ran.code, 127);
  EXPECT_THAT(ran.err, AllOf(StartsWith("virtc: "), HasSubstr("'nonesuch'")));
  ran = run("/plain");
  EXPECT_EQ(ran.code, 126);
  EXPECT_THAT(ran.err, HasSubstr("'/plain'"));
  ran = Virtc({"run", "--rm", "--rootfs", rootfs, "--kernel", "/nonexistent", "--", "true"});
  EXPECT_EQ(ran.code, 125);
  EXPECT_THAT(ran.err, HasSubstr("kernel '/nonexistent' does not exist"));
  EXPECT_EQ(Virtc({"run", "--rm", "--", "true"}).code, 125);
  EXPECT_EQ(Virtc({"run", "--rm", "--rootfs", rootfs}).code, 125);
  ran = Virtc({"--format", "json", "run", "--rm", "--rootfs", rootfs + "/none", "--", "true"});
  EXPECT_EQ(ran.code, 125);
  const Json error = ParseOutput(ran.err);
  EXPECT_EQ(error.value("/error/code"_json_pointer, ""), "NOT_FOUND");
  EXPECT_THAT(error.value("/error/message"_json_pointer, ""), HasSubstr("none' does not exist"));
  ExpectNothingIsLeft();
}

// ---- the examples of the help, each as it is printed, on two pods

class VirtcExamples : public VirtcTest {
 protected:
  void SetUp() override {
    VirtcTest::SetUp();
    if (!host_) return;
    rootfs_ = MakeRootfs("rootfs");
    RunOnHost({"mkdir", "-p", dir() + "/work/bundle"});
    fs::create_directory_symlink(rootfs_, dir() + "/work/rootfs");
    WriteTo(
        dir() + "/work/bundle/config.json",
        R"({"ociVersion": "1.0.2", "process": {"args": ["sleep", "1000"], "cwd": "/"}, "root": {"path": ")" +
            rootfs_ + R"("}})");
  }

  // Runs a line of a shell's, in a directory with ./rootfs and ./bundle. It is an example of its command's
  // help.
  Finished Type(const std::string& line) {
    const size_t begin = line.find("virtc ");
    std::istringstream words(line.substr(begin + 6));
    std::string first, second, help;
    words >> first;
    while (first.starts_with("--")) words >> first >> first;
    words >> second;
    help = first == "pod" || first == "container" ? Virtc({first, second, "--help"}).out
                                                  : Virtc({first, "--help"}).out;
    EXPECT_THAT(help, HasSubstr("\n  " + line + "\n")) << "no example of its help";
    Finished finished = Shell(line);
    EXPECT_EQ(finished.code, 0) << line << ": " << finished.err;
    return finished;
  }

  Finished Shell(const std::string& line) {
    auto environment = host_->VirtcEnvironment();
    environment["VIRTCONTAINERS_ROOT"] = root();
    const std::string virtc = host_->VirtcArguments({})[0];
    environment["PATH"] = fs::path(virtc).parent_path().string() + ":" + std::getenv("PATH");
    return RunOnHost({"sh", "-c", "cd \"$1\" && " + line, "sh", dir() + "/work"}, environment);
  }

  std::string rootfs_;
};

TEST_F(VirtcExamples, Examples_OfHelp_Work) {
  const std::string guest_kernel = Type("virtc run --rootfs ./rootfs --rm uname -r").out;
  EXPECT_THAT(guest_kernel, Not(IsEmpty()));

  Type("virtc pod create web --container hello --rootfs ./rootfs echo hello");
  EXPECT_EQ(StatusOf("web", "hello").args, (std::vector<std::string>{"echo", "hello"}));
  EXPECT_EQ(Rows(Type("virtc pod list --running").out).size(), 1u) << "its head alone";
  Type("virtc pod delete web");
  Type("virtc pod create web --memory 256M --cpus 2");
  EXPECT_EQ(StatusOf("web").vcpus, 2u);
  Type("virtc container create web db --rootfs ./rootfs sleep 1000");
  const Json ready = ParseOutput(Type("virtc --format json pod list").out);
  ASSERT_TRUE(ready.is_array() && ready.size() == 1);
  EXPECT_EQ(ready[0].value("state", ""), "ready");
  EXPECT_TRUE(ready[0]["vm_pid"].is_null());

  EXPECT_EQ(Type("virtc pod start web").out, "web\n");
  const auto rows = Rows(Type("virtc pod list --running").out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0][0], "POD");
  EXPECT_THAT(rows[1], testing::IsSupersetOf({"web", "running", "qemu", "1"}));
  EXPECT_THAT(Type("virtc pod status web").out,
              AllOf(HasSubstr("2 vCPUs, 256 MiB"), HasSubstr("accelerator")));
  const PodStatus pod = StatusOf("web");
  const Json status = ParseOutput(Virtc({"--format", "json", "pod", "status", "web"}).out);
  EXPECT_EQ(status.value("id", ""), "web");
  EXPECT_EQ(status.value("state", ""), "running");
  EXPECT_EQ(status.value("accelerator", ""), pod.accelerator);
  EXPECT_EQ(status.value("accelerator_reason", ""), pod.accelerator_reason);
  EXPECT_EQ(status.value("sandbox", ""), pod.sandbox);
  EXPECT_EQ(status.value("vcpus", 0), 2);
  EXPECT_EQ(status.value("memory_bytes", 0), 256 << 20);
  EXPECT_EQ(status.value("vm_pid", 0), pod.vm_pid);
  EXPECT_EQ(status.value("console", ""), pod.console);
  EXPECT_EQ(status.value("/containers/0/id"_json_pointer, ""), "db");
  EXPECT_EQ(status.value("/containers/0/args"_json_pointer, Json()), (Json{"sleep", "1000"}));

  EXPECT_EQ(Type("virtc pod enter web uname -r").out, guest_kernel);
  EXPECT_THAT(Type("virtc container list web").out, HasSubstr("sleep 1000"));
  EXPECT_THAT(Type("virtc container status web db").out, HasSubstr("running"));
  EXPECT_THAT(Type("virtc container enter web db ps").out, HasSubstr("sleep 1000"));
  EXPECT_EQ(Type("echo hello | virtc container enter -i web db cat").out, "hello\n");
  EXPECT_EQ(Type("virtc container logs web db").out, "");
  WriteTo(dir() + "/work/hello", "#!/bin/sh\necho copied\n");
  Type("virtc container cp ./hello web/db:/tmp/hello --mode 0755");
  EXPECT_EQ(Virtc({"exec", "web/db", "/tmp/hello"}).out, "copied\n");
  EXPECT_EQ(Virtc({"exec", "web/db", "mkdir", "-p", "/var/log/deep"}).code, 0);
  Type("virtc container cp web/db:/var/log ./log-of-db");
  EXPECT_TRUE(fs::exists(dir() + "/work/log-of-db/deep"));

  // What is printed for a terminal, with a terminal.
  if (RunOnHost({"sh", "-c", "command -v script"}).code == 0) {
    EXPECT_THAT(Virtc({"pod", "enter", "--help"}).out, HasSubstr("  virtc pod enter -it web sh\n"));
    const Finished typed =
        Shell("script -qec \"virtc container enter -it web db -- sh -c 'tty; exit 5'\" /dev/null");
    EXPECT_THAT(typed.out, HasSubstr("/dev/pts/0\r\n"));
    EXPECT_EQ(typed.code, 5);
  }
  for (const int code : {0, 7, 255}) {
    EXPECT_EQ(
        Virtc({"container", "enter", "web", "db", "--", "sh", "-c", "exit " + std::to_string(code)}).code,
        code);
  }
  EXPECT_EQ(Virtc({"container", "enter", "web", "db", "--", "sh", "-c", "kill -9 $$"}).code, 137);
  EXPECT_EQ(Shell("virtc container enter web db -- yes | head -n 1").out, "y\n") << "a reader may leave";
  const Finished much =
      Virtc({"container", "enter", "web", "db", "--", "sh", "-c", "head -c 2000000 /dev/zero"});
  EXPECT_EQ(much.out.size(), 2'000'000u);
  const Finished refused = Virtc({"pod", "delete", "web"});
  EXPECT_EQ(refused.code, 125);
  EXPECT_THAT(refused.err, HasSubstr("stop it first: --force does that, too"));

  Type("virtc container stop web db --time 2");
  EXPECT_EQ(StatusOf("web", "db").state, ContainerState::kStopped);
  Type("virtc container start web db");
  EXPECT_EQ(StatusOf("web", "db").state, ContainerState::kRunning);
  Type("virtc container stop web db --time 2");
  const Json stopped = ParseOutput(Virtc({"--format", "json", "container", "status", "web", "db"}).out);
  EXPECT_EQ(stopped.value("state", ""), "stopped");
  EXPECT_EQ(stopped.value("exit_code", -1), 137);
  Type("virtc container delete web db");
  Type("virtc container create web db --bundle ./bundle");
  Type("virtc container start web db");
  EXPECT_EQ(StatusOf("web", "db").state, ContainerState::kRunning);
  Type("virtc pod stop web --time 10");
  EXPECT_EQ(StatusOf("web").state, PodState::kStopped);
  Type("virtc pod delete web");

  Type("virtc pod run web --rootfs ./rootfs sleep 1000");
  EXPECT_EQ(StatusOf("web").state, PodState::kRunning);
  Type("virtc pod delete --force web");

  // What a user of docker types, on a pod of one container.
  EXPECT_EQ(Type("virtc run --rootfs ./rootfs --name web -d sleep 1000").out, "web\n");
  EXPECT_THAT(Type("virtc exec web ps").out, HasSubstr("sleep 1000"));
  const auto containers = Rows(Virtc({"ps"}).out);
  ASSERT_EQ(containers.size(), 2u);
  EXPECT_THAT(containers[1], testing::IsSupersetOf({"web", "main", "running", "sleep", "1000"}));
  EXPECT_THAT(Virtc({"top", "web"}).out, HasSubstr("sleep 1000"));
  EXPECT_EQ(Virtc({"logs", "web"}).out, "");
  EXPECT_THAT(Virtc({"inspect", "web"}).out, HasSubstr("running"));
  EXPECT_EQ(Virtc({"kill", "-s", "KILL", "web"}).out, "main\n");
  EXPECT_EQ(Virtc({"wait", "web"}).out, "137\n");
  EXPECT_EQ(Virtc({"stop", "-t", "1", "web"}).code, 0);
  EXPECT_EQ(Virtc({"rm", "web"}).out, "web\n");
  Type("virtc version");
  ExpectNothingIsLeft();
}

// ---- without a VM

TEST_F(VirtcTest, Doctor_OnThisHost_ReportsEachRequirement) {
  const Finished table = Virtc({"doctor"});
  EXPECT_EQ(table.code, 0) << table.out;
  for (const char* what : {"kvm", "qemu", "virtiofsd", "vsock", "user network", "guest image", "monitor"}) {
    EXPECT_THAT(table.out, HasSubstr(std::string("\n") + what));
  }
  EXPECT_THAT(table.out, HasSubstr("pods can run on this host\n"));
  const Json json = ParseOutput(Virtc({"--format", "json", "doctor"}).out);
  EXPECT_TRUE(json.value("ready", false));
  for (const Json& check : json.value("checks", Json::array())) {
    EXPECT_THAT(check.value("state", ""), testing::AnyOf("ok", "optional"));
    EXPECT_THAT(check.value("detail", ""), Not(IsEmpty()));
  }

  // What is missing comes with the command that mends it.
  auto environment = host_->VirtcEnvironment();
  environment["VIRTCONTAINERS_GUEST"] = dir() + "/nowhere";
  environment["PATH"] = dir();
  const Finished lacking = RunOnHost(host_->VirtcArguments({"doctor"}), environment);
  EXPECT_EQ(lacking.code, 1);
  EXPECT_THAT(lacking.out,
              AllOf(HasSubstr("missing"), HasSubstr("make guest"),
                    HasSubstr("apt-get install qemu-system-x86"), HasSubstr("no pod can run on this host")));
}

TEST_F(VirtcTest, Help_OfEveryCommand_HasExample) {
  const Finished help = Virtc({"--help"});
  EXPECT_EQ(help.code, 0);
  std::istringstream lines(help.out);
  std::string line;
  while (std::getline(lines, line) && line != "Commands (and other names for them):") {
  }
  int commands = 0;
  while (std::getline(lines, line) && !line.empty()) {
    std::istringstream words(line);
    std::vector<std::string> arguments(1);
    words >> arguments[0];
    for (const char* group : {"pod", "container", "network", "route"}) {
      if (arguments[0] != group) continue;
      words >> arguments.emplace_back();
      break;
    }
    arguments.emplace_back("--help");
    const Finished one = Virtc(arguments);
    EXPECT_EQ(one.code, 0) << line;
    EXPECT_THAT(one.out, AllOf(StartsWith("virtc "), HasSubstr("usage: virtc "), HasSubstr("Example:\n  ")));
    ++commands;
  }
  EXPECT_GE(commands, 17);
}

TEST_F(VirtcTest, SeveralPods_OneOfThemUnknown_TheOthersAreDeleted) {
  for (const char* pod : {"a", "b", "c", "d"}) EXPECT_EQ(Virtc({"pod", "create", pod}).code, 0);
  const Json json = ParseOutput(Virtc({"--format", "json", "rm", "c", "d"}).out);
  ASSERT_TRUE(json.is_array() && json.size() == 2);
  EXPECT_EQ(json[1].value("id", ""), "d");
  const Finished deleted = Virtc({"rm", "a", "nobody", "b"});
  EXPECT_EQ(deleted.code, 125);
  EXPECT_EQ(deleted.out, "a\nb\n");
  EXPECT_THAT(deleted.err, HasSubstr("no pod 'nobody'"));
  EXPECT_EQ(runtime().ListPod()->size(), 0u);
}

TEST_F(VirtcTest, CommandLine_IsWrong_NamesTheMistake) {
  const std::pair<std::vector<std::string>, const char*> wrong[] = {
      {{"bogus"}, "unknown command 'bogus'"},
      {{"pod", "strat", "x"}, "did you mean 'pod start'"},
      {{"pod", "start"}, "missing"},
      {{"pod", "pause", "a", "b"}, "unexpected argument 'b'"},
      {{"pod", "list", "--runing"}, "did you mean '--running'"},
      {{"--format", "xml", "pod", "list"}, "'xml'"},
      {{"pod", "stop", "x", "--time", "soon"}, "'soon'"},
      {{"pod", "enter", "x"}, "no command to run"},
      {{"exec", "nobody", "true"}, "no pod 'nobody'"},
      {{"run", "alpine", "sh"}, "virtc has no images"},
      {{"run", "--rootfs", "/", "--bundle", "/", "--", "true"}, "give one of them"},
      {{"pod", "start", "nobody"}, "no pod 'nobody'"},
      {{"pod", "status", "nobody"}, "no pod 'nobody'"},
      {{"container", "status", "nobody", "nothing"}, "no pod 'nobody'"},
  };
  for (const auto& [arguments, why] : wrong) {
    const Finished finished = Virtc(arguments);
    EXPECT_EQ(finished.code, 125) << testing::PrintToString(arguments);
    EXPECT_EQ(finished.out, "");
    EXPECT_THAT(finished.err, AllOf(StartsWith("virtc: "), HasSubstr(why)));
  }
  EXPECT_EQ(runtime().ListPod()->size(), 0u);
}

}  // namespace
}  // namespace virtcontainers::test
