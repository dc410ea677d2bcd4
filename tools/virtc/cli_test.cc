#include "cli.h"

#include <fmt/format.h>
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
using virtcontainers::Reason;

std::string UsageOf(const std::vector<std::string>& arguments) {
  const auto parsed = ParseArguments(arguments);
  return parsed ? "accepted" : parsed.error().error.message() + " | " + parsed.error().help;
}

std::string HelpOf(const std::vector<std::string>& arguments) {
  const auto parsed = ParseArguments(arguments);
  return parsed ? parsed->help : "refused: " + parsed.error().error.message();
}

// The name of the command in the table.
std::string CommandOf(const std::vector<std::string>& arguments) {
  const auto parsed = ParseArguments(arguments);
  if (!parsed) return "refused: " + parsed.error().error.message();
  return std::string(parsed->entry->name);
}

TEST(Arguments, GlobalOptions_OnEitherSideOfTheCommand_AreFound) {
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

TEST(Arguments, CommandToRun_WithOrWithoutDashes_IsNotInterpreted) {
  EXPECT_EQ(UsageOf({"pod", "enter", "web", "--", "pod", "--help", "--", "-x", "[a,b]", ""}), "accepted");
  EXPECT_EQ(UsageOf({"pod", "enter", "web", "pod", "--help", "--", "-x", "[a,b]", ""}), "accepted");
  EXPECT_EQ(UsageOf({"run", "--rootfs", "/", "--", "--format", "xml"}), "accepted");
  EXPECT_EQ(UsageOf({"run", "--rootfs", "/", "ls", "--format", "xml"}), "accepted");
  EXPECT_EQ(UsageOf({"container", "create", "web", "db", "--rootfs=/", "sleep", "--help"}), "accepted");
}

TEST(Arguments, RootfsAfterTheCommand_IsRefusedWithTheReason) {
  EXPECT_THAT(
      UsageOf({"run", "sh", "--rootfs", "/r"}),
      StartsWith("no root file system for the container: give --rootfs DIR or --bundle DIR before the "
                 "command (after 'sh' it is the command's own option)"));
  EXPECT_THAT(UsageOf({"run", "/tmp", "sh"}), HasSubstr("did you mean --rootfs '/tmp'?"));
  EXPECT_THAT(UsageOf({"run", "alpine", "sh"}),
              HasSubstr("'alpine' is taken for the command: virtc has no images"));
}

TEST(Arguments, WordsOfOtherTools_AreAliases) {
  EXPECT_EQ(CommandOf({"ps"}), "container list");
  EXPECT_EQ(CommandOf({"ps", "-a"}), "container list");
  EXPECT_EQ(CommandOf({"container", "ls", "web"}), "container list");
  EXPECT_EQ(CommandOf({"ls", "-q"}), "pod list");
  EXPECT_EQ(CommandOf({"pods"}), "pod list");
  EXPECT_EQ(CommandOf({"pod", "ls"}), "pod list");
  EXPECT_EQ(CommandOf({"rm", "-f", "web"}), "pod delete");
  EXPECT_EQ(CommandOf({"stop", "-t", "2", "web"}), "pod stop");
  EXPECT_EQ(CommandOf({"stop", "-t", "2", "web", "shop"}), "pod stop");
  EXPECT_EQ(CommandOf({"inspect", "web"}), "pod status");
  EXPECT_EQ(CommandOf({"pod", "exec", "web", "ls"}), "pod enter");
  EXPECT_EQ(CommandOf({"container", "exec", "web", "db", "ls"}), "container enter");
  EXPECT_EQ(CommandOf({"exec", "web", "ls", "-l"}), "exec");
  EXPECT_EQ(CommandOf({"exec", "web/db", "ls", "-l"}), "exec");
  EXPECT_EQ(CommandOf({"logs", "-f", "web"}), "container logs");
  EXPECT_EQ(CommandOf({"kill", "-s", "HUP", "web/db"}), "container kill");
  EXPECT_EQ(CommandOf({"top", "web"}), "container top");
  EXPECT_EQ(CommandOf({"run", "-d", "--name", "web", "--rootfs", "/", "-m", "1G", "-w", "/tmp", "-u", "1:2",
                       "-l", "a=b", "sleep", "5"}),
            "run");
  EXPECT_EQ(CommandOf({"create", "--name", "web", "--rootfs", "/", "sleep", "5"}), "pod create");
}

TEST(Arguments, CommandNames_AreUnique) {
  std::set<std::string_view> names;
  for (const CommandEntry& entry : Commands()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    for (const std::string_view alias : entry.aliases) EXPECT_TRUE(names.insert(alias).second) << alias;
  }
}

TEST(Arguments, Mistyped_NamesTheWordAndWhatWasProbablyMeant) {
  EXPECT_EQ(UsageOf({"pdo"}), "unknown command 'pdo': did you mean 'pod'? | virtc --help");
  EXPECT_EQ(UsageOf({"list"}), "unknown command 'list': did you mean 'pod list'? | virtc --help");
  EXPECT_EQ(UsageOf({"enter", "web"}), "unknown command 'enter': did you mean 'exec'? | virtc --help");
  EXPECT_EQ(UsageOf({"pod", "craete"}),
            "unknown command 'pod craete': did you mean 'pod create'? | virtc pod --help");
  EXPECT_EQ(UsageOf({"container", "remove"}),
            "unknown command 'container remove': did you mean 'container rm'? | virtc container --help");
  EXPECT_EQ(UsageOf({"frobnicate"}), "unknown command 'frobnicate' | virtc --help");
  EXPECT_EQ(UsageOf({"--fromat", "json", "pod", "list"}),
            "unknown option '--fromat': did you mean '--format'? | virtc --help");
  EXPECT_EQ(UsageOf({"--rootfs", "x", "run", "ls"}),
            "option '--rootfs' stands in front of the command: write it behind, as in 'virtc run --rootfs' | "
            "virtc --help");
  EXPECT_EQ(UsageOf({"pod", "create", "web", "--memroy=1G"}),
            "unknown option '--memroy': did you mean '--memory'? | virtc pod create --help");
  EXPECT_EQ(UsageOf({"pod", "list", "web"}), "unexpected argument 'web' | virtc pod list --help");
  EXPECT_EQ(UsageOf({"pause", "web", "db"}), "unexpected argument 'db' | virtc pause --help");
  EXPECT_EQ(UsageOf({"pod", "logs", "web"}),
            "unknown command 'pod logs': did you mean 'logs'? | virtc pod --help");
  EXPECT_EQ(UsageOf({"container", "ps", "web", "db"}),
            "unexpected argument 'db': 'virtc container top web db' lists a container's processes | virtc "
            "container ps --help");
  EXPECT_EQ(UsageOf({"pod", "start"}), "POD is missing | virtc pod start --help");
  EXPECT_EQ(UsageOf({"pod", "create", "web", "--memory"}),
            "option '--memory' needs a value | virtc pod create --help");
  EXPECT_EQ(UsageOf({"--root"}), "option '--root' needs a value | virtc --help");
  EXPECT_EQ(UsageOf({"--format", "xml", "pod", "list"}),
            "--format 'xml' is not one of: table, json | virtc --help");
  EXPECT_EQ(UsageOf({"ps", "-a", "--running"}),
            "--all and --running exclude each other: give one of them | virtc ps --help");
}

TEST(Arguments, WordsForWhatVirtcDoesNotHave_SayWhatThereIs) {
  for (const char* word : {"images", "pull", "build", "rmi"}) {
    EXPECT_THAT(UsageOf({word}), HasSubstr("virtc has no images: --rootfs DIR names a directory")) << word;
  }
  EXPECT_THAT(UsageOf({"volume", "ls"}), HasSubstr("--volume HOST:CONTAINER"));
  EXPECT_THAT(UsageOf({"system", "prune"}), HasSubstr("'virtc gc'"));
  EXPECT_THAT(UsageOf({"restart", "web"}), HasSubstr("'virtc stop', then 'virtc start'"));
}

TEST(Arguments, CommandToRun_MissingOrMisplaced_IsRefused) {
  EXPECT_EQ(
      UsageOf({"pod", "enter", "web"}),
      "no command to run: it comes last, as in 'virtc pod enter web uname -r' | virtc pod enter --help");
  EXPECT_EQ(UsageOf({"exec", "web"}),
            "no command to run: it comes last, as in 'virtc exec web ps' | virtc exec --help");
  EXPECT_EQ(UsageOf({"container", "enter", "web", "--", "ls"}),
            "CONTAINER is missing | virtc container enter --help");
  for (const std::vector<std::string>& empty :
       {std::vector<std::string>{"--"}, std::vector<std::string>{"--", ""}, std::vector<std::string>{""}}) {
    std::vector<std::string> arguments = {"pod", "enter", "web"};
    arguments.insert(arguments.end(), empty.begin(), empty.end());
    EXPECT_EQ(UsageOf(arguments), "the command to run is empty | virtc pod enter --help");
  }
  EXPECT_EQ(UsageOf({"pod", "stop", "web", "--", "ls"}),
            "'virtc pod stop' runs no command: leave out '--' and what follows | virtc pod stop --help");
  EXPECT_THAT(UsageOf({"run", "--rootfs", "/"}), StartsWith("no command for the container"));
  EXPECT_THAT(UsageOf({"run", "--", "ls"}), StartsWith("no root file system for the container"));
  EXPECT_THAT(UsageOf({"run", "--rootfs", "/", "--bundle", "/", "--", "ls"}),
              StartsWith("--rootfs and --bundle"));
  EXPECT_THAT(UsageOf({"pod", "create", "web", "--", "ls"}), StartsWith("no root file system"));
}

TEST(Arguments, PodId_ByArgumentOrByName) {
  EXPECT_THAT(UsageOf({"pod", "create"}), StartsWith("no pod named"));
  EXPECT_THAT(UsageOf({"pod", "create", "a", "--name", "b"}),
              StartsWith("two ids for one pod: 'a' and --name 'b'"));
  EXPECT_EQ(UsageOf({"pod", "create", "--name", "a", "--rootfs", "/", "ls"}), "accepted");
  EXPECT_EQ(UsageOf({"pod", "create", "--id=a", "--rootfs", "/", "ls"}), "accepted");
  EXPECT_THAT(UsageOf({"pod", "create", "--name", "a", "b"}), StartsWith("no root file system"));
}

TEST(Arguments, ContainerWhereAPodIsExpected_NamesTheOtherCommand) {
  EXPECT_EQ(UsageOf({"stop", "web/db"}),
            "'web/db' names a container, and 'virtc stop' is about pods: use 'virtc container stop web db' | "
            "virtc stop --help");
  EXPECT_THAT(UsageOf({"rm", "shop", "web/db"}), StartsWith("'web/db' names a container"));
  EXPECT_EQ(UsageOf({"container", "stop", "web/db"}), "accepted");
  EXPECT_EQ(UsageOf({"container", "enter", "web/db", "ls"}), "accepted");
  EXPECT_EQ(UsageOf({"exec", "web/", "ls"}), "'web/' names no container | virtc exec --help");
}

TEST(Arguments, Detach_ExcludesWhatNeedsVirtcToStay) {
  EXPECT_EQ(UsageOf({"run", "-d", "--rootfs", "/", "ls"}), "accepted");
  EXPECT_THAT(UsageOf({"run", "-d", "--rm", "--rootfs", "/", "ls"}), StartsWith("--detach excludes --rm"));
  EXPECT_THAT(UsageOf({"run", "-di", "--rootfs", "/", "ls"}), StartsWith("--detach excludes --interactive"));
  EXPECT_THAT(UsageOf({"exec", "-d", "-i", "web", "ls"}), StartsWith("--detach excludes --interactive"));
}

TEST(Arguments, Parse_WrongValues_NameOptionAndValue) {
  EXPECT_THAT(UsageOf({"pod", "create", "web", "--memory", "256"}), StartsWith("--memory '256' has no unit"));
  EXPECT_THAT(UsageOf({"pod", "create", "web", "--cpus", "two"}), StartsWith("--cpus 'two' is not a number"));
  EXPECT_THAT(UsageOf({"pod", "create", "web", "--machine", "pc"}),
              StartsWith("--machine 'pc' is not one of"));
  EXPECT_THAT(UsageOf({"pod", "enter", "web", "--cwd", "tmp", "--", "ls"}),
              StartsWith("--cwd 'tmp' is not absolute"));
  EXPECT_THAT(UsageOf({"pod", "enter", "web", "--user", ":5", "--", "ls"}), StartsWith("--user ':5'"));
  EXPECT_THAT(UsageOf({"container", "cp", "x", "web/db:/x", "--user", "bob"}), StartsWith("--user 'bob'"));
  EXPECT_THAT(UsageOf({"pod", "stop", "web", "--time", "soon"}), StartsWith("--time 'soon'"));
  EXPECT_THAT(UsageOf({"container", "kill", "web", "db", "--signal", "TREM"}),
              StartsWith("--signal 'TREM' is no signal"));
  EXPECT_THAT(UsageOf({"container", "update", "web", "db"}), StartsWith("nothing to change"));
  EXPECT_THAT(UsageOf({"container", "update", "web", "db", "--memory", "64"}),
              StartsWith("--memory '64' has no unit"));
  EXPECT_THAT(UsageOf({"container", "cp", "x", "web:tmp/x"}), StartsWith("'tmp/x' is not absolute"));
  EXPECT_THAT(UsageOf({"container", "cp", "x", "web/db:/x", "--mode", "rw"}), StartsWith("--mode 'rw'"));
  EXPECT_THAT(UsageOf({"container", "logs", "web", "db", "--tail", "few"}), StartsWith("--tail 'few'"));
  EXPECT_THAT(UsageOf({"container", "stats", "web", "db", "--watch", "0"}), StartsWith("--watch '0'"));
  EXPECT_THAT(UsageOf({"events", "--after", "yesterday"}), StartsWith("--after 'yesterday'"));
}

std::vector<std::string> WordsOf(std::string_view text) {
  std::vector<std::string> words;
  for (size_t space; (space = text.find(' ')) != std::string_view::npos; text.remove_prefix(space + 1))
    words.emplace_back(text.substr(0, space));
  words.emplace_back(text);
  return words;
}

TEST(Help, EveryCommand_HasAnExampleThatIsAccepted) {
  for (const CommandEntry& entry : Commands()) {
    std::vector<std::string> arguments = WordsOf(entry.name);
    arguments.emplace_back("--help");
    const std::string help = HelpOf(arguments);
    EXPECT_EQ(HelpOf({}).find(fmt::format("\n  {} ", entry.name)) == std::string::npos, entry.hidden)
        << entry.name;
    EXPECT_THAT(help, HasSubstr("usage: virtc " + std::string(entry.name)));
    EXPECT_THAT(help, HasSubstr("Example:\n  "));
    for (const std::string_view alias : entry.aliases) {
      arguments = WordsOf(alias);
      arguments.emplace_back("--help");
      EXPECT_EQ(HelpOf(arguments), help) << alias;
      EXPECT_THAT(help, HasSubstr("virtc " + std::string(alias)));
    }

    std::string_view rest = entry.example;
    while (!rest.empty()) {
      std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      if (line.find(" -it ") != std::string_view::npos) continue;  // refused where the tests have no terminal
      if (const size_t pipe = line.find("| "); pipe != std::string_view::npos) line.remove_prefix(pipe + 2);
      ASSERT_TRUE(line.starts_with("virtc ")) << line;
      EXPECT_EQ(UsageOf(WordsOf(line.substr(6))), "accepted") << line;
    }
  }
}

TEST(Help, WhereverItIsAskedFor_IsFound) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"--help"}, {"help"}, {"-h"}, {"--format", "json"}}) {
    EXPECT_THAT(HelpOf(arguments), HasSubstr("Commands (and other names for them):\n  run "));
  }
  EXPECT_THAT(HelpOf({"pod", "--help"}), HasSubstr("  pod create "));
  EXPECT_THAT(HelpOf({"pod"}), HasSubstr("  pod create "));
  EXPECT_THAT(HelpOf({"help", "pod"}), HasSubstr("  pod create "));
  EXPECT_THAT(HelpOf({"help", "pod", "create"}), StartsWith("virtc pod create: "));
  EXPECT_THAT(HelpOf({"help", "rm"}), StartsWith("virtc pod delete: "));
  EXPECT_THAT(HelpOf({"pod", "start", "-h"}), StartsWith("virtc pod start: "));
  EXPECT_THAT(HelpOf({"--format", "json", "pod", "start", "--help"}), StartsWith("virtc pod start: "));
  EXPECT_EQ(HelpOf({"exec", "web", "ls", "--help"}), "") << "it is the command's own option";
}

TEST(Help, OfACommand_ShowsEveryNameOfItsOptions) {
  EXPECT_EQ(HelpOf({"pod", "delete", "--help"}),
            "virtc pod delete: delete a pod that does not run; root file systems stay\n"
            "\n"
            "usage: virtc pod delete [OPTIONS] POD [POD...]\n"
            "also:  virtc pod rm, virtc rm\n"
            "\n"
            "Removes what virtc keeps of the pod: its state, its logs and the console of its VM.\n"
            "\n"
            "Arguments:\n"
            "  POD                           the pods to delete\n"
            "\n"
            "Options:\n"
            "  -f,--force                    stop it first if it runs\n"
            "  -h,--help                     this text\n"
            "\n"
            "Options of every command:\n"
            "  --root DIR                    where pods are kept (/var/lib/virtcontainers)\n"
            "  --run DIR                     where sockets are kept (/run/virtcontainers)\n"
            "  --format table|json           for people, or for programs\n"
            "\n"
            "Example:\n"
            "  virtc pod delete web\n"
            "  virtc pod delete --force web\n");
  const std::string run = HelpOf({"run", "--help"});
  for (const char* option : {"\n  -w,--cwd,--workdir PATH ", "\n  -u,--user ", "\n  --name,--id NAME ",
                             "\n  -m,--memory SIZE ", "\n  -v,--volume HOST:CONTAINER[:ro]\n      "}) {
    EXPECT_THAT(run, HasSubstr(option));
  }
}

TEST(PodOptions, Config_EveryOption_IsSet) {
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

TEST(PodOptions, Config_NoOptions_HasLibrarysDefaults) {
  const auto config = PodOptions().Config();
  ASSERT_TRUE(config);
  const virtcontainers::PodConfig defaults;
  EXPECT_EQ(config->resources.memory, defaults.resources.memory);
  EXPECT_EQ(config->resources.vcpus, defaults.resources.vcpus);
  EXPECT_EQ(config->hypervisor.type, defaults.hypervisor.type);
  EXPECT_EQ(config->hypervisor.kernel, "");
}

TEST(ContainerOptions, Config_EveryOption_IsSet) {
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

TEST(ContainerOptions, Config_RootfsIsRoot_StaysRoot) {
  ContainerOptions options;
  options.rootfs = "/";
  EXPECT_EQ(options.Config(std::vector<std::string>{"ls"})->rootfs, "/");
}

TEST(ExitStatus, ExitStatusOf_CommandOrOtherError_Differs) {
  EXPECT_EQ(ExitStatusOf(Error(Code::kNotFound, Reason::kCommandNotFound, "no 'frob'")), 127);
  EXPECT_EQ(ExitStatusOf(Error(Code::kPermissionDenied, Reason::kCommandNotExecutable, "no program")), 126);
  EXPECT_EQ(ExitStatusOf(Error(Code::kNotFound, Reason::kPodNotFound, "no pod 'web'")), 125);
  EXPECT_EQ(ExitStatusOf(Error(Code::kNotFound, "'qemu-system-x86_64' is not there")), 125);
  EXPECT_EQ(ExitStatusOf(Error(Code::kInternal, "it broke")), 125);
}

}  // namespace
}  // namespace virtc
