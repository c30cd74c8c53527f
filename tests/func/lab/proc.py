# SPDX-License-Identifier: Apache-2.0
"""Child processes of the lab: started with a log, waited for by what they say, stopped by their own id."""
import os
import re
import signal
import subprocess
import threading
import time


class LabError(Exception):
    """Something of the lab did not come up or did not answer; the text is for people."""


class Proc:
    """One child. Its output goes to a file and is searched while it runs."""
    wrapper = []    # in front of every command

    def __init__(self, name, argv, log_path, env=None, cwd=None, stdin=None):
        self.name = name
        self.log_path = log_path
        self._lines = []
        self._news = threading.Condition()
        self._echo = None
        self.popen = subprocess.Popen(
            [*self.wrapper, *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, cwd=cwd,
            stdin=stdin or subprocess.DEVNULL, start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with open(self.log_path, "ab", buffering=0) as log:
            for raw in self.popen.stdout:
                log.write(raw)
                with self._news:
                    self._lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def mark(self):
        """A place in the output; pass it to wait_line() to look only at what comes later."""
        with self._news:
            return len(self._lines)

    def lines(self, since=0):
        with self._news:
            return self._lines[since:]

    def find(self, pattern, since=0):
        return [m for m in (re.search(pattern, line) for line in self.lines(since)) if m]

    def wait_line(self, pattern, timeout_s, since=0):
        """The first match at or after the mark; LabError when it ends or time is up."""
        rx = re.compile(pattern)
        deadline = time.monotonic() + timeout_s
        at = since
        with self._news:
            while True:
                while at < len(self._lines):
                    m = rx.search(self._lines[at])
                    at += 1
                    if m:
                        return m
                left = deadline - time.monotonic()
                if self.popen.poll() is not None and not self._reader.is_alive():
                    raise LabError(f"{self.name} ended (status {self.popen.returncode}): {self.tail()}")
                if left <= 0:
                    raise LabError(f"{self.name} did not say /{pattern}/ within {timeout_s} s: {self.tail()}")
                self._news.wait(min(left, 0.5))

    def tail(self, count=3):
        return " | ".join(self._lines[-count:]) or "no output"

    def signal(self, sig):
        if self.alive():
            os.kill(self.pid, sig)

    def stop(self, timeout_s=8):
        """SIGTERM, then SIGKILL to the whole family. @return the exit status"""
        for sig, patience in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, 5)):
            if not self.alive():
                break
            try:
                if sig == signal.SIGKILL:
                    os.killpg(self.pid, sig)
                else:
                    self.signal(sig)
                self.popen.wait(patience)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._reader.join(2)
        return self.popen.returncode

    def kill(self):
        """As a crash would: the whole family at once."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait(5)


def wait_until(what, condition, timeout_s, every_s=0.05):
    """Polls for states nobody announces (a socket, a file). @return the condition's value"""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise LabError(f"{what}: not within {timeout_s} s")
        time.sleep(every_s)


def sh(*argv, check=True, timeout_s=30):
    """Runs a small command. @return its output; LabError when it fails and check is set"""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout_s, check=False)
    if check and done.returncode:
        raise LabError(f"{' '.join(argv)}: {done.stdout.strip()}")
    return done.stdout
