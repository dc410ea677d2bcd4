"""The operations on pods that are tested with faults, and the calls that prepare them."""

import host_networks

# A command line of virtc is a list of words. POD and CONTAINER stand for the options that make one, TRUE for a command
# that succeeds, WEB for the pod's id, NETWORK and a kind for the options of a network. MONITOR_DIES is no command line:
# the pod's monitor is killed.
CREATE = ['pod', 'create', 'WEB', 'POD']
START = ['pod', 'start', 'WEB']
STOP = ['pod', 'stop', 'WEB']
DELETE = ['pod', 'delete', 'WEB']
CREATE_B = ['container', 'create', 'WEB', 'b', 'CONTAINER']
MONITOR_DIES = ['MONITOR_DIES']
LAB = 'LAB'



def lab(kind):
    """No command line: the host gets a network of that kind."""
    return [LAB, kind]


def create_with(kind):
    return ['pod', 'create', 'WEB', 'NETWORK', kind, 'POD']


def network_operations():
    for kind in host_networks.KINDS:
        made, add = lab(kind), ['network', 'add', 'WEB', 'NETWORK', kind]
        running = [made, create_with(kind), START]
        yield f'start pod, {kind}', ([made, create_with(kind)], START)
        yield f'stop pod, {kind}', (running, STOP)
        yield f'replace monitor, {kind}', ([*running, MONITOR_DIES], ['monitor', 'WEB'])
        yield f'add network, {kind}', ([made, CREATE, START], add)
        yield f'remove network, {kind}', ([made, CREATE, START, add], ['network', 'remove', 'WEB', 'net0'])
    running = [lab('bridge'), create_with('bridge'), START]
    route = ['WEB', 'net0', '10.10.0.0/16@10.9.0.1']
    yield 'add route', (running, ['route', 'add', *route])
    yield 'remove route', ([*running, ['route', 'add', *route]], ['route', 'remove', *route])


# operation: (the calls before it, the call)
OPERATIONS = {
    'create pod': ([], CREATE),
    'start pod': ([CREATE], START),
    'stop pod': ([CREATE, START], STOP),
    'start stopped pod': ([CREATE, START, STOP], START),
    'delete pod': ([CREATE], DELETE),
    'delete stopped pod': ([CREATE, START, STOP], DELETE),
    'create container': ([CREATE], CREATE_B),
    'create container, running': ([CREATE, START], CREATE_B),
    'start container': ([CREATE, START, CREATE_B], ['container', 'start', 'WEB', 'b']),
    'stop container': ([CREATE, START], ['container', 'stop', 'WEB', 'main']),
    'delete container': ([CREATE, CREATE_B], ['container', 'delete', 'WEB', 'b']),
    'delete container, running': ([CREATE, START, CREATE_B], ['container', 'delete', 'WEB', 'b']),
    'enter container': ([CREATE, START], ['container', 'enter', 'WEB', 'main', '--', 'TRUE']),
    'enter pod': ([CREATE, START], ['pod', 'enter', 'WEB', '--', 'TRUE']),
    'replace monitor': ([CREATE, START, MONITOR_DIES], ['monitor', 'WEB']),
}
NETWORK_OPERATIONS = dict(network_operations())
OPERATIONS.update(NETWORK_OPERATIONS)

# The processes whose steps are counted: virtc, the launcher that it starts, and the monitor that the launcher starts.
ROLES = ('virtc', 'launcher', 'monitor')

# After these there may be no pod.
MAY_LACK_POD = ('create pod', 'delete pod', 'delete stopped pod')
