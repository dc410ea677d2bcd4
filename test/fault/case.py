"""One case: a root of its own, on a host of its own as far as that is cheap, and the callers that come to it."""

import ctypes
import dataclasses
import errno
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import host_networks
import operations

# No call takes so long; one that does hangs.
PATIENCE = 120
# How long after its caller has been answered a process may go on with its steps.
SETTLE = 0.2
FAILED = 125

OWN_RUN = '/run/of-a-case'
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_SLAVE = 0x4000, 0x80000


class Broken(Exception):
    """What must hold does not."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of all cases."""
    build: str
    library: str
    real: bool


@dataclasses.dataclass(frozen=True)
class Fault:
    """What goes wrong, and where. At step 0, nothing."""
    role: str
    step: int = 0
    error: str = ''      # fails with it, such as ENOSPC; else it is killed
    rest: bool = False   # so do all steps that follow
    after: bool = False  # killed after the step, not before it
    journal: bool = False  # lines of the journal are the only steps

    def __str__(self):
        if self.error:
            return f'{self.role}, {self.error} {"from" if self.rest else "at"} step {self.step}'
        return f'{self.role} killed {"after" if self.after else "before"} step {self.step}'

    def at(self, step):
        return dataclasses.replace(self, step=step)

    def reason(self):
        """The words for the error, as a message has them."""
        return os.strerror(getattr(errno, self.error)).lower()


def private_host():
    """Gives this thread, and the programs it starts, a network without interfaces, and mounts that nobody else sees:
    what a case leaves behind is then neither another's nor the machine's. Only root can."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 or \
            libc.mount(None, b'/', None, MS_REC | MS_SLAVE, None) != 0:
        raise OSError(ctypes.get_errno(), 'unshare')
    # Names of network namespaces, and the lock of iptables.
    if not os.path.exists(OWN_RUN):
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=0755', 'none', '/run'], check=True)
        open(OWN_RUN, 'w', encoding='utf-8').close()


def networks_of(pod):
    """The routes of each network."""
    return {'network ' + network['name']: [f'{route["destination"]} {route["gateway"]}' for interface in
                                           network['interfaces'] for route in interface['routes']]
            for network in pod['networks']}


class Case:
    def __init__(self, settings):
        private_host()
        self.settings = settings
        self.dir = tempfile.mkdtemp(prefix='virtc-fault-')
        # Whatever is named after the pod is this case's.
        self.pod = 'web-' + self.dir.rsplit('-', 1)[1].strip('_').replace('_', '-')
        self.arm = self.dir + '/arm'
        self.log = self.dir + '/steps'
        self.config = None
        self.limits = None  # called in each program before it begins
        for folder in ('rootfs/bin', 'rootfs/data', 'volume'):
            os.makedirs(f'{self.dir}/{folder}')
        if settings.real:
            shutil.copy(shutil.which('busybox'), self.dir + '/rootfs/bin/busybox')
        self.own_mounts = {}  # of this program's making: target to id
        self.networks = host_networks.HostNetworks(self.dir)

    # Callers

    def command(self, words):
        run_as = ['/bin/busybox'] if self.settings.real else []
        # The network that virtc gives a pod by itself would have the name of the given namespace's interface.
        no_network = ['--network', 'none'] if self.settings.real and 'NETWORK' not in words else []
        line, words = [], iter(words)
        for word in words:
            if word == 'NETWORK':
                line += ([] if line[0] == 'network' else ['--network']) + self.networks.words(next(words))
            elif word in ('POD', 'CONTAINER'):
                line += ['--rootfs', self.dir + '/rootfs', '--volume', self.dir + '/volume:/data']
                if word == 'POD':
                    line += no_network
                    line += ['--memory', '128M'] if self.settings.real else ['--hypervisor', 'mock', '--agent', 'noop']
                line += ['--'] + run_as + ['sleep', '1000']
            elif word == 'TRUE':
                line += run_as + ['true']
            else:
                line.append(self.pod if word == 'WEB' else word)
        return line

    def call(self, words, environment=None):
        build = self.settings.build
        env = dict(os.environ, VIRTCONTAINERS_ROOT=self.dir + '/root', VIRTCONTAINERS_RUN=self.dir + '/run',
                   VIRTCONTAINERS_MONITOR=build + '/bin/virtcontainers-monitor',
                   VIRTCONTAINERS_GUEST=build + '/guest', **(environment or {}))
        try:
            return subprocess.run([build + '/bin/virtc'] + self.command(words), env=env, capture_output=True,
                                  text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False,
                                  preexec_fn=self.limits)
        except subprocess.TimeoutExpired as expired:
            raise Broken(f'{" ".join(words)}: no answer in {PATIENCE} s') from expired

    def must(self, words, environment=None):
        if words == operations.MONITOR_DIES:
            self.kill_monitor()
            return ''
        if words[0] == operations.LAB:
            self.networks.make(words[1])
            return ''
        done = self.call(words, environment)
        if done.returncode != 0:
            raise Broken(f'{" ".join(words)}: {done.stderr.strip() or done.returncode}')
        return done.stdout

    def environment(self, fault):
        env = {'LD_PRELOAD': self.settings.library, 'FAULT_ROLE': fault.role, 'FAULT_AT': str(fault.step),
               'FAULT_ARM': self.arm, 'FAULT_LOG': self.log}
        if fault.error:
            env['FAULT_ERRNO'] = str(getattr(errno, fault.error))
        if fault.rest:
            env['FAULT_FOR'] = 'rest'
        if fault.after:
            env['FAULT_WHEN'] = 'after'
        if fault.journal:
            env['FAULT_ONLY'] = 'journal'
        return env

    # What there is

    def list(self, environment=None):
        return json.loads(self.must(['--format', 'json', 'pod', 'list'], environment))

    def status(self, environment=None):
        return json.loads(self.must(['--format', 'json', 'pod', 'status', 'WEB'], environment))

    def seen(self):
        """What a caller sees of the pods, for comparison: states, not times."""
        return {pod['id']: (pod['state'], {c['id']: c['state'] for c in pod['containers']} | networks_of(pod))
                for pod in self.list()}

    def read_config(self):
        try:
            with open(f'{self.dir}/root/pods/{self.pod}/config.json', 'rb') as file:
                return file.read()
        except FileNotFoundError:
            return None

    def processes(self):
        """Those that name this case's directory, which is nobody else's: (pid, command line)."""
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/environ', 'rb') as file:
                    environment = file.read()
                with open(f'/proc/{pid}/cmdline', 'rb') as file:
                    line = file.read()
            except OSError:
                continue
            if self.dir.encode() in environment + line and line:
                yield int(pid), line.replace(b'\0', b' ').decode('utf-8', 'replace')[:100]

    def kill_monitor(self):
        os.kill(self.status()['monitor_pid'], signal.SIGKILL)

    # The operation

    def arm_it(self):
        open(self.arm, 'w', encoding='utf-8').close()

    def disarm(self):
        """Nothing goes wrong any more."""
        if os.path.exists(self.arm):
            os.unlink(self.arm)

    def happened(self):
        return os.path.exists(self.arm + '.hit')

    def steps(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding='utf-8', errors='replace') as file:
            return [line.replace(self.dir, '') for line in file.read().splitlines()]

    def perform(self, name, fault):
        """Does the operation with the fault. Returns how it ended, and what was seen before it."""
        before, operation = operations.OPERATIONS[name]
        environment = self.environment(fault)
        for words in before:
            self.must(words, environment)
        self.config = self.read_config()
        old = self.seen()
        self.arm_it()
        done = self.call(operation, environment)
        # A process that goes on after its caller has its answer has steps to come.
        until = time.monotonic() + (10 * SETTLE if fault.step else SETTLE)
        while not self.happened() and time.monotonic() < until:
            time.sleep(0.01)
        return done, old

    def kill_all(self):
        for pid, _ in list(self.processes()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def mounts(self):
        """What is mounted in the case's directory, by id."""
        with open('/proc/thread-self/mountinfo', encoding='utf-8') as file:
            return {line.split()[0]: line.split()[4] for line in file if self.dir in line}

    def mount(self, folder, options):
        """A file system that only this case sees."""
        target = f'{self.dir}/{folder}'
        os.makedirs(target, exist_ok=True)
        # Nobody else may write to it, or the library refuses it.
        options = f'mode=0700,{options}'
        subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'none', target], check=True)
        self.own_mounts[target] = next(number for number, at in self.mounts().items() if at == target)

    def close(self):
        # Of a case that did not survive: by the directory, which is this case's alone.
        self.disarm()
        self.kill_all()
        for target in self.own_mounts:
            subprocess.run(['umount', '--lazy', target], check=False)
        self.networks.close()
        shutil.rmtree(self.dir, ignore_errors=True)
