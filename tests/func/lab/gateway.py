# SPDX-License-Identifier: Apache-2.0
"""The two processes under test: eimsagw and epcscf with their lab configurations."""
import json
import os
import signal
import socket
import ssl
import subprocess

from .proc import LabError, Proc, wait_until

PROFILES = {"gcm": "aead-aes-128-gcm", "sha1": "aes128-cm-hmac-sha1-80",
            "both": "aead-aes-128-gcm, aes128-cm-hmac-sha1-80"}
ACCESS_V4, ACCESS_V6, W2_PORT = "192.0.2.1", "2001:db8:1::1", 8443


def fill(template, out, values):
    with open(template, encoding="utf-8") as f:
        text = f.read()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    with open(out, "w", encoding="utf-8") as f:
        f.write(text)
    return out


class Daemon:
    """What both have in common: a configuration, a log, start, stop, kill."""

    def __init__(self, name, binary, template, work, values, ready, wrapper=()):
        self.name, self.binary, self.ready, self.wrapper = name, binary, ready, list(wrapper)
        self.dir = os.path.join(work, name)
        os.makedirs(self.dir, exist_ok=True)
        self.config = fill(template, os.path.join(self.dir, f"{name}.yaml"), values)
        self.proc = None

    def start(self, timeout_s=30):
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:exitcode=66:abort_on_error=0",
               "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=66",
               "TSAN_OPTIONS": "exitcode=66:second_deadlock_stack=1"}
        if not os.access(self.binary, os.X_OK):
            raise LabError(f"{self.binary} is not built")
        self.proc = Proc(self.name, [*self.wrapper, self.binary, "-c", self.config],
                         os.path.join(self.dir, "log"), env=env)
        self.proc.wait_line(self.ready, timeout_s)

    def stop(self):
        """@return the exit status of a clean stop; 66 is a sanitizer's report"""
        return self.proc.stop(20) if self.proc else 0

    def kill(self):
        self.proc.signal(signal.SIGKILL)
        self.proc.popen.wait(5)


class Eimsagw(Daemon):
    def __init__(self, root, build, work, prefix="w2gw", profile="both", tokens="short", log_level="info", workers=1, transport="udp",
                 access_tap="w2acc"):
        cores = sorted(os.sched_getaffinity(0))
        # the service core on the first CPU, all workers on the second one
        lcores = ",".join([f"0@{cores[0]}", *(f"{w}@{cores[-1]}" for w in range(1, workers + 1))])
        super().__init__("eimsagw", os.path.join(build, "dataplane/eimsagw"),
                         os.path.join(root, "configs/lab/eimsagw.yaml.in"), work,
                         {"LCORES": lcores, "PREFIX": prefix, "TOKENS": tokens, "LOG_LEVEL": log_level, "TRANSPORT": transport,
                          "ACCESS_TAP": access_tap,
                          "SRTP_PROFILES": PROFILES[profile]}, r" ready ")
        self.prefix = prefix

    def show(self, what):
        """One of the telemetry tables: rows of contexts, flows, ports, workers; one dict of drops, summary."""
        path = f"/run/dpdk/{self.prefix}/dpdk_telemetry.v2"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(5)
            s.connect(path)
            s.recv(4096)
            s.send(f"/w2gw/{what}".encode())
            table = json.loads(s.recv(1 << 20))[f"/w2gw/{what}"] or {}
        rows = list(table.values())
        return rows if what not in ("drops", "summary") else table


class Epcscf(Daemon):
    def __init__(self, root, build, work, wic_dir, listen=None, dtls_role="active", data="relay", bundle="share", ice="lite",
                 tokens="short", guard_s=60, log_level="info", socket_path="/run/w2gw/epcscf.sock",
                 access_token_s=600, issuers=None, prefix="w2gw"):
        listen = listen or [f"{ACCESS_V4}:{W2_PORT}", f"[{ACCESS_V6}]:{W2_PORT}"]
        super().__init__("epcscf", os.path.join(build, "control/epcscf"),
                         os.path.join(root, "configs/lab/epcscf.yaml.in"), work,
                         {"W2_LISTEN": ", ".join(f'"{a}"' for a in listen), "WIC_DIR": wic_dir,
                          "DTLS_ROLE": dtls_role, "DATA": data, "BUNDLE": bundle, "ICE": ice, "TOKENS": tokens, "GUARD_S": guard_s,
                          "LOG_LEVEL": log_level, "DIR": os.path.join(work, "epcscf"),
                          "SOCKET": socket_path, "TELEMETRY": f"/run/dpdk/{prefix}/dpdk_telemetry.v2",
                          "ACCESS_TOKEN_S": access_token_s}, r" ready ")
        self.socket_path = socket_path
        self.users_db, self.ctl = os.path.join(self.dir, "users.db"), os.path.join(build, "control/w2gwctl")
        if issuers:     # of access tokens: a list as in tokens.issuers
            with open(self.config, "a", encoding="utf-8") as f:
                f.write(f"tokens:\n  issuers: {json.dumps(issuers)}\n")

    def show(self, what):
        """One of: registrations, calls, gateways, counters."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(5)
            s.connect(self.socket_path)
            s.sendall(b"show " + what.encode() + b"\n")
            data = b""
            while True:
                more = s.recv(65536)
                if not more:
                    break
                data += more
                try:
                    return json.loads(data)
                except ValueError:
                    continue
        return json.loads(data or b"[]")

    def counters(self):
        return self.show("counters")

    def user(self, *command, password=None):
        """w2gwctl user ..., e.g. user("lock", "alice"); add asks for the password on its standard input."""
        words = [*command, "--password-stdin"] if password else command
        p = subprocess.run([self.ctl, "user", *words, "--db", self.users_db], input=f"{password}\n", text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=20)
        if p.returncode:
            raise LabError(f"w2gwctl user {' '.join(words)}: {p.stdout}")
        return p.stdout

    def wait_gateway(self, timeout_s=15):
        wait_until("the gateway in service", lambda: any(g["in_service"] for g in self.show("gateways")), timeout_s)

    def get(self, path, host=ACCESS_V4, port=W2_PORT):
        """An https GET. @return (status, body)"""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((host, port), 5) as raw, context.wrap_socket(raw) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            data = b""
            while True:
                try:
                    more = s.recv(65536)
                except ssl.SSLError:
                    break
                if not more:
                    break
                data += more
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), body
