"""The command line of the programs in this directory."""

import argparse
import os
import shutil
import tempfile

from case import Settings

CANNOT_RUN = 77


def parser(description):
    made = argparse.ArgumentParser(description=description)
    made.add_argument('build')
    made.add_argument('--real', action='store_true')
    made.add_argument('--library')
    return made


def settings(arguments):
    """Returns the settings of all cases. If they cannot run, prints why and returns None."""
    build = os.path.abspath(arguments.build)
    library = os.path.abspath(arguments.library or build + '/test/libstep_count.so')
    if arguments.real and not (os.geteuid() == 0 and shutil.which('busybox') and shutil.which('qemu-system-x86_64')
                               and os.path.exists(build + '/guest/vmlinux')):
        print('real pods need root, busybox, QEMU and the guest image')
        return None
    if not os.path.exists(library):
        print(f'{library} is not built')
        return None
    if not os.environ.get('TMPDIR') and os.access('/dev/shm', os.W_OK):
        tempfile.tempdir = '/dev/shm'
    return Settings(build, library, arguments.real)
