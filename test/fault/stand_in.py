"""A virtc that has no pods worth the name, only their files: for the harness's self-test.

With STAND_IN it does one thing wrong, which the harness has to find. test/fault/stand_in runs it.
"""
import json
import os
import subprocess
import sys

ROOT, RUN = os.environ['VIRTCONTAINERS_ROOT'], os.environ['VIRTCONTAINERS_RUN']
WRONG = os.environ.get('STAND_IN', '')


def save(path, text):
    draft = path + '.tmp.1'
    if WRONG == 'writes in place':
        draft = path
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        try:
            os.write(fd, text.encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        if draft != path:
            os.rename(draft, path)
    except OSError:
        if draft != path:
            os.unlink(draft)
        raise


def load(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def pods():
    folder = ROOT + '/pods'
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def view(pod):
    return {'id': pod, 'state': load(f'{ROOT}/pods/{pod}/state'), 'containers': [], 'networks': []}


def note(pod, **line):
    """Into the journal."""
    fd = os.open(f'{ROOT}/pods/{pod}/journal', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, json.dumps(line).encode() + b'\n')
    os.close(fd)


def remove(path):
    if os.path.isdir(path):
        for name in os.listdir(path):
            os.unlink(path + '/' + name)
        os.rmdir(path)


def create(pod):
    draft = f'{ROOT}/trash/{pod}'
    for folder in (ROOT, ROOT + '/pods', ROOT + '/trash', RUN):
        if not os.path.isdir(folder):
            os.mkdir(folder)
    remove(draft)
    os.mkdir(draft)
    try:
        save(draft + '/config.json', '{"id": "web"}')
        save(draft + '/state', 'ready')
        os.rename(draft, f'{ROOT}/pods/{pod}')
    except OSError:
        remove(draft)
        raise


def start(pod):
    note(pod, id=1, step='begin', kind='directory')
    remove(f'{RUN}/{pod}')
    os.mkdir(f'{RUN}/{pod}')
    note(pod, id=1, step='done')
    if WRONG == 'leaks a process':
        subprocess.Popen(['sleep', '1000'], start_new_session=True, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if WRONG == 'leaks a file':
        save(f'{RUN}/left', '')
    if WRONG == 'changes the configuration':
        save(f'{ROOT}/pods/{pod}/config.json', '{"id": "other"}')
    if WRONG == 'loses the pod':
        return remove(f'{ROOT}/pods/{pod}')
    if WRONG == 'invents a state':
        return save(f'{ROOT}/pods/{pod}/state', 'confused')
    return save(f'{ROOT}/pods/{pod}/state', 'running')


def main():
    words = [word for word in sys.argv[1:] if word not in ('--format', 'json')]
    verb, pod = words[1], words[2] if len(words) > 2 else ''
    try:
        if verb == 'create':
            create(pod)
        elif verb == 'start':
            start(pod)
        elif verb == 'stop':
            save(f'{ROOT}/pods/{pod}/state', 'stopped')
            remove(f'{RUN}/{pod}')
        elif verb == 'delete':
            remove(f'{RUN}/{pod}')
            remove(f'{ROOT}/pods/{pod}')
        else:
            print(json.dumps(view(pod) if verb == 'status' else [view(pod) for pod in pods()]))
    except OSError as error:
        if WRONG == 'says it went well':
            return 0
        print('virtc: something went wrong' if WRONG == 'does not say what' else f'virtc: {error}', file=sys.stderr)
        return 125
    return 0


sys.exit(main())
