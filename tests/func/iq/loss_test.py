#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Iq over a bad network between the two real ends: 10 % of datagrams lost, 10 % doubled, 10 % late; 1,000 calls. tshark reads it all."""
import heapq

from pair import *

CALLS, WINDOW = 1000, 50
TO_CONTROL, TO_GATEWAY = 2990, 2991     # ports of the relay, as the gateway and the controller know it


class Relay(threading.Thread):
    """Datagrams both ways, some lost, some doubled, some late; bad=False: none of that."""
    def __init__(self):
        super().__init__(daemon=True)
        self.a, self.b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.a.bind((LO, TO_CONTROL))
        self.b.bind((LO, TO_GATEWAY))
        self.bad, self.over, self.n, self.lost = True, False, 0, 0
        self.random = random.Random(5)
        self.late = []
        self.start()

    def run(self):
        import select
        out = {self.a: (self.b, (LO, IQ_PORT)), self.b: (self.a, (LO, MG_PORT))}
        while not self.over:
            wait = max(0, self.late[0][0] - time.monotonic()) if self.late else 0.1
            for s in select.select([self.a, self.b], [], [], wait)[0]:
                self.pass_on(s.recv(65536), *out[s])
            while self.late and self.late[0][0] <= time.monotonic():
                _, _, d, s, to = heapq.heappop(self.late)
                s.sendto(d, to)

    def pass_on(self, d, s, to):
        self.n += 1
        if self.bad and self.random.random() < 0.1:
            self.lost += 1
            return
        for _ in range(2 if self.bad and self.random.random() < 0.1 else 1):
            if self.bad and self.random.random() < 0.1:
                heapq.heappush(self.late, (time.monotonic() + self.random.uniform(0.002, 0.3), self.n + id(d) % 7 / 10,
                                           d, s, to))
            else:
                s.sendto(d, to)

    def close(self):
        self.over = True
        self.join(5)
        self.a.close(), self.b.close()


class Core(threading.Thread):
    """Answers INVITE and BYE, whatever comes."""
    def __init__(self, core):
        super().__init__(daemon=True)
        self.core, self.over = core, False
        self.start()

    def run(self):
        while not self.over:
            m = self.core.recv(0.2)
            if m is None:
                continue
            if m.is_a("INVITE"):
                self.core.send(response(m, 200, "OK", f"Contact: <{CORE_URI}>", body=CORE))
            elif m.is_a("BYE"):
                self.core.send(response(m, 200, "OK"))


def all_of(t, w, method, send, answered):
    """CALLS requests, WINDOW at a time; each is answered with 200."""
    waiting, i = {}, 0
    end = time.monotonic() + 90
    while i < CALLS or waiting:
        while i < CALLS and len(waiting) < WINDOW:
            waiting[f"c{i}"] = time.monotonic()
            send(f"c{i}")
            i += 1
        m = w.recv(10)
        check(m is not None and time.monotonic() < end, f"{method}: no answer for {list(waiting)[:5]}, {i} sent")
        if m.status >= 200 and m.header("CSeq").endswith(method) and m.header("Call-ID") in waiting:
            check(m.status == 200, m)
            del waiting[m.header("Call-ID")]
            answered(m.header("Call-ID"))


@case("1,000 calls with loss, duplication and reordering: all are set up, nothing is done twice, both ends agree",
      start=False)
@dissected(IQ_PORT, 3 * CALLS)
def _(t):
    relay = Relay()
    t = harness.Rig({"iq": {"gateways": [{"name": "g", "address": f"{LO}:{TO_GATEWAY}", "mid": f"[{LO}]:{MG_PORT}"}]},
                     "mw": {"t1_ms": 10000},
                     "gateway": lambda: Agw(controllers=[f"{LO}:{TO_CONTROL}"])})
    try:
        w = t.register()
        core = Core(t.core)
        all_of(t, w, "INVITE", lambda c: w.send(request("INVITE", BOB, cid=c, body=WIC % "actpass")),
               lambda c: w.send(request("ACK", CORE_URI, cid=c, to=f"<{BOB}>;tag=ct")))
        t.metric("iq_contexts", CALLS)
        check(t.mg.ask("summary")["contexts"] == CALLS, t.mg.ask("summary"))
        all_of(t, w, "BYE", lambda c: w.send(request("BYE", CORE_URI, cid=c, cseq=2, to=f"<{BOB}>;tag=ct")), lambda c: None)
        t.metric("iq_contexts", 0)
        t.mg.wait_for("summary", "contexts", 0, 20)
        t.mg.wait_for("summary", "ports_in_use", 0)
        m = t.metrics()
        sent, timeouts = m["iq_requests"], m["iq_timeouts"]
        needed = sent - m["iq_probes"]      # an announcement that was lost is not repeated once the gateway has registered
        t.mg.wait_for("drops", "iq_requests", lambda n: n >= needed, 20)
        d = t.mg.ask("drops")
        check(d["iq_requests"] <= sent, f"{sent} requests, {d['iq_requests']} executed")
        print(f"     {relay.n} datagrams, {relay.lost} lost; {sent} requests, {d['iq_duplicates']} came again, "
              f"{d['iq_retransmitted']} of the gateway's own sent again", flush=True)
        check(timeouts == 0 and m["iq_gateway_lost"] == 0 and m["iq_errors"] == 0 and d["iq_duplicates"] > CALLS / 10, (m, d))
        core.over = True
    finally:
        relay.bad = False
        wrong = t.stop()
        relay.close()
    check(not wrong, wrong)


run()
