#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Iq over UDP, TCP, SCTP and UNIX between the two real ends, and what strangers get."""
from pair import *


def tpkt(text):
    b = text.encode()
    return b"\x03\x00" + (len(b) + 4).to_bytes(2, "big") + b


def tpkt_read(s):
    s.settimeout(10)
    h = b""
    while len(h) < 4:
        h += s.recv(4 - len(h)) or fail("closed")
    n, d = int.from_bytes(h[2:], "big") - 4, b""
    while len(d) < n:
        d += s.recv(n - len(d)) or fail("closed")
    return d.decode()


def fail(what):
    raise AssertionError(what)


def accepted(s, text):
    """The registration in text is accepted on the connection s."""
    tid = re.search(r"T=(\d+)", text)[1]
    s.sendall(tpkt(f"!/1 [{LO}]:{IQ_PORT} P={tid}{{C=-{{SC=ROOT{{SV{{V=3}}}}}}}}"))


def whole_life(t):
    """A call; the controller dies and comes back; the call goes on and ends; then nothing is left."""
    w = t.register()
    call(t, w, "c1")
    t.mg.wait_for("summary", "contexts", 1)
    t.metric("state_pending", 0)
    t.restart()
    t.metric("iq_contexts", 1)
    w = t.register()
    hang_up(t, w, "c1")
    t.mg.wait_for("summary", "contexts", 0)
    t.mg.wait_for("summary", "ports_in_use", 0)
    call(t, w, "c2")
    t.mg.kill()         # and the gateway dies
    t.mg.start()
    t.log_wait(r"iq\.gateway_lost", 10)
    t.metric("iq_gateways_up", 1, 20)
    t.metric("iq_contexts", 0)
    call(t, w, "c3")
    hang_up(t, w, "c3")
    t.mg.wait_for("summary", "contexts", 0)


for name in ("udp", "tcp", "sctp", "unix"):
    if name == "sctp" and has_sctp():
        print("SKIP a call, a restart of each end, over sctp:", has_sctp())
        continue
    case(f"a call, a restart of each end, over {name}", **pair(name))(whole_life)


@case("sctp where the kernel has none: the start fails and says so", start=False)
def _(t):
    if not has_sctp():
        return
    a = Agw(transport="sctp")
    check(a.p.wait(20) == 1 and "iq.no_transport transport=SCTP" in a.lines(), a.lines())
    a.close()


@case("a connection that breaks: its call stays, what waited goes again, once", **pair("tcp"))
def _(t):
    w = t.register()
    call(t, w, "c1")
    subprocess.run(["ss", "-K", "dst", LO, "dport", "=", str(IQ_PORT)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    t.log_wait(r"iq\.link_lost")
    hang_up(t, w, "c1")         # before or after the gateway is back
    t.mg.wait_for("summary", "contexts", 0)
    check(t.mg.ask("drops")["iq_registrations"] == 2 and t.metrics()["iq_gateway_lost"] == 0, t.log())


@case("a foreign gateway over TCP: TPKT in pieces, several in one; garbage ends the connection",
      start=False)
def _(t):
    class Played:
        def register(self):
            self.s = socket.create_connection((LO, IQ_PORT))
            text = tpkt(f"MEGACO/1 [{LO}]:{MG_PORT}\nTransaction = 9 {{ Context = - {{ ServiceChange = ROOT {{ "
                        "Services { Method = Restart, Reason = \"901 Cold Boot\", Version = 3 } } } }")
            for i in range(len(text)):
                self.s.sendall(text[i:i + 1])
            self.reply = tpkt_read(self.s)
            self.asked = [tpkt_read(self.s), tpkt_read(self.s)]
            both = b""
            for a in self.asked:
                tid, ctx, what = re.search(r"T=(\d+)\{C=([^{]+)\{(?:W-)?(\w+=[^{]+)", a).groups()
                both += tpkt(f"!/3 [{LO}]:{MG_PORT} P={tid}{{C={ctx}{{{what}}}}}")
            self.s.sendall(both)

        def close(self):
            self.s.close()

    t = harness.Rig({"iq": {"transport": "tcp"}, "gateway": Played})
    try:
        check("P=9" in t.mg.reply and "K{" not in "".join(t.mg.asked), t.mg.reply)
        t.mg.s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        check(t.mg.s.recv(100) == b"", "still open")
        t.metric("iq_bad_framing", 1)
        t.metric("iq_links_lost", 1)
        s = socket.create_connection((LO, IQ_PORT), source_address=("127.0.0.9", 0))
        s.settimeout(10)
        check(s.recv(1) == b"", "a stranger was taken")
        t.metric("iq_refused_source", 1)
    finally:
        wrong = t.stop()
    check(not wrong, wrong)


@case("a foreign controller that connects itself is served; the second one gets 402, strangers nothing", start=False)
def _(t):
    first, second = "127.0.0.2", "127.0.0.3"
    a = Agw(transport="tcp", controllers=[f"{first}:{IQ_PORT}", f"{second}:{IQ_PORT}"])
    try:
        s = None
        while not s:
            try:
                s = socket.create_connection((LO, MG_PORT), source_address=(first, 0))
            except OSError:
                time.sleep(0.05)
        accepted(s, tpkt_read(s))
        a.wait_for("drops", "iq_registrations", 1)
        x = socket.create_connection((LO, MG_PORT), source_address=(second, 0))
        x.sendall(tpkt(f"!/3 [{second}]:{IQ_PORT} T=1{{C=*{{W-S=*{{AT{{}}}}}}}}"))
        check("P=1{ER=402" in tpkt_read(x))
        s.sendall(tpkt(f"!/3 [{first}]:{IQ_PORT} T=1{{C=-{{AV=ROOT{{AT{{}}}}}}}}"))
        check("P=1{C=-{AV=ROOT}}" in tpkt_read(s))
        s.sendall(tpkt(f"!/2 [{first}]:{IQ_PORT} T=2{{C=-{{AV=ROOT{{AT{{}}}}}}}}"))
        check("ER=406" in tpkt_read(s))         # X-17
        y = socket.create_connection((LO, MG_PORT), source_address=("127.0.0.4", 0))
        y.settimeout(10)
        check(y.recv(1) == b"", "a stranger was taken")
        a.wait_for("drops", "iq_foreign", 1)
        s.close()       # X-16: it tries this one again, then the other, which is there
        d = tpkt_read(x)
        check("MT=FL" in d, d)
        accepted(x, d)
        a.wait_for("summary", "registered", 1)
    finally:
        a.close()


@case("MgcIdToTry in a reply, and a hand-off that is ordered: the gateway goes there (3.3)", start=False)
def _(t):
    c = []
    for n in (2, 3):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((f"127.0.0.{n}", IQ_PORT))
        s.settimeout(10)
        c.append(s)
    a = Agw(controllers=[f"127.0.0.2:{IQ_PORT}", f"127.0.0.3:{IQ_PORT}"])
    try:
        def registers(k, how, more=""):
            while True:
                d, peer = c[k].recvfrom(65535)
                m = re.search(r"T=(\d+)\{C=-\{SC=ROOT\{SV\{MT=(\w+)", d.decode())
                if m:
                    break
            check(m[2] == how, d)
            c[k].sendto(f"!/1 [127.0.0.{k + 2}]:{IQ_PORT} P={m[1]}{{C=-{{SC=ROOT{{SV{{V=3{more}}}}}}}}}".encode(), peer)
            return peer
        registers(0, "RS", f",MG=[127.0.0.3]:{IQ_PORT}")
        peer = registers(1, "RS")       # nobody else has seen its cold boot
        a.wait_for("drops", "iq_registrations", 1)
        c[1].sendto(f'!/3 [127.0.0.3]:{IQ_PORT} T=5{{C=-{{SC=ROOT{{SV{{MT=HO,RE="903",MG=[127.0.0.2]:{IQ_PORT}}}}}}}}}'.encode(), peer)
        registers(0, "HO")
        a.wait_for("drops", "iq_registrations", 2)
    finally:
        a.close()


@case("w2gwctl iq: the dialogue of a call in pretty form without its keys, a message by hand and its answer", **pair("udp"))
def _(t):
    ctl = [os.path.join(os.path.dirname(sys.argv[1]), "w2gwctl"), "iq"]
    here = ["--socket", f"{t.dir}/s.sock"]
    w = t.register()
    with subprocess.Popen([*ctl, "trace", *here], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        check("tracing" in p.stderr.readline())
        call(t, w, "c1")
        hang_up(t, w, "c1")
        text = ""
        while "nt/os" not in text:      # the answer to Subtract
            text += p.stdout.readline() or fail(text)
        p.terminate()
    check("a=ice-pwd:***" in text and not re.search(r"ice-pwd:[^*$]", text), text)
    check(re.search(r"-> g\n!/3 .* T=\d+\{\n C=\$\{", text) and "<- g\n" in text and "nt/os" in text, text)

    call(t, w, "c2")
    of_c2 = next(iter(t.mg.ask("contexts").values()))["context"]
    with subprocess.Popen([*ctl, "trace", "--context", str(of_c2), *here], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        check("tracing" in p.stderr.readline())
        call(t, w, "c3")
        hang_up(t, w, "c3")
        hang_up(t, w, "c2")
        text = ""
        while "nt/os" not in text:
            text += p.stdout.readline() or fail(text)
        p.terminate()
    check(set(re.findall(r"C=([^{,}]+)", text)) == {str(of_c2)}, text)

    def send(body):
        with open(f"{t.dir}/m.h248", "w") as f:
            f.write(body)
        return subprocess.run([*ctl, "send", "g", f"{t.dir}/m.h248", *here], capture_output=True, text=True, timeout=60)
    p = send("MEGACO/3 [192.0.2.1]:2944\nTransaction = 1 { Context = - { AuditValue = ROOT { Audit { Packages } } } }")
    check(p.returncode == 0 and "PG{" in p.stdout and "g-" in p.stdout, p)
    p = send("!/3 [192.0.2.1]:2944 T=1{C=99{MF=ip/1/a/1{}}}")
    check(p.returncode == 0 and "ER=411" in p.stdout, p)
    for bad in ("!/3 [192.0.2.1]:2944 T=1{C=", "!/3 [192.0.2.1]:2944 P=1{C=-{AV=ROOT}}"):
        p = send(bad)
        check(p.returncode == 1 and "not to be sent" in p.stderr, p)


run()
