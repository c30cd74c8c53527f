# SPDX-License-Identifier: Apache-2.0
"""The two real ends of Iq: epcscf of the W2 harness with eimsagw instead of the small gateway of the tests.

    from pair import *

    @case("a call over TCP", **pair("tcp"))
    def _(t): ...

argv: epcscf eimsagw [words]. eimsagw has null ports: signalling is whole, media goes nowhere."""
import contextlib, json, os, signal, socket, subprocess, sys, tempfile, time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", *x) for x in (["w2"], [])]
AGW_BIN = os.path.abspath(sys.argv.pop(2)) if "W2GW_AGW" not in os.environ else os.environ["W2GW_AGW"]
os.environ["W2GW_AGW"] = AGW_BIN        # for the same program inside its own network
import harness
from harness import *
from lab.capture import Capture

FP = ":".join(["4A"] * 32)
WIC = WIC_SDP.replace("11:22", FP)
CORE = CORE_SDP.replace("127.0.0.1", "10.20.0.30")
harness.WIC_SDP = WIC


class Agw:
    """eimsagw of number n; keys of its configuration's section iq."""
    def __init__(self, n=0, **iq):
        self.dir = tempfile.mkdtemp(prefix="w2gw-agw-")
        self.prefix = f"w2gwpair{os.getpid()}x{n}"
        self.port = iq.pop("port", MG_PORT + 1000 * n)
        extra = iq.pop("extra", "")
        conf = {"bind": f"{LO}:{self.port}", "controllers": [f"{LO}:{IQ_PORT}"], **iq}
        contexts = iq.pop("contexts", 2000)
        conf.pop("contexts", None)
        with open(f"{self.dir}/a.yaml", "w") as f:
            f.write(f"""
eal: {{lcores: "0,1", memory_mb: 256, file_prefix: "{self.prefix}"}}
max_contexts: {contexts}
ports: [{{name: p0, device: net_null0}}, {{name: p1, device: net_null1}}]
realms:
  - {{name: access, port: p0, addresses: ["192.0.2.1{n}/24"], media_ports: "20000-29999"}}
  - {{name: core, port: p1, addresses: ["10.20.0.1{n}/24"], media_ports: "30000-49999"}}
iq: {json.dumps(conf)}
{extra}
""")
        self.log = open(f"{self.dir}/log", "w+")
        self.start()

    def start(self):
        self.p = subprocess.Popen([AGW_BIN, "-c", f"{self.dir}/a.yaml"], stderr=self.log)

    def kill(self):
        self.p.kill()
        self.p.wait(20)

    def register(self):
        """It does so by itself."""

    def ask(self, what):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            base = "/var/run" if os.getuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp")
            s.settimeout(10)
            s.connect(f"{base}/dpdk/{self.prefix}/dpdk_telemetry.v2")
            s.recv(65536)
            s.send(f"/w2gw/{what}".encode())
            return json.loads(s.recv(1 << 20))[f"/w2gw/{what.split(',')[0]}"]

    def wait_for(self, what, key, value, timeout=10):
        """value: a number, or what tells whether it is one that was waited for."""
        is_it = value if callable(value) else value.__eq__

        def found():
            try:
                answer = self.ask(what)
                return bool(answer) and is_it(answer.get(key))      # busy with another question: nothing
            except OSError:
                return False                                        # it starts, or restarts
        until(found, f"{key} == {value} of eimsagw", timeout)

    def lines(self):
        return open(self.log.name).read()

    def close(self):
        if self.p.poll() is None:
            self.p.terminate()
            try:
                self.p.wait(20)
            except subprocess.TimeoutExpired:
                self.p.kill()
        text = self.lines()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        report = SANITIZER.search(text)
        check(not report, report and report.group(0))


def pair(transport, control=None, **agw):
    """Sections of case() for both ends over one transport."""
    path = f"/tmp/w2gw-iq-{os.getpid()}.sock"
    iq = {"transport": transport, "socket": path, **(control or {})}
    return {"iq": iq, "gateway": lambda: Agw(transport=transport, socket=path, **agw)}


def call(t, w, cid):
    """One call up to its answer. @return the INVITE the core got"""
    i = t.invite(w, cid)
    t.core.send(response(i, 200, "OK", f"Contact: <{CORE_URI}>", body=CORE))
    w.get(200, 10)
    w.send(request("ACK", CORE_URI, cid=cid, to=f"<{BOB}>;tag=ct"))
    t.core.get("ACK")
    return i


def hang_up(t, w, cid, cseq=2):
    w.send(request("BYE", CORE_URI, cid=cid, cseq=cseq, to=f"<{BOB}>;tag=ct"))
    b = t.core_get("BYE", cid, cseq)
    t.core.send(response(b, 200, "OK"))
    w.get(200)


@contextlib.contextmanager
def dissected(port, least):
    """At least so many packets with messages to or from the port meanwhile, and tshark complains of none."""
    with tempfile.TemporaryDirectory() as d:
        c = Capture(f"{d}/iq.pcap", "lo", f"port {port}")
        c.start()
        try:
            yield
        finally:
            c.stop()
        n, bad = c.h248_complaints(port)
        print(f"     tshark: {n} packets of Iq, {len(bad)} complaints", flush=True)
        check(n >= least and not bad, f"{n} packets, of {bad[:5]} tshark complains")


def has_sctp():
    """@return why not, or None"""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132).close()
    except OSError as e:
        return f"no SCTP in this kernel: {e.strerror}"
