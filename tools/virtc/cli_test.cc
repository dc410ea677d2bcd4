#include "cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "config_options.h"
#include "exit_status.h"

namespace virtc {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using virtcontainers::Accelerator;
using virtcontainers::Bytes;
using virtcontainers::Code;
using virtcontainers::Error;

std::string UsageOf(const std::vector<std::string>& arguments) {
  const auto parsed = ParseArguments(arguments);
  return parsed ? "accepted" : parsed.error().error.message() + " | " + parsed.error().help;
}

std::string HelpOf(const std::vector<std::string>& arguments) {
  const auto parsed = ParseArguments(arguments);
  return parsed ? parsed->help : "refused: " + parsed.error().error.message();
}

TEST(Arguments, FindTheCommandAndItsOptionsOnEitherSide) {
  const auto before = ParseArguments({"--root", "/r", "--format", "json", "pod", "list"});
  ASSERT_TRUE(before);
  EXPECT_EQ(before->entry->name, "pod list");
  EXPECT_EQ(before->globals.root, "/r");
  EXPECT_EQ(before->format, Format::kJson);

  const auto after = ParseArguments({"pod", "list", "--root=/r", "--format=json"});
  ASSERT_TRUE(after);
  EXPECT_EQ(after->globals.root, "/r");
  EXPECT_EQ(after->format, Format::kJson);
}

TEST(Arguments, ACommandToRunIsTakenAsItIs) {
  EXPECT_EQ(UsageOf({"pod", "enter", "web", "--", "pod", "--help", "--", "-x", "[a,b]", ""}), "accepted");
  EXPECT_EQ(UsageOf({"run", "--rootfs", "/", "--", "--format", "xml"}), "accepted");
}

TEST(Arguments, WhatWasMistypedIsNamedWithWhatWasMeant) {
  EXPECT_EQ(UsageOf({}), "no command given | virtc --help");
  EXPECT_EQ(UsageOf({"pdo"}), "unknown command 'pdo': did you mean 'pod'? | virtc --help");
  EXPECT_EQ(UsageOf({"list"}), "unknown command 'list': did you mean 'pod list'? | virtc --help");
  EXPECT_EQ(UsageOf({"pod"}), "'virtc pod' needs a command | virtc pod --help");
  EXPECT_EQ(UsageOf({"pod", "craete"}),
            "unknown command 'pod craete': did you mean 'pod create'? | virtc pod --help");
  EXPECT_EQ(UsageOf({"pod", "exec", "web"}),
            "unknown command 'pod exec': did you mean 'pod enter'? | virtc pod --help");
  EXPECT_EQ(UsageOf({"container", "rm"}),
            "unknown command 'container rm': did you mean 'container delete'? | virtc container --help");
  EXPECT_EQ(UsageOf({"frobnicate"}), "unknown command 'frobnicate' | virtc --help");
  EXPECT_EQ(UsageOf({"--fromat", "json", "pod", "list"}),
            "unknown option '--fromat': did you mean '--format'? | virtc --help");
  EXPECT_EQ(UsageOf({"pod", "create", "web", "--memroy=1G"}),
            "unknown option '--memroy': did you mean '--memory'? | virtc pod create --help");
  EXPECT_EQ(UsageOf({"pod", "list", "web"}), "unexpected argument 'web' | virtc pod list --help");
  EXPECT_EQ(UsageOf({"pod", "enter", "web", "ls"}),
            "unexpected argument 'ls': a command to run comes after '--' | virtc pod enter --help");
  EXPECT_EQ(UsageOf({"pod", "start"}), "POD is missing | virtc pod start --help");
  EXPECT_EQ(UsageOf({"pod", "create", "web", "--memory"}),
            "option '--memory' needs a value | virtc pod create --help");
  EXPECT_EQ(UsageOf({"--root"}), "option '--root' needs a value | virtc --help");
  EXPECT_EQ(UsageOf({"--format", "xml", "pod", "list"}),
            "--format 'xml' is not one of: table, json | virtc --help");
}

TEST(Arguments, ACommandToRunWhereItBelongs) {
  EXPECT_EQ(UsageOf({"pod", "enter", "web"}),
            "no command to run: write it after '--' | virtc pod enter --help");
  EXPECT_EQ(UsageOf({"pod", "enter", "web", "--"}),
            "the command after '--' is empty | virtc pod enter --help");
  EXPECT_EQ(UsageOf({"pod", "enter", "web", "--", ""}),
            "the command after '--' is empty | virtc pod enter --help");
  EXPECT_EQ(UsageOf({"pod", "stop", "web", "--", "ls"}),
            "'virtc pod stop' runs no command: leave out '--' and what follows | virtc pod stop --help");
  EXPECT_THAT(UsageOf({"run", "--rootfs", "/"}), StartsWith("no command for the container"));
  EXPECT_THAT(UsageOf({"run", "--", "ls"}), StartsWith("no root file system for the container"));
  EXPECT_THAT(UsageOf({"run", "--rootfs", "/", "--bundle", "/", "--", "ls"}),
              StartsWith("--rootfs and --bundle"));
  EXPECT_THAT(UsageOf({"pod", "create", "web", "--", "ls"}), StartsWith("no root file system"));
  EXPECT_THAT(UsageOf({"pod", "create"}), StartsWith("no pod named"));
  EXPECT_THAT(UsageOf({"pod", "create", "a", "--id", "b"}),
              StartsWith("two ids for one pod: 'a' and --id 'b'"));
}

TEST(Arguments, ValuesThatAreWrong) {
  EXPECT_THAT(UsageOf({"pod", "create", "web", "--memory", "256"}), StartsWith("--memory '256' has no unit"));
  EXPECT_THAT(UsageOf({"pod", "create", "web", "--cpus", "two"}), StartsWith("--cpus 'two' is not a number"));
  EXPECT_THAT(UsageOf({"pod", "create", "web", "--machine", "pc"}),
              StartsWith("--machine 'pc' is not one of"));
  EXPECT_THAT(UsageOf({"pod", "enter", "web", "--cwd", "tmp", "--", "ls"}),
              StartsWith("--cwd 'tmp' is not absolute"));
  EXPECT_THAT(UsageOf({"pod", "enter", "web", "--user", "bob", "--", "ls"}), StartsWith("--user 'bob'"));
  EXPECT_THAT(UsageOf({"pod", "stop", "web", "--time", "soon"}), StartsWith("--time 'soon'"));
  EXPECT_THAT(UsageOf({"container", "kill", "web", "db", "--signal", "TREM"}),
              StartsWith("--signal 'TREM' is no signal"));
  EXPECT_THAT(UsageOf({"container", "update", "web", "db"}), StartsWith("nothing to change"));
  EXPECT_THAT(UsageOf({"container", "update", "web", "db", "--memory", "64"}),
              StartsWith("--memory '64' has no unit"));
  EXPECT_THAT(UsageOf({"container", "cp", "web", "db", "x", "tmp/x"}),
              StartsWith("destination 'tmp/x' is not absolute"));
  EXPECT_THAT(UsageOf({"container", "cp", "web", "db", "x", "/x", "--mode", "rw"}),
              StartsWith("--mode 'rw'"));
  EXPECT_THAT(UsageOf({"container", "logs", "web", "db", "--tail", "few"}), StartsWith("--tail 'few'"));
  EXPECT_THAT(UsageOf({"container", "stats", "web", "db", "--watch", "0"}), StartsWith("--watch '0'"));
  EXPECT_THAT(UsageOf({"events", "--after", "yesterday"}), StartsWith("--after 'yesterday'"));
}

TEST(Help, EveryCommandHasAnExampleThatIsAccepted) {
  std::set<std::string_view> names;
  for (const CommandEntry& entry : Commands()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    std::vector<std::string> arguments;
    std::string name(entry.name);
    for (size_t space; (space = name.find(' ')) != std::string::npos; name.erase(0, space + 1))
      arguments.push_back(name.substr(0, space));
    arguments.push_back(name);
    arguments.push_back("--help");
    const std::string help = HelpOf(arguments);
    EXPECT_THAT(help, HasSubstr("usage: virtc " + std::string(entry.name)));
    EXPECT_THAT(help, HasSubstr("Example:\n  "));

    std::string_view rest = entry.example;
    while (!rest.empty()) {
      std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      if (line.find(" -it ") != std::string_view::npos) continue;  // refused where the tests have no terminal
      if (const size_t pipe = line.find("| "); pipe != std::string_view::npos) line.remove_prefix(pipe + 2);
      ASSERT_TRUE(line.starts_with("virtc ")) << line;
      std::vector<std::string> words;
      std::string text(line.substr(6));
      for (size_t space; (space = text.find(' ')) != std::string::npos; text.erase(0, space + 1))
        words.push_back(text.substr(0, space));
      words.push_back(text);
      EXPECT_EQ(UsageOf(words), "accepted") << line;
    }
  }
}

TEST(Help, IsFoundWhereverItIsAskedFor) {
  EXPECT_THAT(HelpOf({"--help"}), HasSubstr("Commands:\n  run "));
  EXPECT_THAT(HelpOf({"help"}), HasSubstr("Commands:\n  run "));
  EXPECT_THAT(HelpOf({"pod", "--help"}), HasSubstr("  pod create "));
  EXPECT_THAT(HelpOf({"help", "pod"}), HasSubstr("  pod create "));
  EXPECT_THAT(HelpOf({"help", "pod", "create"}), StartsWith("virtc pod create: "));
  EXPECT_THAT(HelpOf({"pod", "start", "-h"}), StartsWith("virtc pod start: "));
  EXPECT_THAT(HelpOf({"--format", "json", "pod", "start", "--help"}), StartsWith("virtc pod start: "));
}

TEST(PodOptions, BecomeAConfiguration) {
  PodOptions options;
  options.id = "web";
  options.memory = "1G";
  options.cpus = "3";
  options.machine = "microvm";
  options.accelerator = "tcg";
  options.kernel = "/boot/vmlinux";
  options.hypervisor = "mock";
  options.agent = "noop";
  options.hostname = "h";
  options.kernel_parameters = {"a", "b=c"};
  options.annotations = {"x=y", "x=z"};
  options.debug = true;
  const auto config = options.Config();
  ASSERT_TRUE(config);
  EXPECT_EQ(config->id, "web");
  EXPECT_EQ(config->hostname, "h");
  EXPECT_EQ(config->resources.memory, Bytes::MiB(1024));
  EXPECT_EQ(config->resources.vcpus, 3u);
  EXPECT_EQ(config->hypervisor.type, "mock");
  EXPECT_EQ(config->hypervisor.machine, "microvm");
  EXPECT_EQ(config->hypervisor.accelerator, Accelerator::kTcg);
  EXPECT_EQ(config->hypervisor.kernel, "/boot/vmlinux");
  EXPECT_TRUE(config->hypervisor.debug);
  EXPECT_EQ(config->agent.type, "noop");
  EXPECT_THAT(config->hypervisor.kernel_parameters, ElementsAre("a", "b=c"));
  EXPECT_EQ(config->annotations.at("x"), "z");
}

TEST(PodOptions, WhatIsNotTypedIsTheLibrarysDefault) {
  const auto config = PodOptions().Config();
  ASSERT_TRUE(config);
  const virtcontainers::PodConfig defaults;
  EXPECT_EQ(config->resources.memory, defaults.resources.memory);
  EXPECT_EQ(config->resources.vcpus, defaults.resources.vcpus);
  EXPECT_EQ(config->hypervisor.type, defaults.hypervisor.type);
  EXPECT_EQ(config->hypervisor.kernel, "");
}

TEST(ContainerOptions, BecomeAConfiguration) {
  ContainerOptions options;
  options.rootfs = "some/../rootfs/";
  options.readonly = true;
  options.process.env = {"A=1", "A=2", "B=3"};
  options.process.cwd = "/tmp";
  options.process.user = "1:2";
  const CommandWords words = std::vector<std::string>{"sh", "-c", "echo  two  spaces"};
  ASSERT_TRUE(options.Check(words));
  const auto config = options.Config(words);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->id, kDefaultContainer);
  EXPECT_THAT(config->rootfs, StartsWith("/"));
  EXPECT_THAT(config->rootfs, EndsWith("/rootfs"));
  EXPECT_TRUE(config->readonly_rootfs);
  EXPECT_THAT(config->process.args, ElementsAre("sh", "-c", "echo  two  spaces"));
  EXPECT_THAT(config->process.env, ElementsAre("A=2", "B=3"));
  EXPECT_EQ(config->process.cwd, "/tmp");
  EXPECT_EQ(config->process.user.uid, 1u);
  EXPECT_EQ(config->process.user.gid, 2u);
}

TEST(ContainerOptions, AFileSystemsRootStaysOne) {
  ContainerOptions options;
  options.rootfs = "/";
  EXPECT_EQ(options.Config(std::vector<std::string>{"ls"})->rootfs, "/");
}

TEST(ExitStatus, TellsACommandFromEverythingElse) {
  const std::vector<std::string> programs = {"frob"};
  EXPECT_EQ(ExitStatusOf(Error(Code::kNotFound, "'frob' is not in the root file system"), programs), 127);
  EXPECT_EQ(ExitStatusOf(Error(Code::kPermissionDenied, "execute '/bin/frob': permission denied"), programs),
            126);
  EXPECT_EQ(ExitStatusOf(Error(Code::kNotFound, "pod 'web' is not there"), programs), 125);
  EXPECT_EQ(ExitStatusOf(Error(Code::kNotFound, "'qemu-system-x86_64' is not there"), programs), 125);
  EXPECT_EQ(ExitStatusOf(Error(Code::kInternal, "'frob' broke"), programs), 125);
  EXPECT_EQ(ExitStatusOf(Error(Code::kNotFound, "''"), {""}), 125);
}

}  // namespace
}  // namespace virtc
