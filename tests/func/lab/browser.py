# SPDX-License-Identifier: Apache-2.0
"""The WIC of the lab: the page in a headless Chromium, driven through browser/driver.mjs."""
import json
import os
import shutil
import subprocess
import tempfile
import threading

from .proc import LabError, sh
from .tones import make_tone

MICROPHONE_HZ = 1000
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "browser")


def install():
    """Puts the driver's one module in place when it is not there yet."""
    if not os.path.exists(os.path.join(HERE, "node_modules", "playwright-core", "package.json")):
        sh("npm", "ci", "--prefix", HERE, "--no-fund", "--no-audit", timeout_s=300)


class Browser:
    def __init__(self, work, name="alice", tone_hz=MICROPHONE_HZ):
        self.dir = os.path.join(work, f"browser-{name}")
        os.makedirs(self.dir, exist_ok=True)
        self.wav = os.path.join(self.dir, "microphone.wav")
        self.tone_hz = tone_hz
        make_tone(self.wav, tone_hz, 10)
        self._next, self._lock = 0, threading.Lock()
        self.log = open(os.path.join(self.dir, "log"), "w", encoding="utf-8")   # pylint: disable=consider-using-with
        # Chromium puts sockets under TMPDIR and will not start when their path exceeds the 107 bytes of sun_path.
        self.tmp = tempfile.mkdtemp(prefix="w2gw-", dir="/run")
        env = {**os.environ, "HOME": self.dir, "TMPDIR": self.tmp, "XDG_RUNTIME_DIR": self.tmp}
        self.popen = subprocess.Popen(["node", os.path.join(HERE, "driver.mjs"), self.wav],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                      text=True, env=env, start_new_session=True)

    def do(self, name, patience_s=60, **arguments):
        """One command to the driver; raises what the page said."""
        with self._lock:
            self._next += 1
            timer = threading.Timer(patience_s, self.popen.kill)
            timer.start()
            try:
                self.popen.stdin.write(json.dumps({"id": self._next, "do": name, **arguments}) + "\n")
                self.popen.stdin.flush()
                line = self.popen.stdout.readline()
            except BrokenPipeError:
                line = ""
            finally:
                timer.cancel()
        if not line:
            raise LabError(f"browser: no answer to {name}")
        self.log.write(f"{name} {json.dumps(arguments)} -> {line}")
        self.log.flush()
        answer = json.loads(line)
        if not answer["ok"]:
            raise LabError(f"browser {name}: {answer['error']}")
        return answer["value"]

    def open(self, url, **launch):
        version = self.do("launch", **launch)
        self.do("open", url=url)
        return version

    def register(self, user, password=None, domain="home1.example"):
        self.do("register", impu=f"sip:{user}@{domain}", impi=f"{user}@{domain}", password=password or user)

    def sign_in(self, login=None, password=None):
        """By the sign-in page of the WAF; no login: as guest. @return the IMPU"""
        return self.do("signIn", login=login, password=password or login)

    def wait(self, test, timeout_s=15):
        """Until the expression over s = phone.state() holds. @return that state"""
        return self.do("wait", patience_s=timeout_s + 10, test=test, timeout_s=timeout_s)

    def registered(self, timeout_s=20):
        return self.wait("s.registration.state === 'registered'", timeout_s)

    def in_call(self, state, timeout_s=15):
        return self.wait(f"s.call.state === '{state}'", timeout_s)

    def heard(self, hz, seconds=2.0):
        return self.do("tone", hz=hz, ms=int(seconds * 1000))

    def state(self):
        return self.do("state")

    def stats(self):
        return self.do("stats")

    def kill(self):
        """As kill -9 would: Chromium and the driver at once."""
        try:
            os.killpg(self.popen.pid, 9)
        except ProcessLookupError:
            pass
        for line in sh("ps", "-eo", "pid=,args=").splitlines():
            pid, _, args = line.strip().partition(" ")
            if self.tmp in args:    # Chromium makes process groups of its own
                try:
                    os.kill(int(pid), 9)
                except ProcessLookupError:
                    pass
        self.popen.wait(5)
        self.log.close()
        shutil.rmtree(self.tmp, ignore_errors=True)

    def stop(self):
        if self.popen.poll() is None:
            try:
                self.do("close", patience_s=10)
                self.popen.wait(5)
            except (LabError, subprocess.TimeoutExpired):
                pass
        if not self.log.closed:
            self.kill()
