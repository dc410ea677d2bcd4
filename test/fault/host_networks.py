"""The networks of the host that a case's pod is connected to, and what is left of a pod in them.

All of it is in the case's own network namespace, and under a /run that only the case sees.
"""

import json
import os
import re
import subprocess

KINDS = ('bridge', 'tap', 'namespace', 'cni', 'user')

# A namespace that somebody else has made, for a pod to take over: its name, and its end of a pair.
GIVEN = 'given'

MAKE = {
    'bridge': ['ip link add br-fault type bridge', 'ip link set br-fault up'],
    'tap': ['ip tuntap add tap-fault mode tap vnet_hdr', 'ip link set tap-fault up'],
    'namespace': [f'ip netns add {GIVEN}',
                  f'ip link add veth-fault type veth peer name eth0 netns {GIVEN}',
                  'ip link set veth-fault up',
                  f'ip -n {GIVEN} link set eth0 up',
                  f'ip -n {GIVEN} address add 10.9.1.2/24 dev eth0'],
    'cni': [],
    'user': [],
}

# What virtc is given for a network of that kind. Limits make more on the host.
LIMITS = 'receive=10M,transmit=10M'
SPECIFICATIONS = {
    'bridge': f'bridge:br-fault,name=net0,address=10.9.0.2/24,{LIMITS}',
    'tap': f'tap:tap-fault,name=net0,address=10.9.0.2/24,{LIMITS}',
    'namespace': f'namespace:/run/netns/{GIVEN},name=net0,{LIMITS}',
    'cni': 'cni:DIR/fault.conflist,name=net0',
    # Limits are libslirp's; without them it may be passt.
    'user': f'user,name=net0,{LIMITS}',
}

# Kinds to which --publish applies.
PUBLISHED = {'cni': '18080:80', 'user': '18081:80'}

# Chains that CNI's plugins make for one attachment; others stay, as the bridge does.
CHAIN = re.compile(r':(CNI-[0-9a-f]{16,}|CNI-DN-\w+|CNI-SN-\w+)')


def conflist(folder):
    return {'cniVersion': '1.0.0', 'name': 'fault', 'plugins': [
        {'type': 'bridge', 'bridge': 'cni-fault', 'isGateway': True, 'ipMasq': True,
         'ipam': {'type': 'host-local', 'dataDir': folder + '/cni-store',
                  'ranges': [[{'subnet': '10.9.2.0/24'}]], 'routes': [{'dst': '0.0.0.0/0'}]}},
        {'type': 'portmap', 'capabilities': {'portMappings': True}}]}


def obstacle(kind):
    """Why networks of that kind cannot be tried here; empty if they can."""
    if os.geteuid() != 0:
        return 'networks need root'
    if kind == 'cni' and not all(os.access(f'/usr/lib/cni/{name}', os.X_OK)
                                 for name in ('bridge', 'host-local', 'portmap')):
        return 'networks of CNI need its plugins: apt install containernetworking-plugins'
    return ''


class HostNetworks:
    """What a case has made for its pod to be connected to."""

    def __init__(self, folder):
        self.folder = folder
        self.kinds = []
        self.before = None

    def make(self, kind):
        with open(self.folder + '/fault.conflist', 'w', encoding='utf-8') as file:
            json.dump(conflist(self.folder), file)
        for command in ['ip link set lo up', *MAKE[kind]]:
            subprocess.run(command.split(), check=True, stdout=subprocess.DEVNULL)
        self.kinds.append(kind)
        self.before = self.traces()

    def close(self):
        if 'namespace' in self.kinds:
            subprocess.run(['ip', 'netns', 'delete', GIVEN], check=False)

    def words(self, kind):
        """The options of virtc for a network of that kind."""
        text = SPECIFICATIONS[kind].replace('DIR', self.folder)
        return [text] + (['--publish', PUBLISHED[kind]] if kind in PUBLISHED else [])

    def traces(self):
        """What there is of devices and their queues and filters, one text for each."""
        seen = set()
        places = [[]] + ([['-n', GIVEN]] if 'namespace' in self.kinds else [])
        for place in places:
            where = ' of the given namespace' if place else ''
            names = [link['ifname'] for link in output(['ip', *place, '-j', 'link'])]
            seen |= {f'network interface {name}{where}' for name in names}
            for rule in output(['tc', *place, '-j', 'qdisc']):
                seen.add(f'queueing discipline {rule["kind"]} of {rule["dev"]}{where}')
            for name in names:
                for rule in output(['tc', *place, '-j', 'filter', 'show', 'dev', name, 'ingress']):
                    seen.add(f'filter {rule["pref"]} of {name}{where}')
        return seen

    def left(self, pod):
        """What a pod that has ended should have taken with it."""
        if self.before is None:
            return []
        # The bridge of CNI's plugins is for the next pod, too.
        left = [one for one in sorted(self.traces() - self.before) if 'cni-fault' not in one]
        left += [f'{one} is gone' for one in sorted(self.before - self.traces())]
        store = self.folder + '/cni-store/fault'
        if os.path.isdir(store):
            left += [f'address {name}' for name in os.listdir(store)
                     if name != 'lock' and not name.startswith('last_reserved_ip')]
        if 'cni' in self.kinds:
            rules = subprocess.run(['iptables-save'], capture_output=True, text=True, check=False).stdout
            left += [f'firewall rule {line}' for line in rules.splitlines() if pod in line or CHAIN.match(line)]
        return left


def output(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        return []
    return json.loads(done.stdout)
