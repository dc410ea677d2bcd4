// The one description of configurations: which fields each has, under which names. Reading and writing are
// visitors of it (config_json.cc). docs/extending.md shows how to add a field.
//
// Each Describe decomposes its structure into all members: a member that is added to config.h and not here is
// an error of the compiler, which names the structure.

#ifndef VIRTCONTAINERS_SRC_POD_CONFIG_FIELDS_H_
#define VIRTCONTAINERS_SRC_POD_CONFIG_FIELDS_H_

#include <type_traits>

#include "pod/enum_names.h"
#include "virtcontainers/config.h"

namespace virtcontainers {

// `C` is a structure S, to read it, or const S, to write it.
template <typename C, typename S>
concept Either = std::is_same_v<std::remove_const_t<C>, S>;

// A visitor has Field(name, member) for members of every type, Field(name, member, names) for enumerations,
// and Id(member). Defined in this order: a structure after those that it contains.

template <typename V, Either<User> C>
void Describe(V& v, C& user) {
  auto& [uid, gid, additional_gids, umask, name, group, additional_groups] = user;
  v.Field("uid", uid);
  v.Field("gid", gid);
  v.Field("additional_gids", additional_gids);
  v.Field("umask", umask);
  v.Field("name", name);
  v.Field("group", group);
  v.Field("additional_groups", additional_groups);
}

template <typename V, Either<Capabilities> C>
void Describe(V& v, C& capabilities) {
  auto& [bounding, effective, inheritable, permitted, ambient] = capabilities;
  v.Field("bounding", bounding);
  v.Field("effective", effective);
  v.Field("inheritable", inheritable);
  v.Field("permitted", permitted);
  v.Field("ambient", ambient);
}

template <typename V, Either<Rlimit> C>
void Describe(V& v, C& limit) {
  auto& [type, soft, hard] = limit;
  v.Field("type", type);
  v.Field("soft", soft);
  v.Field("hard", hard);
}

template <typename V, Either<Scheduler> C>
void Describe(V& v, C& scheduler) {
  auto& [policy, nice, priority, flags, runtime, deadline, period] = scheduler;
  v.Field("policy", policy);
  v.Field("nice", nice);
  v.Field("priority", priority);
  v.Field("flags", flags);
  v.Field("runtime", runtime);
  v.Field("deadline", deadline);
  v.Field("period", period);
}

template <typename V, Either<IoPriority> C>
void Describe(V& v, C& io_priority) {
  auto& [io_class, priority] = io_priority;
  v.Field("class", io_class);
  v.Field("priority", priority);
}

template <typename V, Either<ProcessConfig> C>
void Describe(V& v, C& process) {
  auto& [args, env, cwd, user, terminal, rows, columns, no_new_privileges, capabilities, rlimits,
         oom_score_adj, scheduler, io_priority, exec_cpus, guest_program, time_limit] = process;
  v.Field("args", args);
  v.Field("env", env);
  v.Field("cwd", cwd);
  v.Field("user", user);
  v.Field("terminal", terminal);
  v.Field("rows", rows);
  v.Field("columns", columns);
  v.Field("no_new_privileges", no_new_privileges);
  v.Field("capabilities", capabilities);
  v.Field("rlimits", rlimits);
  v.Field("oom_score_adj", oom_score_adj);
  v.Field("scheduler", scheduler);
  v.Field("io_priority", io_priority);
  v.Field("exec_cpus", exec_cpus);
  v.Field("guest_program", guest_program);
  v.Field("time_limit_ms", time_limit);
}

template <typename V, Either<Mount> C>
void Describe(V& v, C& mount) {
  auto& [destination, type, source, options] = mount;
  v.Field("destination", destination);
  v.Field("type", type);
  v.Field("source", source);
  v.Field("options", options);
}

template <typename V, Either<ForwardedSocket> C>
void Describe(V& v, C& socket) {
  auto& [source, destination, mode, uid, gid] = socket;
  v.Field("source", source);
  v.Field("destination", destination);
  v.Field("mode", mode);
  v.Field("uid", uid);
  v.Field("gid", gid);
}

template <typename V, Either<DeviceRule> C>
void Describe(V& v, C& rule) {
  auto& [allow, type, major, minor, access] = rule;
  v.Field("allow", allow);
  v.Field("type", type);
  v.Field("major", major);
  v.Field("minor", minor);
  v.Field("access", access);
}

template <typename V, Either<BlockThrottle> C>
void Describe(V& v, C& throttle) {
  auto& [major, minor, rate] = throttle;
  v.Field("major", major);
  v.Field("minor", minor);
  v.Field("rate", rate);
}

template <typename V, Either<HugepageLimit> C>
void Describe(V& v, C& limit) {
  auto& [page_size, bytes] = limit;
  v.Field("page_size", page_size);
  v.Field("bytes", bytes);
}

template <typename V, Either<ContainerResources> C>
void Describe(V& v, C& resources) {
  auto& [memory_limit, memory_reservation, memory_swap, cpu_shares, cpu_quota, cpu_period, cpus, mems,
         pids_limit, block_weight, block_read_bytes, block_write_bytes, block_read_operations,
         block_write_operations, hugepages, devices, unified] = resources;
  v.Field("memory_limit", memory_limit);
  v.Field("memory_reservation", memory_reservation);
  v.Field("memory_swap", memory_swap);
  v.Field("cpu_shares", cpu_shares);
  v.Field("cpu_quota", cpu_quota);
  v.Field("cpu_period", cpu_period);
  v.Field("cpus", cpus);
  v.Field("mems", mems);
  v.Field("pids_limit", pids_limit);
  v.Field("block_weight", block_weight);
  v.Field("block_read_bytes", block_read_bytes);
  v.Field("block_write_bytes", block_write_bytes);
  v.Field("block_read_operations", block_read_operations);
  v.Field("block_write_operations", block_write_operations);
  v.Field("hugepages", hugepages);
  v.Field("devices", devices);
  v.Field("unified", unified);
}

template <typename V, Either<DeviceNode> C>
void Describe(V& v, C& device) {
  auto& [path, type, major, minor, mode, uid, gid] = device;
  v.Field("path", path);
  v.Field("type", type);
  v.Field("major", major);
  v.Field("minor", minor);
  v.Field("mode", mode);
  v.Field("uid", uid);
  v.Field("gid", gid);
}

template <typename V, Either<SeccompArgument> C>
void Describe(V& v, C& argument) {
  auto& [index, value, value_two, op] = argument;
  v.Field("index", index);
  v.Field("value", value);
  v.Field("value_two", value_two);
  v.Field("op", op);
}

template <typename V, Either<SeccompRule> C>
void Describe(V& v, C& rule) {
  auto& [names, action, errno_return, arguments] = rule;
  v.Field("names", names);
  v.Field("action", action);
  v.Field("errno_return", errno_return);
  v.Field("arguments", arguments);
}

template <typename V, Either<Seccomp> C>
void Describe(V& v, C& seccomp) {
  auto& [default_action, default_errno_return, architectures, flags, rules] = seccomp;
  v.Field("default_action", default_action);
  v.Field("default_errno_return", default_errno_return);
  v.Field("architectures", architectures);
  v.Field("flags", flags);
  v.Field("rules", rules);
}

template <typename V, Either<Hook> C>
void Describe(V& v, C& hook) {
  auto& [path, args, env, timeout] = hook;
  v.Field("path", path);
  v.Field("args", args);
  v.Field("env", env);
  v.Field("timeout", timeout);
}

template <typename V, Either<Hooks> C>
void Describe(V& v, C& hooks) {
  auto& [prestart, create_runtime, create_container, start_container, poststart, poststop] = hooks;
  v.Field("prestart", prestart);
  v.Field("create_runtime", create_runtime);
  v.Field("create_container", create_container);
  v.Field("start_container", start_container);
  v.Field("poststart", poststart);
  v.Field("poststop", poststop);
}

template <typename V, Either<Namespaces> C>
void Describe(V& v, C& namespaces) {
  auto& [pid, ipc, uts, network] = namespaces;
  v.Field("pid", pid, kNamespaceOwnerNames);
  v.Field("ipc", ipc, kNamespaceOwnerNames);
  v.Field("uts", uts, kNamespaceOwnerNames);
  v.Field("network", network, kNamespaceOwnerNames);
}

template <typename V, Either<LogConfig> C>
void Describe(V& v, C& log) {
  auto& [format, max_size, max_files] = log;
  v.Field("format", format, kLogFormatNames);
  v.Field("max_size", max_size);
  v.Field("max_files", max_files);
}

template <typename V, Either<ContainerConfig> C>
void Describe(V& v, C& container) {
  auto& [id, rootfs, readonly_rootfs, hostname, domainname, process, output, log, default_mounts, mounts,
         rootfs_propagation, masked_paths, readonly_paths, devices, forward_sockets, namespaces, sysctl,
         personality, resources, seccomp, hooks, bundle, annotations] = container;
  v.Id(id);
  v.Field("rootfs", rootfs);
  v.Field("readonly_rootfs", readonly_rootfs);
  v.Field("hostname", hostname);
  v.Field("domainname", domainname);
  v.Field("process", process);
  v.Field("output", output, kOutputNames);
  v.Field("log", log);
  v.Field("default_mounts", default_mounts);
  v.Field("mounts", mounts);
  v.Field("rootfs_propagation", rootfs_propagation);
  v.Field("masked_paths", masked_paths);
  v.Field("readonly_paths", readonly_paths);
  v.Field("devices", devices);
  v.Field("forward_sockets", forward_sockets);
  v.Field("namespaces", namespaces);
  v.Field("sysctl", sysctl);
  v.Field("personality", personality);
  v.Field("resources", resources);
  v.Field("seccomp", seccomp);
  v.Field("hooks", hooks);
  v.Field("bundle", bundle);
  v.Field("annotations", annotations);
}

template <typename V, Either<HypervisorConfig> C>
void Describe(V& v, C& hypervisor) {
  auto& [type, machine, accelerator, path, firmware, kernel, device_slots, initrd, virtiofsd,
         kernel_parameters, debug] = hypervisor;
  v.Field("type", type);
  v.Field("machine", machine);
  v.Field("accelerator", accelerator, kAcceleratorNames);
  v.Field("path", path);
  v.Field("firmware", firmware);
  v.Field("kernel", kernel);
  v.Field("device_slots", device_slots);
  v.Field("initrd", initrd);
  v.Field("virtiofsd", virtiofsd);
  v.Field("kernel_parameters", kernel_parameters);
  v.Field("debug", debug);
}

template <typename V, Either<AgentConfig> C>
void Describe(V& v, C& agent) {
  auto& [type, transport] = agent;
  v.Field("type", type);
  v.Field("transport", transport, kTransportNames);
}

template <typename V, Either<DnsConfig> C>
void Describe(V& v, C& dns) {
  auto& [servers, searches, options] = dns;
  v.Field("servers", servers);
  v.Field("searches", searches);
  v.Field("options", options);
}

template <typename V, Either<HostEntry> C>
void Describe(V& v, C& host) {
  auto& [address, names] = host;
  v.Field("address", address);
  v.Field("names", names);
}

template <typename V, Either<Route> C>
void Describe(V& v, C& route) {
  auto& [destination, gateway, source, metric, onlink] = route;
  v.Field("destination", destination);
  v.Field("gateway", gateway);
  v.Field("source", source);
  v.Field("metric", metric);
  v.Field("onlink", onlink);
}

template <typename V, Either<Neighbor> C>
void Describe(V& v, C& neighbor) {
  auto& [address, mac] = neighbor;
  v.Field("address", address);
  v.Field("mac", mac);
}

template <typename V, Either<NetworkInterface> C>
void Describe(V& v, C& interface) {
  auto& [name, mac, mtu, addresses, routes, neighbors] = interface;
  v.Field("name", name);
  v.Field("mac", mac);
  v.Field("mtu", mtu);
  v.Field("addresses", addresses);
  v.Field("routes", routes);
  v.Field("neighbors", neighbors);
}

template <typename V, Either<PortForward> C>
void Describe(V& v, C& forward) {
  auto& [host_address, host_port, guest_port, count, protocol] = forward;
  v.Field("host_address", host_address);
  v.Field("host_port", host_port);
  v.Field("guest_port", guest_port);
  v.Field("count", count);
  v.Field("protocol", protocol, kNetworkProtocolNames);
}

template <typename V, Either<RateLimit> C>
void Describe(V& v, C& limit) {
  auto& [rate, burst] = limit;
  v.Field("rate", rate);
  v.Field("burst", burst);
}

template <typename V, Either<NetworkLimits> C>
void Describe(V& v, C& limits) {
  auto& [receive, transmit] = limits;
  v.Field("receive", receive);
  v.Field("transmit", transmit);
}

template <typename V, Either<CniOptions> C>
void Describe(V& v, C& cni) {
  auto& [config, directories, plugin_directories, args, capability_args] = cni;
  v.Field("config", config);
  v.Field("directories", directories);
  v.Field("plugin_directories", plugin_directories);
  v.Field("args", args);
  v.Field("capability_args", capability_args);
}

template <typename V, Either<NetworkConfig> C>
void Describe(V& v, C& network) {
  auto& [kind, name, source, mac, mtu, addresses, routes, dns, limits, allow_spoofing, forwards,
         host_loopback, cni] = network;
  v.Field("kind", kind, kNetworkKindNames);
  v.Field("name", name);
  v.Field("source", source);
  v.Field("mac", mac);
  v.Field("mtu", mtu);
  v.Field("addresses", addresses);
  v.Field("routes", routes);
  v.Field("dns", dns);
  v.Field("limits", limits);
  v.Field("allow_spoofing", allow_spoofing);
  v.Field("forwards", forwards);
  v.Field("host_loopback", host_loopback);
  v.Field("cni", cni);
}

template <typename V, Either<NetworkStatus> C>
void Describe(V& v, C& network) {
  auto& [name, kind, interfaces, host, forwards, dns] = network;
  v.Field("name", name);
  v.Field("kind", kind, kNetworkKindNames);
  v.Field("interfaces", interfaces);
  v.Field("host", host);
  v.Field("forwards", forwards);
  v.Field("dns", dns);
}

// A pod without its containers: each has a file of its own. The VM's size is not an object of its own.
template <typename V, Either<PodConfig> C>
void Describe(V& v, C& pod) {
  auto& [id, hostname, resources, hypervisor, agent, shared_memory, dns, hosts, networks, containers,
         annotations] = pod;
  auto& [vcpus, memory, max_memory] = resources;
  static_cast<void>(containers);
  v.Id(id);
  v.Field("hostname", hostname);
  v.Field("vcpus", vcpus);
  v.Field("memory", memory);
  v.Field("max_memory", max_memory);
  v.Field("hypervisor", hypervisor);
  v.Field("agent", agent);
  v.Field("shared_memory", shared_memory);
  v.Field("dns", dns);
  v.Field("hosts", hosts);
  v.Field("networks", networks);
  v.Field("annotations", annotations);
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_CONFIG_FIELDS_H_
