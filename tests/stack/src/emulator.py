"""Runs the emulated AWS until the pipe on standard input closes.

The pipe's other end is held by whoever started this. However that process ends, also when it is
killed, the kernel closes the pipe, and the emulator goes with all the function processes that it
started: they share its process group.
"""

import os
import shutil
import signal
import sys
import threading


def end_with_the_starter():
    sys.stdin.buffer.read()
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)


threading.Thread(target=end_with_the_starter, daemon=True).start()

from ministack.app import main  # noqa: E402

main()
