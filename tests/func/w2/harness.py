# SPDX-License-Identifier: Apache-2.0
"""A real epcscf between a raw WebSocket client, a core on UDP and TCP and a small H.248 gateway.

    from harness import *

    @case("an unregistered WIC is refused with 403", mw={"t1_ms": 50})
    def _(t):
        w = t.ws()
        w.send(request("MESSAGE", "sip:bob@home1.example"))
        check(w.get(403))

    run()

Each case has a process of its own, in a network namespace of the test (ports never collide) and a
private directory. A case fails on an exception, and when the binary ended, crashed or reported a
sanitizer error. Keyword arguments of case() are laid over the configuration, section by section.
Waits end with the event; a time is only the limit after which the case has failed."""
import json, os, random, re, shutil, signal, socket, subprocess, sys, tempfile, threading, time, traceback

from peers import *

OURS = ("harness.py", "peers.py", "messages.py", "dialogs.py")
SANITIZER = re.compile(r"ERROR: \w+Sanitizer: .*|runtime error: .*")


class Rig:
    """epcscf and its neighbours: t.core, t.mg, t.ws(), t.register(), t.metrics(), t.log_wait()."""
    def __init__(self, conf, ip=LO, core=None):
        """ip: its own address; core: that of another rig, which this one shares."""
        self.ip, self.shares_core = ip, bool(core)
        self.dir = tempfile.mkdtemp(prefix="w2gw-")
        self.wrapper = conf.pop("wrapper", [])
        self.core = core or (Core() if conf.pop("core", True) else None)
        self.sockets, self.mg = [], conf.pop("gateway", lambda: Gateway(ip=ip))()
        self.lines, self.event = [], threading.Condition()
        self.conf = {
            "w2": {"listen": [f"{ip}:{W2_PORT}"], "host": "localhost", "allow_no_origin": True, "insecure_ws": True,
                   "max_messages_per_s": 100000, "connections_per_s_source": 0, "connections_per_s_prefix": 0,
                   "requests_per_s_source": 0, "requests_per_s_user": 0, "certificate": f"{self.dir}/c.crt", "key": f"{self.dir}/c.key"},
            "mw": {"bind": f"{ip}:{MW_PORT}", "home_domain": "home1.example", "entry": [f"{LO}:{CORE_PORT}"],
                   "probe_s": 0},
            "iq": {"bind": f"{ip}:{IQ_PORT}", "gateways": [{"name": "g", "address": f"{ip}:{MG_PORT}"}]},
            "reg": {"subscribe": False},
            "overload": {"lag_ms": 10000},      # a machine of tests is busy with more than epcscf
            "state": {"file": f"{self.dir}/state.db"},
            "log": {"level": "info", "file": "-"},
            "control_socket": f"{self.dir}/s.sock",
        }
        for section, keys in conf.items():
            self.conf.setdefault(section, {}).update(keys)
        waf = self.conf.setdefault("web", {}).setdefault("waf", {})
        for key, name in (("users_db", "users.db"), ("state_db", "waf.db"), ("signing_keys", "keys.json")):
            waf.setdefault(key, f"{self.dir}/{name}")
        with open(f"{self.dir}/c.yaml", "w") as f:
            json.dump(self.conf, f)        # JSON is YAML
        self.start()

    def start(self):
        self.p = subprocess.Popen([*self.wrapper, sys.argv[1], "-c", f"{self.dir}/c.yaml"], stderr=subprocess.PIPE, text=True,
                                  errors="replace")
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        try:
            self.log_wait(r" ready ", 20)
            self.mg.register()
            self.log_wait(r"iq\.gateway_up", 10)
        except BaseException:
            self.stop()
            raise

    def restart(self, sig=signal.SIGKILL):
        """End the process and start it again. What the old one logged is forgotten; its WebSockets are dead."""
        self.p.send_signal(sig)
        self.p.wait(20)
        self.reader.join(10)
        wrong = SANITIZER.search(self.log())
        check(not wrong, wrong and wrong.group(0))
        self.lines = []
        self.start()

    def read(self):
        for line in self.p.stderr:
            with self.event:
                self.lines.append(line.rstrip("\n"))
                self.event.notify_all()
        with self.event:
            self.lines.append(None)
            self.event.notify_all()

    def log(self):
        return "\n".join(l for l in self.lines if l is not None)

    def log_wait(self, pattern, timeout=5):
        """Wait for a line of the log."""
        def found():
            return next((l for l in self.lines if l is not None and re.search(pattern, l)), None) or \
                (None in self.lines and "END")
        with self.event:
            self.event.wait_for(found, timeout)
            line = found()
        check(line and line != "END", f"no log line {pattern!r} within {timeout} s:\n{self.log()[-2000:]}")
        return line

    def ws(self, *a, **k):
        w = Ws(*a, ip=self.ip, **k)
        self.sockets.append(w)
        return w

    def register(self, w=None, user="alice", cseq=1, host="abc.invalid", service_route=True, extra=""):
        """Register over w (or a new WebSocket). @return the WebSocket, with .path: what the core was given"""
        w = w or self.ws()
        uri = f"sip:{user}@home1.example"
        w.send(request("REGISTER", "sip:home1.example", cid="reg" + user, cseq=cseq, via=f"SIP/2.0/WS {host}",
                       frm=f"<{uri}>;tag=f1", to=f"<{uri}>", extra="Expires: 3600\n" + extra +
                       f'\nAuthorization: Digest username="{user}", realm="home1.example", nonce="n", '
                       'uri="sip:home1.example", response="r"',
                       contact=f'<sip:{user}@{host};transport=ws>;+sip.instance="<urn:uuid:{user}>";reg-id=1'))
        r = self.core.get("REGISTER")
        while r.header("Call-ID") != "reg" + user:      # what was there before may still be repeated
            r = self.core.get("REGISTER")
        w.path = r.header("Path")
        self.core.send(response(r, 200, "OK", f"Contact: <sip:{user}@{host};transport=ws>;expires=3600\n"
                                + ("Service-Route: <sip:orig@home1.example;lr>\n" if service_route else "")
                                + f"P-Associated-URI: <{uri}>"), self.ip)
        w.get(200)
        return w

    def invite(self, w, cid, branch=None, extra="", uri=BOB):
        """The WIC calls out. @return the INVITE the core got"""
        w.send(request("INVITE", uri, branch=branch, cid=cid, extra=extra, body=WIC_SDP % "actpass"))
        return self.core_get("INVITE", cid)

    def core_get(self, method, cid, cseq=1):
        """The core's next request of this call; what came before may still be repeated."""
        while True:
            m = self.core.get(method)
            if m.header("Call-ID") == cid and m.header("CSeq") == f"{cseq} {method}":
                return m

    def invite_in(self, w, cid, branch=None, extra="", user="alice", body=CORE_SDP):
        """The core calls in. @return the INVITE the WIC got"""
        self.core.send(request("INVITE", f"sip:{user}@abc.invalid;transport=ws", branch=branch, cid=cid,
                               via=self.core.via, frm=f"<{BOB}>;tag=b1", to=f"<sip:{user}@home1.example>",
                               contact=f"<{CORE_URI}>", extra=f"Route: {w.path}\n{extra}", body=body))
        return w.get("INVITE")

    def http(self, path):
        s = socket.create_connection((self.ip, W2_PORT))
        s.settimeout(10)
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        d = b""
        while b := s.recv(65536):
            d += b
        s.close()
        return d.decode()

    def metrics(self):
        """Counters and gauges by name, without the prefix."""
        if not self.conf["w2"]["insecure_ws"]:
            return self.show("counters")
        return {m.group(1): int(m.group(2)) for m in re.finditer(r"^w2gw_epcscf_(\w+) (-?\d+)$",
                                                                 self.http("/metrics"), re.M)}

    def metric(self, name, value, timeout=5):
        """Wait until a metric has this value."""
        until(lambda: self.metrics()[name] == value, f"{name} == {value}, is {self.metrics()[name]}", timeout)

    def show(self, what):
        """The answer of the control socket to "show WHAT"."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f"{self.dir}/s.sock")
            s.sendall(f"show {what}\n".encode())
            d = b""
            while b := s.recv(1 << 20):
                d += b
        return json.loads(d)

    def rss_mb(self):
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{self.p.pid}/status").read()).group(1)) / 1024

    def stacks(self):
        """Where its threads are, and what it said last."""
        text = ""
        if shutil.which("gdb"):
            text = subprocess.run(["gdb", "-p", str(self.p.pid), "-batch", "-ex", "thread apply all bt 12"], capture_output=True,
                                  text=True, timeout=60).stdout[-4000:]
        return text + self.log()[-1000:]

    def stop(self):
        """End the process. @return what was wrong with it, or None"""
        rc = self.p.poll()
        wrong = None if rc is None else f"epcscf ended by itself with {rc}"
        if rc is None:
            self.p.send_signal(signal.SIGTERM)
            try:
                if self.p.wait(20):
                    wrong = f"epcscf stopped with {self.p.returncode}"
            except subprocess.TimeoutExpired:
                wrong = f"epcscf does not stop: {self.stacks()}"
                self.p.kill()
        self.reader.join(10)
        report = SANITIZER.search(self.log())
        if report:
            frames = re.findall(r"#\d+ 0x\w+ in (\S+) \S*?/((?:control|proto)/\S+)", self.log())[:5]
            wrong = f"{report.group(0)[:160]} {frames}"
        for x in (*self.sockets, None if self.shares_core else self.core, self.mg):
            if x:
                x.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        return wrong


CASES = []


def case(sentence, **conf):
    """Register a test. conf: sections of the configuration; start=False: no process, t is None;
    core=False: nobody at the core's port, t.core is None; gateway: makes the media gateway, t.mg; wrapper: in front of the command."""
    def add(fn):
        CASES.append((sentence, fn, conf))
        return fn
    return add


def one(sentence, fn, conf):
    t = None
    try:
        start = conf.pop("start", True)
        if start:
            t = Rig(conf)
        fn(t)
        wrong = None
    except Exception as e:
        lines = [f.lineno for f in traceback.extract_tb(e.__traceback__) if os.path.basename(f.filename) not in OURS]
        wrong = f"line {lines[-1] if lines else 0}: {type(e).__name__}: {e}"
    crash = t.stop() if t else None
    ok = not wrong and not crash
    print(("PASS " if ok else "FAIL ") + sentence + "".join(f"\n     {x}" for x in (crash, wrong) if x), flush=True)
    return ok


def run():
    """Run all cases (argv[1]: epcscf; argv[2:]: words of the sentences wanted) and exit."""
    words = [a.lower() for a in sys.argv[2:]]
    chosen = [c for c in CASES if all(w in c[0].lower() for w in words)]
    failed = sum(not one(*c) for c in chosen)
    print(f"{len(chosen) - failed} of {len(chosen)} cases")
    sys.exit(1 if failed or not chosen else 0)


def run_together():
    """As run, but each case in a process and a network of its own: for cases that mostly wait."""
    if len(sys.argv) > 2:
        run()
    started = [subprocess.Popen([sys.executable, *sys.argv, c[0]]) for c in CASES]
    sys.exit(1 if any([p.wait() for p in started]) else 0)


def isolate():
    """A network of our own: same ports in every test, any number of tests at a time."""
    if os.environ.get("W2GW_NETNS") != str(os.getpid()):
        os.environ["W2GW_NETNS"] = str(os.getpid())     # kept by exec; another process isolates again
        flags = ["--net"] if os.geteuid() == 0 else ["--net", "--map-root-user"]
        if subprocess.run(["unshare", *flags, "true"], stderr=subprocess.DEVNULL).returncode:
            print("SKIP no network namespaces here")
            sys.exit(77)
        os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


isolate()
