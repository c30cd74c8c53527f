# SPDX-License-Identifier: Apache-2.0
"""sipp plays the core on Mw, by the scenarios in sipp/: entry points that fail, are busy or slow, forks, a challenge
of a user whose token was checked, the end of a registration and of a call by the network."""
from harness import *
from oauth import *

A, B = (LO, CORE_PORT), ("127.0.0.2", 5161)
TWO = {"entry": ["%s:%d" % A, "%s:%d" % B], "t1_ms": 50}
TRUSTED = {"tokens": {"issuers": [{"name": ISSUER, "keys": JWKS, "audience": ["epcscf"]}]},
           "mw": {"visited_networks": {"web": "w.visited"}}}
HERE = os.path.dirname(os.path.abspath(__file__))


class Sipp:
    """One sipp that plays one scenario, `calls` times (a call of sipp is a Call-ID), at one address of the core."""
    def __init__(self, t, scenario, at=A, calls=1):
        self.scenario, self.errors = scenario, f"{t.dir}/{scenario}.err"
        self.p = subprocess.Popen(["sipp", "-sf", f"{HERE}/sipp/{scenario}.xml", "-i", at[0], "-p", str(at[1]),
                                   "-m", str(calls), "-nostdin", "-timeout", "15", "-timeout_error",
                                   "-trace_err", "-error_file", self.errors],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  text=True, env={**os.environ, "TERM": "xterm"})
        local = "%08X:%04X" % (int.from_bytes(socket.inet_aton(at[0]), sys.byteorder), at[1])
        t.sockets.append(self)
        until(lambda: self.p.poll() is not None or local in open("/proc/net/udp").read(), f"sipp {scenario} at {at}")
        check(self.p.poll() is None, f"sipp {scenario} does not start")

    def ended(self):
        """Wait until the scenario is over, as it was written."""
        check(self.p.wait(20) == 0, f"sipp {self.scenario} ended with {self.p.returncode}")

    def close(self):
        """The case is over. What sipp says of a scenario that did not go as written is shown."""
        if self.p.poll() is None:
            self.p.kill()
        said = self.p.communicate()[1]
        if self.p.returncode:
            trace = open(self.errors).read() if os.path.exists(self.errors) else ""
            print(f"sipp {self.scenario}: {self.p.returncode} {said[-500:]}{trace[-2000:]}", flush=True)


def ask(w, auth=None):
    w.send(request("REGISTER", "sip:home1.example", frm=f"<{ALICE}>;tag=f1", to=f"<{ALICE}>",
                   contact='<sip:alice@abc.invalid;transport=ws>;+sip.instance="<urn:uuid:alice>";reg-id=1',
                   extra="Expires: 3600" + (f"\nAuthorization: {auth}" if auth else "")))


def registered(t):
    core, w = Sipp(t, "register"), t.ws()
    ask(w)
    w.get(200)
    core.ended()
    return w


def invite(w):
    w.send(request("INVITE", BOB, cid="c1", body=WIC_SDP % "actpass"))


def in_dialog(w, method, ok, cseq=1):
    """A request of the dialog that the 200 has made."""
    w.send(request(method, ok.header("Contact").strip("<>"), cid="c1", cseq=cseq, to=ok.header("To")))


def answered(w, timeout=5):
    """@return the 200, acknowledged"""
    ok = w.get(200, timeout)
    in_dialog(w, "ACK", ok)
    return ok


def hang_up(t, w, ok):
    in_dialog(w, "BYE", ok, 2)
    w.get(200)
    t.mg.wait("sub")
    t.metric("calls", 0)


def states(t):
    return [p["state"] for p in t.show("core")]


@case("a silent entry point: the next one grants the registration (W2-REG-17, -81)", core=False, mw=TWO)
def _(t):
    silent, second, w = Sipp(t, "silent"), Sipp(t, "register", B), t.ws()
    ask(w)
    w.get(200, 10)
    second.ended()
    silent.ended()
    check(states(t) == ["down", "up"] and t.metrics()["sip_moved"] == 1, states(t))


@case("an entry point says 503 with Retry-After: the next one takes the call, to its end", core=False, mw=TWO)
def _(t):
    w = registered(t)
    busy, second = Sipp(t, "busy"), Sipp(t, "answer", B)
    invite(w)
    ok = answered(w)
    busy.ended()
    hang_up(t, w, ok)
    second.ended()
    check(t.metrics()["sip_moved"] == 1 and states(t)[0] != "up", states(t))


@case("nobody else to ask: 503 and Retry-After pass to the WIC, and the core is left alone (W2-REG-46)", core=False)
def _(t):
    w = registered(t)
    busy = Sipp(t, "busy")
    invite(w)
    r = w.get(503)
    check(r.header("Retry-After") == "50", r)
    busy.ended()
    w.send(request("MESSAGE", BOB, body="hi", ctype="text/plain"))
    r = w.get(503)
    check(0 < int(r.header("Retry-After")) <= 50, r)
    t.metric("calls", 0)
    t.metric("iq_contexts", 0)


@case("a slow core is not left: its late 100 stops Timer B, and its answer is taken", core=False, mw=TWO)
def _(t):
    w = registered(t)
    slow = Sipp(t, "slow")
    invite(w)
    ok = answered(w, 10)
    hang_up(t, w, ok)
    slow.ended()
    check(t.metrics()["sip_moved"] == 0 and states(t)[0] == "up", states(t))


@case("forks: each has its own tag, the WIC one stable description, the gateway the port of who answered (W2-SIP-37)",
      core=False)
def _(t):
    w = registered(t)
    forks = Sipp(t, "forks")
    invite(w)
    early, ringing = w.get(183), w.get(180)
    check(";tag=one" in early.header("To") and ";tag=two" in ringing.header("To"), ringing)
    ok = answered(w)
    check(";tag=two" in ok.header("To"), ok)
    media = [[l for l in m.body.split("\r\n") if re.match("m=|a=ice-|a=fingerprint|a=candidate|a=setup", l)]
             for m in (early, ok)]
    check(media[0] and media[0] == media[1], media)
    mods = [x[2] for x in t.mg.seen if x[0] == "mod"]
    check("m=audio 30100 " in mods[0] and "m=audio 30200 " in mods[-1], mods)
    hang_up(t, w, ok)
    forks.ended()


@case("a phone that sends reliable 18x gets its PRACKs, the browser an answer it knows (W2-SIP-35, -36)", core=False)
def _(t):
    w = registered(t)
    phone = Sipp(t, "reliable")
    invite(w)
    early, ringing = w.get(183), w.get(180)
    check(not early.header("RSeq") and not ringing.header("Require"), early)
    ok = answered(w)
    check("m=audio 40000" in ok.body, ok)
    hang_up(t, w, ok)
    phone.ended()


@case("the core challenges a user whose token was checked: 403, and no challenge for the WIC (W2-TOK-17)",
      core=False, **TRUSTED)
def _(t):
    core, w = Sipp(t, "challenge"), t.ws()
    ask(w, "Bearer " + token())
    check(not w.get(403).headers("WWW-Authenticate"), "the challenge is passed on")
    core.ended()
    check(t.metrics()["tna_refused"] == 1 and not t.show("registrations"), t.metrics())


@case("reg-event: the network rejects, and registration and socket go (W2-REG-63)", core=False, reg={"subscribe": True})
def _(t):
    core, w = Sipp(t, "reg_event", calls=2), t.ws()
    ask(w)
    w.get(200)
    check(w.closed() == 1008, "not closed for policy")
    core.ended()
    check(not t.show("registrations") and t.metrics()["reg_ended_by_network"] == 1, t.metrics())


@case("the network ends a call: BYE with its Reason at the WIC, and the context goes (W2-SIP-41)", core=False)
def _(t):
    w = registered(t)
    core = Sipp(t, "network_bye")
    invite(w)
    answered(w)
    bye = w.get("BYE")
    check("cause=31" in bye.header("Reason"), bye)
    w.send(response(bye, 200, "OK"))
    core.ended()
    t.mg.wait("sub")
    t.metric("calls", 0)


if not shutil.which("sipp"):
    print("SKIP no sipp here (Debian package sip-tester)")
    sys.exit(77)
run()
