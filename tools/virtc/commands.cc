#include "commands.h"

#include <algorithm>

#include "help.h"

namespace virtc {

const std::vector<CommandEntry>& Commands() {
  static const std::vector<CommandEntry> commands = {
      {.name = "run",
       .summary = "run a command in a container in a VM of its own",
       .details = "Creates a pod with one container, boots its VM, runs COMMAND in the container and passes "
                  "its output on. "
                  "The exit status is that of COMMAND. Without --rm the stopped pod stays, until 'virtc rm' "
                  "deletes it. "
                  "With --detach virtc exits as soon as COMMAND runs.",
       .example = "virtc run --rootfs ./rootfs --rm uname -r\n"
                  "virtc run --rootfs ./rootfs --rm -it sh\n"
                  "virtc run --rootfs ./rootfs --name web -d sleep 1000",
       .words = Words::kOptional,
       .make = MakeRun},
      {.name = "exec",
       .summary = "run a command in a running container, which POD or POD/CONTAINER names",
       .details = "POD is enough if the pod has one container. The process has the environment, the working "
                  "directory and "
                  "the user of the container's first process, unless options say otherwise.",
       .example = "virtc exec web ps\nvirtc exec web/db ps\nvirtc exec -it web sh",
       .words = Words::kRequired,
       .make = MakeExec},

      {.name = "pod create",
       .aliases = {"create"},
       .summary = "create a pod, and a container in it; its VM does not run yet",
       .details = "With --rootfs or --bundle the pod has a container from the beginning. 'virtc container "
                  "create' adds others.",
       .example = "virtc pod create web --memory 256M --cpus 2\n"
                  "virtc pod create web --container hello --rootfs ./rootfs echo hello",
       .words = Words::kOptional,
       .make = MakePodCreate},
      {.name = "pod run",
       .summary = "create a pod and start it",
       .example = "virtc pod run web --rootfs ./rootfs sleep 1000",
       .words = Words::kOptional,
       .make = MakePodRun},
      {.name = "pod start",
       .aliases = {"start"},
       .summary = "boot a pod's VM and start its containers",
       .example = "virtc pod start web",
       .make = MakePodStart},
      {.name = "pod stop",
       .aliases = {"stop"},
       .summary = "stop a pod's containers and its VM",
       .details = "The first process of each container is sent SIGTERM, and all processes SIGKILL if it has "
                  "not ended in time. "
                  "Then the VM is powered off.",
       .example = "virtc pod stop web --time 10",
       .make = MakePodStop},
      {.name = "pod delete",
       .aliases = {"pod rm", "rm"},
       .summary = "delete a pod that does not run; root file systems stay",
       .details = "Removes what virtc keeps of the pod: its state, its logs and the console of its VM.",
       .example = "virtc pod delete web\nvirtc pod delete --force web",
       .make = MakePodDelete},
      {.name = "pod list",
       .aliases = {"pod ls", "pod ps", "pods", "ls"},
       .summary = "list the pods and their states",
       .example = "virtc pod list --running\nvirtc --format json pod list",
       .make = MakePodList},
      {.name = "pod status",
       .aliases = {"pod inspect", "inspect"},
       .summary = "show everything about a pod",
       .example = "virtc pod status web",
       .make = MakePodStatus},
      {.name = "pod enter",
       .aliases = {"pod exec"},
       .summary = "run a command in the guest itself, outside of the containers",
       .example = "virtc pod enter web uname -r\nvirtc pod enter -it web sh",
       .words = Words::kRequired,
       .make = MakePodEnter},
      {.name = "pod dial",
       .summary = "connect to a TCP port or a unix socket in the guest, whatever networks the pod has",
       .details =
           "Standard input and output are the connection. The end of standard input ends one direction; "
           "virtc exits when the other side has ended its own.",
       .example = "virtc pod dial web 80\nvirtc pod dial web /run/db.sock --container db",
       .make = MakePodDial},
      {.name = "pod pause",
       .aliases = {"pause"},
       .summary = "stop a VM's CPUs",
       .example = "virtc pod pause web",
       .make = MakePodPause},
      {.name = "pod resume",
       .aliases = {"pod unpause", "unpause"},
       .summary = "let the CPUs of a paused VM run again",
       .example = "virtc pod resume web",
       .make = MakePodResume},
      {.name = "pod stats",
       .aliases = {"stats"},
       .summary = "show what a pod uses, in its VM and on the host",
       .example = "virtc pod stats web\nvirtc --format json pod stats web",
       .make = MakePodStats},
      {.name = "pod port",
       .aliases = {"port"},
       .summary = "list the host's ports that reach the pod",
       .example = "virtc pod port web",
       .make = MakePodPort},

      {.name = "container create",
       .summary = "add a container to a pod, running or not",
       .details = "A container that is added to a running pod is started by 'virtc container start'; one "
                  "that is added to any "
                  "other pod starts with the pod.",
       .example = "virtc container create web db --rootfs ./rootfs sleep 1000\n"
                  "virtc container create web db2 --rootfs ./rootfs --volume ./data:/data:ro sleep 1000\n"
                  "virtc container create web db --bundle ./bundle",
       .words = Words::kOptional,
       .make = MakeContainerCreate},
      {.name = "container start",
       .summary = "start a container of a running pod",
       .example = "virtc container start web db",
       .make = MakeContainerStart},
      {.name = "container stop",
       .summary = "end a container: SIGTERM, then SIGKILL",
       .details = "The first process is sent SIGTERM, and all processes SIGKILL if it has not ended in time.",
       .example = "virtc container stop web db --time 2",
       .make = MakeContainerStop},
      {.name = "container delete",
       .aliases = {"container rm"},
       .summary = "delete a container that does not run; its root file system stays",
       .details = "Removes what virtc keeps of the container: its state and its log.",
       .example = "virtc container delete web db",
       .make = MakeContainerDelete},
      {.name = "container list",
       .aliases = {"container ls", "container ps", "ps"},
       .summary = "list the containers of all pods, or of one pod",
       .details =
           "Without POD each container is shown with its pod. With --quiet its name is then POD/CONTAINER.",
       .example = "virtc container list\nvirtc container list web",
       .make = MakeContainerList},
      {.name = "container status",
       .aliases = {"container inspect"},
       .summary = "show everything about a container",
       .example = "virtc container status web db",
       .make = MakeContainerStatus},
      {.name = "container enter",
       .aliases = {"container exec"},
       .summary = "run a command in a running container",
       .details = "The process has the environment, the working directory and the user of the container's "
                  "first process, "
                  "unless options say otherwise.",
       .example = "virtc container enter web db ps\necho hello | virtc container enter -i web db cat",
       .words = Words::kRequired,
       .make = MakeContainerEnter},
      {.name = "container attach",
       .aliases = {"attach"},
       .summary = "pass on the output of a container created with --output attach",
       .details =
           "With --interactive virtc's standard input becomes the container's. The exit status is that of "
           "the container's first process. Output that nobody has read yet is kept, and the process waits "
           "while 256 KiB of it are unread.",
       .example = "virtc container create web sh --output attach -t --rootfs ./rootfs sh\n"
                  "virtc container start web sh\n"
                  "virtc container attach -i web sh",
       .make = MakeContainerAttach},
      {.name = "container logs",
       .aliases = {"logs"},
       .summary = "show what a container has written",
       .example = "virtc container logs web db\nvirtc container logs -f --tail 10 web db",
       .make = MakeContainerLogs},
      {.name = "container wait",
       .aliases = {"wait"},
       .summary = "wait until a container has ended, and print its exit code",
       .example = "virtc container wait web db",
       .make = MakeContainerWait},
      {.name = "container kill",
       .aliases = {"kill"},
       .summary = "send a signal to a container's first process",
       .example = "virtc container kill web db --signal HUP",
       .make = MakeContainerKill},
      {.name = "container pause",
       .summary = "freeze all processes of a container",
       .example = "virtc container pause web db",
       .make = MakeContainerPause},
      {.name = "container resume",
       .aliases = {"container unpause"},
       .summary = "let the processes of a paused container run again",
       .example = "virtc container resume web db",
       .make = MakeContainerResume},
      {.name = "container update",
       .aliases = {"update"},
       .summary = "change a container's limits, also while it runs",
       .example = "virtc container update web db --memory 64M --pids-limit 100",
       .make = MakeContainerUpdate},
      {.name = "container stats",
       .summary = "show what a container uses of its VM",
       .example = "virtc container stats web db\nvirtc container stats web db --watch 2",
       .make = MakeContainerStats},
      {.name = "container top",
       .aliases = {"top"},
       .summary = "list a container's processes",
       .example = "virtc container top web db",
       .make = MakeContainerTop},
      {.name = "container cp",
       .aliases = {"cp"},
       .summary = "copy files and directories into a running container, and out of it",
       .details = "The copy appears whole or not at all. A file takes the place of a file; of a directory "
                  "nothing may "
                  "be there. Symbolic links are copied as they are. What is copied out of a container "
                  "belongs to the "
                  "caller, without set-user-id bits; sockets, pipes and devices are named and not copied.",
       .example = "virtc container cp ./hello web/db:/tmp/hello --mode 0755\n"
                  "virtc container cp web/db:/var/log ./log-of-db",
       .make = MakeContainerCopy},

      {.name = "network add",
       .aliases = {"network connect"},
       .summary = "add a network to a running pod",
       .details = "The network lasts until 'virtc network remove' or the pod's end. KIND is as that of "
                  "'virtc pod create --network'.",
       .example = "virtc network add web cni:podman\nvirtc network add web bridge:br0,address=10.0.0.2/24",
       .make = MakeNetworkAdd},
      {.name = "network remove",
       .aliases = {"network rm", "network disconnect"},
       .summary = "take a network out of a running pod",
       .example = "virtc network remove web eth1",
       .make = MakeNetworkRemove},
      {.name = "network list",
       .aliases = {"network ls"},
       .summary = "list the networks of a pod",
       .example = "virtc network list web",
       .make = MakeNetworkList},
      {.name = "route add",
       .summary = "add a route through a network of a running pod",
       .example = "virtc route add web eth0 10.0.0.0/8@10.1.0.1",
       .make = MakeRouteAdd},
      {.name = "route remove",
       .aliases = {"route rm"},
       .summary = "remove a route of a running pod",
       .example = "virtc route remove web eth0 10.0.0.0/8",
       .make = MakeRouteRemove},

      {.name = "events",
       .summary = "show what happens to all pods, as it happens",
       .details = "Each event has a number. With --after virtc begins with the events that are kept; "
                  "otherwise it shows those "
                  "that happen from now on.",
       .example = "virtc events --pod web --after 0 --no-follow\nvirtc --format json events",
       .make = MakeEvents},
      {.name = "monitor",
       .summary = "replace the monitors that died of pods that run",
       .example = "virtc monitor\nvirtc monitor --watch",
       .make = MakeMonitor},
      {.name = "gc",
       .summary = "remove what crashed processes left of any pod",
       .example = "virtc gc --dry-run\nvirtc gc",
       .make = MakeGarbage},
      {.name = "doctor",
       .summary = "show what this host can do, and how to get what it lacks",
       .example = "virtc doctor",
       .make = MakeDoctor},
      {.name = "completion",
       .summary = "print the completion script of a shell",
       .example = "virtc completion bash\nvirtc completion zsh",
       .make = MakeCompletion},
      {.name = "version", .summary = "show virtc's version", .example = "virtc version", .make = MakeVersion},

      {.name = "__manual",
       .summary = "write the manual pages into a directory, for the build",
       .example = "virtc __manual .",
       .make = MakeManual,
       .hidden = true},
      {.name = "__complete",
       .summary = "print what may follow the words of a command line, for completion scripts",
       .example = "virtc __complete -- virtc pod st",
       .words = Words::kRequired,
       .make = MakeComplete,
       .hidden = true},
  };
  return commands;
}

const CommandEntry* FindCommand(std::string_view name) {
  for (const CommandEntry& entry : Commands()) {
    if (entry.name == name ||
        std::find(entry.aliases.begin(), entry.aliases.end(), name) != entry.aliases.end())
      return &entry;
  }
  return nullptr;
}

bool IsGroup(std::string_view word) {
  return word == "pod" || word == "container" || word == "network" || word == "route";
}

namespace {

void DeclareGlobals(Options& options, GlobalOptions& globals) {
  options.Group(kGlobalHeading)
      .Text("--root", "DIR", globals.root, "where pods are kept (/var/lib/virtcontainers)")
      .Text("--run", "DIR", globals.run, "where sockets are kept (/run/virtcontainers)")
      .Text("--format", "table|json", globals.format, "for people, or for programs");
}

}  // namespace

void DeclareFront(Options& options, GlobalOptions& globals, bool& help, bool& version) {
  options.Flag("-h,--help", help, "this text").Flag("-v,--version", version, "virtc's version");
  DeclareGlobals(options, globals);
}

void DeclareOptions(Command& command, Options& options, GlobalOptions& globals, bool& help) {
  command.Declare(options);
  options.Group("").Flag("-h,--help", help, "this text");
  DeclareGlobals(options, globals);
}

virtcontainers::Result<virtcontainers::Runtime*> Session::runtime() {
  if (!runtime_) {
    auto opened = virtcontainers::Runtime::Open(options_);
    if (!opened) return tl::make_unexpected(std::move(opened.error()));
    runtime_.emplace(std::move(*opened));
  }
  return &*runtime_;
}

}  // namespace virtc
