// Where a pod's things are on disk.
//
//   <root>/                         the state: survives a reboot
//     pods/
//       <pod>/                      there or not there as a whole: made and removed by rename
//         config.json               what was asked for; never changes
//         containers/<id>.json      the same, of each container
//         state.json                what has happened since (record.h)
//         journal                   what exists of it outside of these files (journal.h)
//         networks/<name>.json      what a network has made on the host (network/network_traces.h)
//         logs/<container>.log      what the container said
//         console.log               what the VM's console said since the last start
//         monitor.log               what the monitor had to say since the last start
//         lock                      held by whoever changes the pod
//         monitor.lock              held by the monitor as long as it lives
//     trash/                        what is being made or removed; its lock is held by whoever does
//     id                            random bytes that are this root's
//     lock                          held while a pod appears, and while things without a pod are removed
//     events.log  events.log.1      what happened to the pods (event_log.h)
//   <run>/<key>-<pod>/              sockets: nothing of it is needed after a reboot. The key is the root's
//                                   (root_key.h); an id of more than 32 characters is cut short, for sockets'
//                                   paths are
//     monitor.sock  agent.sock  qmp.sock  virtiofsd.sock  share/

#ifndef VIRTCONTAINERS_SRC_POD_PATHS_H_
#define VIRTCONTAINERS_SRC_POD_PATHS_H_

#include <string>
#include <string_view>

namespace virtcontainers {

struct PodPaths {
  std::string dir;
  std::string run_dir;
  std::string mark;  // that processes of the pod are known by (os/marked_process.h)

  // The root that holds the pod: two levels up.
  std::string root() const { return dir.substr(0, dir.rfind('/', dir.rfind('/') - 1)); }
  // The name of the run directory, which no other pod of the host has.
  std::string key() const { return run_dir.substr(run_dir.rfind('/') + 1); }
  std::string config() const { return dir + "/config.json"; }
  std::string containers() const { return dir + "/containers"; }
  std::string container(std::string_view id) const { return containers() + "/" + std::string(id) + ".json"; }
  std::string state() const { return dir + "/state.json"; }
  std::string networks() const { return dir + "/networks"; }
  std::string network(std::string_view name) const { return networks() + "/" + std::string(name) + ".json"; }
  std::string logs() const { return dir + "/logs"; }
  std::string log(std::string_view container) const { return logs() + "/" + std::string(container) + ".log"; }
  std::string console() const { return dir + "/console.log"; }
  std::string monitor_log() const { return dir + "/monitor.log"; }
  std::string journal() const { return dir + "/journal"; }
  std::string lock() const { return dir + "/lock"; }
  std::string monitor_lock() const { return dir + "/monitor.lock"; }
  std::string monitor_socket() const { return run_dir + "/monitor.sock"; }
  std::string virtiofsd_socket() const { return run_dir + "/virtiofsd.sock"; }
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_PATHS_H_
