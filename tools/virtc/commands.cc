#include "commands.h"

#include <algorithm>

#include "help.h"

namespace virtc {

const std::vector<CommandEntry>& Commands() {
  static const std::vector<CommandEntry> commands = {
      {"run",
       {},
       "run a command in a container in a VM of its own",
       "virtc run --rootfs ./rootfs --rm uname -r\n"
       "virtc run --rootfs ./rootfs --rm -it sh\n"
       "virtc run --rootfs ./rootfs --name web -d sleep 1000",
       Words::kOptional,
       MakeRun},
      {"exec",
       {},
       "run a command in a running container, which POD or POD/CONTAINER names",
       "virtc exec web ps\nvirtc exec web/db ps\nvirtc exec -it web sh",
       Words::kRequired,
       MakeExec},

      {"pod create",
       {"create"},
       "create a pod, and a container in it; its VM does not run yet",
       "virtc pod create web --memory 256M --cpus 2\n"
       "virtc pod create web --container hello --rootfs ./rootfs echo hello",
       Words::kOptional,
       MakePodCreate},
      {"pod run",
       {},
       "create a pod and start it",
       "virtc pod run web --rootfs ./rootfs sleep 1000",
       Words::kOptional,
       MakePodRun},
      {"pod start",
       {"start"},
       "boot a pod's VM and start its containers",
       "virtc pod start web",
       Words::kNone,
       MakePodStart},
      {"pod stop",
       {"stop"},
       "stop a pod's containers and its VM",
       "virtc pod stop web --time 10",
       Words::kNone,
       MakePodStop},
      {"pod delete",
       {"pod rm", "rm"},
       "delete a pod that does not run; root file systems stay",
       "virtc pod delete web\nvirtc pod delete --force web",
       Words::kNone,
       MakePodDelete},
      {"pod list",
       {"pod ls", "pod ps", "pods", "ls"},
       "list the pods and their states",
       "virtc pod list --running\nvirtc --format json pod list",
       Words::kNone,
       MakePodList},
      {"pod status",
       {"pod inspect", "inspect"},
       "show everything about a pod",
       "virtc pod status web",
       Words::kNone,
       MakePodStatus},
      {"pod enter",
       {"pod exec"},
       "run a command in the guest itself, outside of the containers",
       "virtc pod enter web uname -r\nvirtc pod enter -it web sh",
       Words::kRequired,
       MakePodEnter},
      {"pod pause", {"pause"}, "stop a VM's CPUs", "virtc pod pause web", Words::kNone, MakePodPause},
      {"pod resume",
       {"pod unpause", "unpause"},
       "let the CPUs of a paused VM run again",
       "virtc pod resume web",
       Words::kNone,
       MakePodResume},
      {"pod stats",
       {"stats"},
       "show what a pod uses, in its VM and on the host",
       "virtc pod stats web\nvirtc --format json pod stats web",
       Words::kNone,
       MakePodStats},

      {"container create",
       {},
       "add a container to a pod, running or not",
       "virtc container create web db --rootfs ./rootfs sleep 1000\n"
       "virtc container create web db2 --rootfs ./rootfs --volume ./data:/data:ro sleep 1000\n"
       "virtc container create web db --bundle ./bundle",
       Words::kOptional,
       MakeContainerCreate},
      {"container start",
       {},
       "start a container of a running pod",
       "virtc container start web db",
       Words::kNone,
       MakeContainerStart},
      {"container stop",
       {},
       "end a container: SIGTERM, then SIGKILL",
       "virtc container stop web db --time 2",
       Words::kNone,
       MakeContainerStop},
      {"container delete",
       {"container rm"},
       "delete a container that does not run; its root file system stays",
       "virtc container delete web db",
       Words::kNone,
       MakeContainerDelete},
      {"container list",
       {"container ls", "container ps", "ps"},
       "list the containers of all pods, or of one pod",
       "virtc container list\nvirtc container list web",
       Words::kNone,
       MakeContainerList},
      {"container status",
       {"container inspect"},
       "show everything about a container",
       "virtc container status web db",
       Words::kNone,
       MakeContainerStatus},
      {"container enter",
       {"container exec"},
       "run a command in a running container",
       "virtc container enter web db ps\necho hello | virtc container enter -i web db cat",
       Words::kRequired,
       MakeContainerEnter},
      {"container logs",
       {"logs"},
       "show what a container has written",
       "virtc container logs web db\nvirtc container logs -f --tail 10 web db",
       Words::kNone,
       MakeContainerLogs},
      {"container wait",
       {"wait"},
       "wait until a container has ended, and print its exit code",
       "virtc container wait web db",
       Words::kNone,
       MakeContainerWait},
      {"container kill",
       {"kill"},
       "send a signal to a container's first process",
       "virtc container kill web db --signal HUP",
       Words::kNone,
       MakeContainerKill},
      {"container pause",
       {},
       "freeze all processes of a container",
       "virtc container pause web db",
       Words::kNone,
       MakeContainerPause},
      {"container resume",
       {"container unpause"},
       "let the processes of a paused container run again",
       "virtc container resume web db",
       Words::kNone,
       MakeContainerResume},
      {"container update",
       {"update"},
       "change a container's limits, also while it runs",
       "virtc container update web db --memory 64M --pids-limit 100",
       Words::kNone,
       MakeContainerUpdate},
      {"container stats",
       {},
       "show what a container uses of its VM",
       "virtc container stats web db\nvirtc container stats web db --watch 2",
       Words::kNone,
       MakeContainerStats},
      {"container top",
       {"top"},
       "list a container's processes",
       "virtc container top web db",
       Words::kNone,
       MakeContainerTop},
      {"container cp",
       {},
       "copy a file of the host into a running container",
       "virtc container cp web db ./hello /tmp/hello --mode 0755",
       Words::kNone,
       MakeContainerCopy},

      {"events",
       {},
       "show what happens to all pods, as it happens",
       "virtc events --pod web --after 0 --no-follow\nvirtc --format json events",
       Words::kNone,
       MakeEvents},
      {"monitor",
       {},
       "replace the monitors that died of pods that run",
       "virtc monitor\nvirtc monitor --watch",
       Words::kNone,
       MakeMonitor},
      {"gc",
       {},
       "remove what crashed processes left of any pod",
       "virtc gc --dry-run\nvirtc gc",
       Words::kNone,
       MakeGarbage},
      {"doctor",
       {},
       "show what this host can do, and how to get what it lacks",
       "virtc doctor",
       Words::kNone,
       MakeDoctor},
      {"completion",
       {},
       "print the completion script of a shell",
       "virtc completion bash\nvirtc completion zsh",
       Words::kNone,
       MakeCompletion},
      {"version", {}, "show virtc's version", "virtc version", Words::kNone, MakeVersion},

      {"__complete",
       {},
       "print what may follow the words of a command line, for completion scripts",
       "virtc __complete -- virtc pod st",
       Words::kRequired,
       MakeComplete,
       true},
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

bool IsGroup(std::string_view word) { return word == "pod" || word == "container"; }

void DeclareGlobals(Options& options, GlobalOptions& globals) {
  options.Group(kGlobalHeading)
      .Text("--root", "DIR", globals.root, "where pods are kept (/var/lib/virtcontainers)")
      .Text("--run", "DIR", globals.run, "where sockets are kept (/run/virtcontainers)")
      .Text("--format", "table|json", globals.format, "for people, or for programs");
}

void DeclareFront(Options& options, GlobalOptions& globals, bool& help, bool& version) {
  options.Flag("-h,--help", help, "this text").Flag("-v,--version", version, "virtc's version");
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
