# SPDX-License-Identifier: Apache-2.0
"""IMS phones of the lab: baresip with a sine as its microphone and a recording of what it hears."""
import glob
import json
import os
import socket
import threading
import time

from .core import CORE_IP
from .proc import LabError, Proc
from .tones import heard_share

MODULES = "/usr/lib/baresip/modules"


class Phone:
    """One phone. Events of its control socket are kept in order; wait_event() takes from them."""

    def __init__(self, root, work, user, number, tone_hz=440, answer="auto", codecs="PCMA/8000/1,PCMU/8000/1",
                 record=True, ring_s=120, max_calls=4, registers=True):
        self.user, self.tone_hz, self.registers = user, tone_hz, registers
        self.dir = os.path.join(work, f"phone-{user}")
        self.port, self.ctrl_port = 5060 + 2 * number, 4440 + number
        self.proc = self.sock = None
        self._events, self._news = [], threading.Condition()
        os.makedirs(self.dir, exist_ok=True)
        values = {"USER": user, "IP": CORE_IP, "CORE_IP": CORE_IP, "SIP_PORT": self.port, "CTRL_PORT": self.ctrl_port,
                  "TONE": tone_hz, "ANSWER": answer, "CODECS": codecs, "DIR": self.dir, "MODULES": MODULES,
                  "INTERFACE": "w2core", "REGINT": 600 if registers else 0, "RING_S": ring_s, "MAX_CALLS": max_calls,
                  "RECORD": "module                  sndfile.so" if record else "", "RTP_PORTS": f"{40000 + 200 * number}-{40199 + 200 * number}"}
        for name in ("config", "accounts"):
            with open(os.path.join(root, f"configs/lab/baresip/{name}.in"), encoding="ascii") as f:
                text = f.read()
            for key, value in values.items():
                text = text.replace(f"@{key}@", str(value))
            with open(os.path.join(self.dir, name), "w", encoding="ascii") as f:
                f.write(text)
        with open(os.path.join(self.dir, "contacts"), "w", encoding="ascii"):
            pass

    def start(self):
        # Its own home: baresip writes a uuid file there.
        self.proc = Proc(f"phone {self.user}", ["baresip", "-f", self.dir], os.path.join(self.dir, "log"),
                         env={**os.environ, "HOME": self.dir}, cwd=self.dir)
        self._connect()
        if self.registers:
            self.proc.wait_line(r"registered successfully|200 OK .*\[", 15)

    def _connect(self):
        deadline = time.monotonic() + 10
        while True:
            try:
                self.sock = socket.create_connection(("127.0.0.1", self.ctrl_port), 1)
                break
            except OSError:
                if time.monotonic() > deadline or not self.proc.alive():
                    raise LabError(f"{self.proc.name}: no control socket: {self.proc.tail()}") from None
                time.sleep(0.05)
        self.sock.settimeout(None)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        """Netstrings of JSON: LENGTH:{...},"""
        data = b""
        while True:
            try:
                more = self.sock.recv(65536)
            except OSError:
                return
            if not more:
                return
            data += more
            while b":" in data:
                size, rest = data.split(b":", 1)
                if len(rest) < int(size) + 1:
                    break
                data = rest[int(size) + 1:]
                with self._news:
                    self._events.append(json.loads(rest[:int(size)]))
                    self._news.notify_all()

    def mark(self):
        with self._news:
            return len(self._events)

    def wait_event(self, kinds, timeout_s, since=0):
        kinds = (kinds,) if isinstance(kinds, str) else kinds
        deadline = time.monotonic() + timeout_s
        at = since
        with self._news:
            while True:
                while at < len(self._events):
                    if self._events[at].get("type") in kinds:
                        return self._events[at]
                    at += 1
                left = deadline - time.monotonic()
                if left <= 0:
                    seen = [e.get("type") for e in self._events[since:]]
                    raise LabError(f"phone {self.user}: no {'/'.join(kinds)} within {timeout_s} s, saw {seen}")
                self._news.wait(left)

    def command(self, command, params=""):
        body = json.dumps({"command": command, "params": params, "token": "x"}).encode()
        self.sock.sendall(b"%d:%s," % (len(body), body))

    def dial(self, uri):
        self.command("dial", uri)

    def answer(self):
        self.command("accept")

    def hangup(self):
        self.command("hangup")

    def recording(self, since_s, patience_s=5):
        """The newest recording of the far end begun after since_s; written out when the call has ended."""
        deadline = time.monotonic() + patience_s
        while True:
            files = [f for f in glob.glob(os.path.join(self.dir, "dump-*-dec.wav"))
                     if os.path.getmtime(f) >= since_s and os.path.getsize(f) > 44]
            if files:
                return max(files, key=os.path.getmtime)
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)

    def heard(self, hz, since_s):
        """@return (share of the recording in which hz rules, seconds recorded) of the call that just ended"""
        path = self.recording(since_s)
        return heard_share(path, hz) if path else (0.0, 0.0)

    def stop(self):
        if self.sock:
            self.sock.close()
        if self.proc:
            self.proc.stop(3)
