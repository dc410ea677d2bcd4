#include "commands.h"

namespace virtc {

const std::vector<CommandEntry>& Commands() {
  static const std::vector<CommandEntry> commands = {
      {"run", "run one command in a container in a VM of its own",
       "virtc run --rootfs ./rootfs --rm -- uname -r\n"
       "virtc run --rootfs ./rootfs --rm -it -- sh",
       Words::kOptional, MakeRun},

      {"pod create", "prepare a pod, and a container in it; no VM runs yet",
       "virtc pod create web --memory 256M --cpus 2\n"
       "virtc pod create web --container hello --rootfs ./rootfs -- echo hello",
       Words::kOptional, MakePodCreate},
      {"pod run", "create a pod and start it", "virtc pod run web --rootfs ./rootfs -- sleep 1000",
       Words::kOptional, MakePodRun},
      {"pod start", "boot a pod's VM and start its containers", "virtc pod start web", Words::kNone,
       MakePodStart},
      {"pod stop", "stop a pod's containers and its VM", "virtc pod stop web --time 10", Words::kNone,
       MakePodStop},
      {"pod delete", "forget a pod that does not run; never a root file system",
       "virtc pod delete web\nvirtc pod delete --force web", Words::kNone, MakePodDelete},
      {"pod list", "the pods and their states", "virtc pod list --running\nvirtc --format json pod list",
       Words::kNone, MakePodList},
      {"pod status", "everything about one pod", "virtc pod status web", Words::kNone, MakePodStatus},
      {"pod enter", "run a command in the guest itself, beside the containers",
       "virtc pod enter web -- uname -r\nvirtc pod enter -it web -- sh", Words::kRequired, MakePodEnter},
      {"pod pause", "stop a VM's processors where they are", "virtc pod pause web", Words::kNone,
       MakePodPause},
      {"pod resume", "let a paused VM go on", "virtc pod resume web", Words::kNone, MakePodResume},
      {"pod stats", "what a pod uses, in its VM and on the host",
       "virtc pod stats web\nvirtc --format json pod stats web", Words::kNone, MakePodStats},

      {"container create", "add a container to a pod, running or not",
       "virtc container create web db --rootfs ./rootfs -- sleep 1000\n"
       "virtc container create web db2 --rootfs ./rootfs --volume ./data:/data:ro -- sleep 1000\n"
       "virtc container create web db --bundle ./bundle",
       Words::kOptional, MakeContainerCreate},
      {"container start", "start a container of a running pod", "virtc container start web db", Words::kNone,
       MakeContainerStart},
      {"container stop", "end a container: SIGTERM, then SIGKILL", "virtc container stop web db --time 2",
       Words::kNone, MakeContainerStop},
      {"container delete", "forget a container that does not run; never its root file system",
       "virtc container delete web db", Words::kNone, MakeContainerDelete},
      {"container list", "a pod's containers and their states", "virtc container list web", Words::kNone,
       MakeContainerList},
      {"container status", "everything about one container", "virtc container status web db", Words::kNone,
       MakeContainerStatus},
      {"container enter", "run a command in a running container",
       "virtc container enter web db -- ps\necho hello | virtc container enter -i web db -- cat",
       Words::kRequired, MakeContainerEnter},
      {"container logs", "what a container has written",
       "virtc container logs web db\nvirtc container logs -f --tail 10 web db", Words::kNone,
       MakeContainerLogs},
      {"container wait", "wait for a container's end, and print its exit code", "virtc container wait web db",
       Words::kNone, MakeContainerWait},
      {"container kill", "send a container's first process a signal",
       "virtc container kill web db --signal HUP", Words::kNone, MakeContainerKill},
      {"container pause", "freeze all processes of a container", "virtc container pause web db", Words::kNone,
       MakeContainerPause},
      {"container resume", "let a paused container go on", "virtc container resume web db", Words::kNone,
       MakeContainerResume},
      {"container update", "change a container's limits, while it runs, too",
       "virtc container update web db --memory 64M --pids-limit 100", Words::kNone, MakeContainerUpdate},
      {"container stats", "what a container uses of its VM",
       "virtc container stats web db\nvirtc container stats web db --watch 2", Words::kNone,
       MakeContainerStats},
      {"container ps", "a container's processes", "virtc container ps web db", Words::kNone, MakeContainerPs},
      {"container cp", "copy a file of the host into a running container",
       "virtc container cp web db ./hello /tmp/hello --mode 0755", Words::kNone, MakeContainerCopy},

      {"events", "what happens to all pods, as it happens",
       "virtc events --pod web --after 0 --no-follow\nvirtc --format json events", Words::kNone, MakeEvents},
      {"monitor", "replace the monitors of pods that run and whose monitor died",
       "virtc monitor\nvirtc monitor --watch", Words::kNone, MakeMonitor},
      {"gc", "remove what dead processes have left of any pod", "virtc gc --dry-run\nvirtc gc", Words::kNone,
       MakeGarbage},
      {"doctor", "what this host can do, and what mends what it cannot", "virtc doctor", Words::kNone,
       MakeDoctor},
      {"version", "virtc's version", "virtc version", Words::kNone, MakeVersion},
  };
  return commands;
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
