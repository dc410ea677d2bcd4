"""The checks after each fault (README.md)."""

import os
import signal
import time

import operations
from case import FAILED, Broken

STATES = ('ready', 'running', 'paused', 'stopped')
# Seconds to wait until the kernel has removed processes, mounts and namespaces.
VANISHING = float(os.environ.get('FAULT_PATIENCE', '20'))


def killed_in_order(fault, done, hit):
    """Checks the end of a call during which a process was killed."""
    if fault.role == 'virtc' and hit and done.returncode != -signal.SIGKILL:
        raise Broken(f'was to be killed, and ended with {done.returncode}')
    if not hit and done.returncode != 0:
        raise Broken(f'failed with nobody killed: {done.stderr.strip()}')
    if done.returncode > 0 and not done.stderr.strip():
        raise Broken('failed without a word')


def failed_in_order(fault, done, hit):
    """Checks the end of a call during which a system call failed: the call succeeds, or says what failed."""
    if done.returncode == 0:
        return
    words = done.stderr.strip()
    if not hit:
        raise Broken(f'failed where nothing did: {words}')
    if done.returncode != FAILED:
        raise Broken(f'ended with {done.returncode}: {words}')
    # A monitor that lacks them cannot take a call, and hangs up.
    dumb = fault.role == 'monitor' and fault.error in ('EMFILE', 'EAGAIN')
    if not words or not (dumb or fault.reason() in words.lower()):
        raise Broken(f'does not say what failed: {words or "nothing"}')


def old_or_new(case, name, fault, done, old, new):
    """Checks that a failed call has changed nothing and can be repeated, and that a call that succeeded is complete."""
    now = nameless(case, case.seen())
    succeeded = done.returncode == 0
    if name.startswith('replace monitor') and not case.settings.real:
        # The containers of a VM that does nothing live in its monitor, and are gone with it: sooner or later.
        old, new, now = (without_containers(seen) for seen in (old, new, now))
    undone = [old]
    if name == 'start container':
        # A start that fails leaves the container stopped, with the reason.
        undone.append({pod: (state, {**containers, 'b': 'stopped'}) for pod, (state, containers) in old.items()})
    wanted = [new] if succeeded else [*undone, new]
    if fault.rest and 'start' in name:
        # Where nothing can be written, that a start was undone cannot be either: its VM is gone, which is seen.
        wanted += [] if succeeded else [stopped(old)]
    if now not in wanted:
        raise Broken(f'{"succeeded" if succeeded else "failed"}, and left {now} of {old} on the way to {new}')
    if not succeeded and now in undone and now != new:
        case.must(operations.OPERATIONS[name][1])
        if nameless(case, case.seen()) != new:
            raise Broken(f'failed, was done again, and left {nameless(case, case.seen())} instead of {new}')


def without_containers(seen):
    return {pod: (state, {one: what for one, what in parts.items() if one.startswith('network ')})
            for pod, (state, parts) in seen.items()}


def stopped(seen):
    return {pod: ('stopped', {one: what if one.startswith('network ') else 'stopped' for one, what in parts.items()})
            for pod, (_, parts) in seen.items()}


def nameless(case, seen):
    """Comparable with what is seen in another case."""
    return {pod.replace(case.pod, 'WEB'): states for pod, states in seen.items()}


def still_answers(case, fault):
    """A caller who only asks needs no place on the disk."""
    environment = case.environment(fault.at(1))
    for words in (['pod', 'list'], ['pod', 'status', 'WEB']):
        if words[1] == 'status' and case.read_config() is None:
            continue
        done = case.call(words, dict(environment, FAULT_ROLE='virtc'))
        if done.returncode != 0:
            raise Broken(f'while that lasts, {" ".join(words)} fails: {done.stderr.strip()}')


def recovers(case, name):
    """The next caller comes: the pod is there, legal, as it was configured, and can be stopped, started, deleted."""
    pods = case.list()
    if not pods:
        if name not in operations.MAY_LACK_POD:
            raise Broken('the pod is lost')
        case.must(operations.CREATE)
    elif case.config is not None and case.read_config() != case.config:
        raise Broken('its configuration is another')
    state = case.status().get('state')
    if state not in STATES:
        raise Broken(f'its state is {state}')
    if state in ('running', 'paused'):
        case.must(['container', 'list', 'WEB'])
        case.must(operations.STOP)
    case.must(operations.START)
    case.must(operations.STOP)
    # The pod goes on. Its monitor, which holds devices of the host, ends some time after the call.
    vanishes('in the pod that goes on there is ', lambda: litter(case))
    case.must(operations.DELETE)
    nothing_left(case)


def nothing_left(case):
    # What waits to be removed is taken by the next caller, an hour later.
    case.must(['pod', 'list'], {'LD_PRELOAD': case.settings.library, 'FAULT_LATER': '7200'})
    vanishes('left behind: ', lambda: leaks(case))


def vanishes(problem, find):
    until = time.monotonic() + VANISHING
    while True:
        left = find()
        if not left:
            return
        if time.monotonic() > until:
            raise Broken(problem + ', '.join(left))
        time.sleep(0.02)


def litter(case):
    """What a pod that is stopped does not need."""
    return untidy(case) + [f'network file {name}' for name in
                           entries(f'{case.dir}/root/pods/{case.pod}/networks')] + case.networks.left(case.pod)


def leaks(case):
    """All that is there of a case whose pods are deleted."""
    left = [f'file {part}/{entry}' for part in ('root/pods', 'root/trash', 'run')
            if os.path.isdir(f'{case.dir}/{part}') for entry in os.listdir(f'{case.dir}/{part}')]
    left += [f'file root/{name}' for name in entries(case.dir + '/root') if '.tmp.' in name]
    left += [f'process {pid} {line}' for pid, line in case.processes()]
    # Also a network namespace that is kept by its name is a mount.
    left += [f'mount {target}' for number, target in case.mounts().items() if number not in case.own_mounts.values()]
    left += mount_namespaces(case) + network(case) + case.networks.left(case.pod)
    left += ['cgroup ' + path for path, _, _ in os.walk('/sys/fs/cgroup') if case.pod in os.path.basename(path)]
    return left


def untidy(case):
    """What nobody needs any more, in a pod that is needed: drafts of files, containers that are not in its record."""
    pod = f'{case.dir}/root/pods/{case.pod}'
    left = [f'draft {name}' for _, _, files in os.walk(pod) for name in files if '.tmp.' in name]
    if os.path.isdir(pod + '/containers'):
        known = [container['id'] for container in case.status()['containers']]
        left += [f'orphan {name}' for name in os.listdir(pod + '/containers')
                 if name.endswith('.json') and name[:-len('.json')] not in known]
    return left


def entries(path):
    return os.listdir(path) if os.path.isdir(path) else []


def mount_namespaces(case):
    """Those in which something of the case is mounted, by a process that is in it."""
    ours, seen, left = os.readlink('/proc/thread-self/ns/mnt'), set(), []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            namespace = os.readlink(f'/proc/{pid}/ns/mnt')
            if namespace == ours or namespace in seen:
                continue
            seen.add(namespace)
            with open(f'/proc/{pid}/mountinfo', encoding='utf-8') as file:
                if case.dir in file.read():
                    left.append(f'mount namespace of process {pid}')
        except OSError:
            continue
    return left


def network(case):
    """Interfaces, which there are none of to begin with; sockets; names of network namespaces."""
    left = [f'network namespace {name}' for name in entries('/run/netns') if case.pod in name]
    with open('/proc/thread-self/net/unix', encoding='utf-8') as file:
        left += ['socket ' + line.split()[-1] for line in file if case.dir in line]
    if os.geteuid() == 0 and not case.networks.kinds:
        with open('/proc/thread-self/net/dev', encoding='utf-8') as file:
            names = [line.split(':')[0].strip() for line in file if ':' in line]
        left += [f'network interface {name}' for name in names if name != 'lo']
    return left
