#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Several media gateways: who gets a call, and what happens when one is full, over load, leaves or dies."""
from harness import *

NAMES = ("one", "two")


class Two:
    """Both gateways, as the one of the harness."""
    def __init__(self):
        self.g = [Gateway(MG_PORT), Gateway(MG_PORT + 1)]

    def register(self):
        """epcscf calls them when it starts; a second registration would end the calls of the first."""

    def close(self):
        for g in self.g:
            g.close()

    def adds(self):
        return [sum(x[0] == "add" for x in g.seen) for g in self.g]

    def have(self, *n):
        """Wait until they have had so many Adds."""
        until(lambda: self.adds() == list(n), f"{n} Adds, not {self.adds()}")


def two(weights=(100, 100), **more):
    return {"gateway": Two, "iq": {"gateways": [{"name": n, "address": f"{LO}:{MG_PORT + i}", "weight": weights[i]}
                                               for i, n in enumerate(NAMES)]}, **more}


def ready(t):
    t.metric("iq_gateways_up", 2)
    return t.register()


def notify_root(t, g, event):
    g.tx(f"!/3 [{LO}]:{g.port} T={random.randrange(1, 1 << 30)}{{C=-{{N=ROOT{{OE=1{{20261122T11000100:{event}}}}}}}}}")
    t.metric("iq_overloads", t.overloads + 1)
    t.overloads += 1


def ask(t, line):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{t.dir}/s.sock")
        s.sendall(line.encode() + b"\n")
        d = b""
        while b := s.recv(65536):
            d += b
    return json.loads(d)


@case("calls are shared by weight", **two((100, 300)))
def _(t):
    w = ready(t)
    for i in range(8):
        t.invite(w, f"c{i}")
    t.mg.have(2, 6)
    check([g["contexts"] for g in t.show("gateways")] == [2, 6], t.show("gateways"))


@case("each gateway is asked in its own names of the realms",
      **two(media={"access_realm": "outer"}, core=True))
def _(t):
    w = ready(t)
    t.invite(w, "c1")
    t.invite(w, "c2")
    for g in t.mg.g:
        add = g.wait("add")[2]
        check('ipdc/realm="outer"' in add and 'ipdc/realm="core"' in add, add)


class Deaf(Gateway):
    """Hears no announcement, and registers of its own accord."""
    def register(self):
        self.wait("announced")
        super().register()

    def answer(self, tid, ctx, body):
        self.note("announced" if body.startswith("SC=") else "audited" if body.startswith("AV=ROOT{AT{}}") else "asked")
        if self.seen[-1][0] != "announced":
            super().answer(tid, ctx, body)


@case("an announcement of ours is not repeated to a gateway that has registered meanwhile", gateway=Deaf, iq={"audit_s": 1})
def _(t):
    n = sum(x[0] == "announced" for x in t.mg.seen)
    t.mg.wait("audited")    # 1 s later; it would have been repeated after half of that
    check(sum(x[0] == "announced" for x in t.mg.seen) == n, t.mg.seen)


@case("510: the other gateway is asked before the caller hears of it, the full one is left alone; both: 503", **two())
def _(t):
    w = ready(t)
    for i, g in enumerate(t.mg.g):
        g.fail = {"add"}
        for k in range(3):
            t.invite(w, f"c{i}{k}")
        check(sum(x[0] == "add" for x in g.seen) <= 3, g.seen)
        check(t.metrics()["iq_add_again"] == 1, t.metrics()["iq_add_again"])
        g.fail = set()
        t.restart()
        t.mg.g[0].seen.clear(), t.mg.g[1].seen.clear()
        w = ready(t)
    t.mg.g[0].fail = t.mg.g[1].fail = {"add"}
    w.send(request("INVITE", BOB, cid="c9", body=WIC_SDP % "actpass"))
    w.get(503)
    t.mg.have(1, 1)


@case("a refusal that is the call's own fault is not carried on", **two())
def _(t):
    w = ready(t)
    for g in t.mg.g:
        g.fail, g.code = {"add"}, 474
    w.send(request("INVITE", BOB, cid="c1", body=WIC_SDP % "actpass"))
    w.get(503)
    check(sum(t.mg.adds()) == 1, t.mg.adds())


@case("a gateway that leaves (Graceful) or is locked gets no new calls, and keeps those it has", **two())
def _(t):
    w = ready(t)
    one, other = t.mg.g
    one.method = 'Graceful, Reason = "905 Termination taken out of service", Delay = 600'
    one.register()
    t.log_wait("iq.gateway_leaving gateway=one")
    for i in range(3):
        t.invite(w, f"a{i}")
    t.mg.have(0, 3)
    one.method = 'Restart, Reason = "918 Cancel graceful"'
    one.register()
    t.log_wait("iq.gateway_stays gateway=one")
    check(ask(t, "gateway lock two")[1]["locked"], t.show("gateways"))
    for i in range(3):
        t.invite(w, f"b{i}")
    t.mg.have(3, 3)
    check("error" in ask(t, "gateway lock three") and "error" in ask(t, "gateway handoff one {"))
    check(not ask(t, "gateway unlock two")[1]["locked"])
    t.metric("iq_contexts", 6)
    t.metric("iq_gateway_lost", 0)


@case("overload reported: by events the rate falls, by percentage a share is spared; the other one takes them", **two())
def _(t):
    w = ready(t)
    t.overloads = 0
    one, other = t.mg.g
    notify_root(t, one, "chp/mgcon{reduction=100}")
    for i in range(3):
        t.invite(w, f"a{i}")
    t.mg.have(0, 3)
    notify_root(t, one, "chp/mgcon{reduction=0}")
    for i in range(3):
        t.invite(w, f"b{i}")
    t.mg.have(3, 3)
    notify_root(t, one, "ocp/mg_overload")
    check(t.show("gateways")[0]["calls_per_s_limit"] > 0, t.show("gateways"))
    for i in range(20):     # five may come together, then the bucket is full
        t.invite(w, f"d{i}")
    n = t.mg.adds()
    check(n[0] < 12 and n[1] > 13 and t.metrics()["iq_throttled"] > 3, n)


@case("all gateways over load: new calls get 503, emergency and priority calls pass (F-75)",
      **two(emergency={"ecscf": f"{LO}:{CORE_PORT}", "numbers": ["112"]}))
def _(t):
    w = ready(t)
    t.overloads = 0
    for g in t.mg.g:
        notify_root(t, g, "chp/mgcon{reduction=100}")
    w.send(request("INVITE", BOB, cid="c1", body=WIC_SDP % "actpass"))
    w.get(503)
    check(sum(t.mg.adds()) == 0, t.mg.adds())
    w.send(request("INVITE", "urn:service:sos", to="<urn:service:sos>", cid="c2", body=WIC_SDP % "actpass"))
    t.core.get("INVITE")
    check(sum(t.mg.adds()) == 1, t.mg.adds())
    t.invite_in(w, "prio", extra="Resource-Priority: wps.0\n")
    check(sum(t.mg.adds()) == 2, t.mg.adds())
    check(any(re.search(r"(PR|Priority) ?= ?15", x[2]) for g in t.mg.g for x in g.seen if x[0] == "add"), "no priority")


@case("an interface of a gateway is out of service: its calls end, those of the other go on (2.10)", **two())
def _(t):
    w = ready(t)
    t.invite(w, "c1")
    t.invite(w, "c2")
    t.mg.have(1, 1)
    one = t.mg.g[0]
    for who, method in (("ip/1/nowhere/*", "Forced"), ("ip/1/c/*", "Forced"), ("ip/1/c/*", "Restart")):
        one.tx(f"!/3 [{LO}]:{one.port} T={random.randrange(1, 1 << 30)}{{C=*{{SC={who}{{SV{{MT={method},RE=\"906\"}}}}}}}}")
    t.log_wait(r"iq.interface_up gateway=one terminations=ip/1/c/\* reason=906")
    r = w.get(503)
    check(r.header("Call-ID") == "c1", r)
    t.metric("iq_contexts", 1)
    t.metric("iq_gateways_up", 2)


@case("a gateway dies: its calls end, those of the other go on, new ones go there; then it is back", **two())
def _(t):
    w = ready(t)
    t.invite(w, "c1")
    t.invite(w, "c2")
    t.mg.have(1, 1)
    t.mg.g[0].live.clear()
    t.mg.g[0].register()
    w.get(503)
    t.log_wait("iq.gateway_lost gateway=one")
    t.metric("iq_gateways_up", 2)
    t.metric("iq_contexts", 1)
    t.invite(w, "c3")
    t.mg.have(2, 1)


@case("the operator orders a gateway to another controller (3.3)", **two())
def _(t):
    ready(t)
    ask(t, "gateway handoff one [192.0.2.2]:2944")
    until(lambda: any(x[0] == "handoff" for x in t.mg.g[0].seen), t.mg.g[0].seen)


run()
