#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
A random walk of offers and answers through the two real processes: lines that come, go and come again, hold, other codecs, ICE
restarts, late offers, glare, refusals. The model (walk_model.py) says what each party may be told; a refusal is 488, 491 or 500.

    walk_test.py EPCSCF EIMSAGW [steps=100000] [seed=7]
"""
import collections
import select

from pair import *
from walk_model import Party, crossing


def option(name, default):
    found = [a for a in sys.argv[2:] if a.startswith(name + "=")]
    for a in found:
        sys.argv.remove(a)
    return int(found[-1].split("=")[1]) if found else default


STEPS, SEED = option("steps", 2000), option("seed", random.randrange(1 << 30))
STEPS_OF_A_CALL, LIMIT_S = 100, 20
WIC_URI = "sip:alice@abc.invalid;transport=ws"


class Attempt:
    """A request with an offer, or one that asks for it."""
    def __init__(self, number, side, method, cseq, do, lines, text):
        self.number, self.side, self.method, self.cseq, self.do, self.lines, self.text = number, side, method, cseq, do, lines, text
        self.status, self.branch = 0, fresh()
        self.answer = None          # the other party's lines, when it has said 200
        self.told = None            # delayed: what its sender was offered


class Walk:
    def __init__(self, t, w, rng):
        self.t, self.w, self.rng = t, w, rng
        self.counts, self.log, self.number = collections.Counter(), collections.deque(maxlen=24), 0

    # ---- messages

    def say(self, side, text):
        self.log.append(f"{side}> {text.splitlines()[0]} {text.header('CSeq')} | {text.body}")
        (self.w if side == "w" else self.t.core).send(text)

    def hear(self):
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            for side, way in (("w", self.w), ("c", self.t.core)):
                if (side == "w" and len(self.w.buf) > 1) or select.select([way.s], [], [], 0)[0]:
                    m = way.recv(0.001)
                    if m:
                        self.log.append(f"{side}< {m.start} {m.header('CSeq')} | {m.body}")
                        return side, m
            select.select([self.w.s, self.t.core.s], [], [], 1)
        check(False, f"nothing more comes; open are {[(a.side, a.method, a.cseq, a.do) for a in self.open]}, ACKs {self.acks}")

    def request(self, side, method, cseq, branch=None, body="", number=0):
        mine, other = self.tags[side], self.tags["c" if side == "w" else "w"]
        tagged = other if self.is_up or method == "ACK" else None
        extra = f"Subject: {number}\nSupported: timer"
        if side == "w":
            return request(method, CORE_URI, branch, self.cid, cseq, frm=f"<{ALICE}>;tag={mine}", to=f"<{BOB}>" + (f";tag={tagged}" if tagged else ""),
                           extra=extra, body=body)
        return request(method, WIC_URI, branch, self.cid, cseq, via=self.t.core.via, frm=f"<{BOB}>;tag={mine}", contact=f"<{CORE_URI}>",
                       to=f"<{ALICE}>" + (f";tag={tagged}" if tagged else ""), extra=f"Route: {self.w.path}\n{extra}", body=body)

    # ---- offers

    def offer(self, side, method="INVITE", what=None):
        party = self.parties[side]
        do, lines = what or party.offer()
        self.attempt(side, method, do, lines, party.said if do == "refresh" else party.write(lines, "actpass"))

    def attempt(self, side, method, do, lines, text):
        self.cseq[side] += 1
        self.number += 1
        a = Attempt(self.number, side, method, self.cseq[side], do, lines, text)
        self.open.append(a)
        self.by_number[a.number] = a
        self.say(side, self.request(side, method, a.cseq, a.branch, text, a.number))

    def step(self):
        side = self.rng.choice("wc")
        kind = self.rng.random()
        method = "INVITE" if self.rng.random() < 0.7 else "UPDATE"
        self.by_number.clear()
        if kind < 0.70:
            self.offer(side, method)
        elif kind < 0.80:       # glare
            self.offer("w", method)
            self.offer("c", self.rng.choice(("INVITE", "UPDATE")))
        elif kind < 0.85:       # without waiting for the first
            self.offer(side, method)
            self.offer(side, method)
        elif kind < 0.95:
            self.attempt(side, "INVITE", "late", None, "")
        else:
            self.attempt(side, "UPDATE", "no description", None, "")
        self.settle()

    def settle(self):
        while self.open or self.acks:
            self.take(*self.hear())

    # ---- what comes

    def take(self, side, m):
        cseq, method = m.header("CSeq").split()
        check(m.header("Call-ID") == self.cid, f"of another call: {m}")
        if m.status:
            self.response(side, m, int(cseq), method)
        elif method == "ACK":
            self.ack(side, m, int(cseq))
        elif (side, method, cseq) not in self.seen:
            check(method in ("INVITE", "UPDATE"), f"the call ended: {m}")
            self.seen.add((side, method, cseq))
            self.asked(side, m, self.by_number[int(m.header("Subject"))])

    def asked(self, side, m, a):
        """The other party is asked."""
        party = self.parties[side]
        check(a.side != side and a.answer is None, f"{a.do} comes again: {m}")
        if a.lines is not None:
            told = party.hears(m.body)
            self.is_what_crosses(told, crossing(a.lines))
        else:
            check(not m.body, f"a description nobody has made: {m.body}")
        refusal = 491 if any(x.side == side for x in self.open) else self.rng.choices((0, 488, 491, 603), (90, 6, 2, 2))[0]
        if a.lines is None and a.method == "UPDATE":
            self.reply(side, m, a, refusal or 200, "")
        elif refusal:
            self.reply(side, m, a, refusal, "")
        elif a.do == "late":
            a.lines = party.offer_again()
            a.text = party.write(a.lines, "actpass")
            self.reply(side, m, a, 200, a.text)
        else:
            self.answers(side, m, a, told)

    def answers(self, side, m, a, told):
        party = self.parties[side]
        lines, setup = party.answer(told, self.is_up)
        if not any(l.on for l in lines):
            self.reply(side, m, a, 488, "")
            return
        a.answer, text = lines, party.write(lines, setup)
        self.reply(side, m, a, 200, text)
        party.agrees(text, lines, told, setup)

    def is_what_crosses(self, told, crosses):
        check(crosses is not None and len(told) == len(crosses), f"{len(told)} lines were offered")
        for i, (l, c) in enumerate(zip(told, crosses)):
            check(l.kind == c.kind and l.on == c.on, f"line {i} is {'on' if l.on else 'off'}: {l.text}")
            check(not l.on or (l.pts == c.pts and (l.kind == "application" or l.way == {"hold0": "sendonly"}.get(c.way, c.way))),
                  f"line {i} crosses as {l.pts} {l.way}, not {c.pts} {c.way}")

    def reply(self, side, m, a, status, body):
        if a.method == "INVITE":
            self.acks.add((side, m.header("CSeq").split()[0]))
        contact = "<" + (WIC_URI if side == "w" else CORE_URI) + ">"
        self.say(side, response(m, status, "X", f"Contact: {contact}", tag=self.tags[side], body=body))

    def response(self, side, m, cseq, method):
        a = next((a for a in self.open if (a.side, a.cseq, a.method) == (side, cseq, method)), None)
        if m.status < 200 or not a:
            return
        a.status = m.status
        self.open.remove(a)
        self.counts[a.do if m.status == 200 else m.status] += 1
        check(m.status in (200, 488, 491, 500, 603), f"an offer is answered with {m.start}")
        check(m.status != 500 or m.header("Retry-After"), "500 without Retry-After (RFC 3261 14.2)")
        body = ""
        if m.status == 200 and a.do == "late":
            a.told = self.parties[side].hears(m.body)
            self.is_what_crosses(a.told, crossing(a.lines))
            lines, setup = self.parties[side].answer(a.told, True)
            if not any(l.on for l in lines):
                lines = [l.but(on=o.on) for l, o in zip(lines, a.told)]
            body, a.answer = self.parties[side].write(lines, setup), lines
            self.parties[side].agrees(body, lines, a.told, setup)
        elif m.status == 200 and a.lines is not None:
            self.agreed(side, a, m.body)
        else:
            check(not m.body or m.status == 488, f"a description: {m}")
        if method == "INVITE":
            self.say(side, self.request(side, "ACK", cseq, a.branch if m.status >= 300 else None, body, a.number))

    def agreed(self, side, a, text):
        party, other = self.parties[side], self.parties["c" if side == "w" else "w"]
        told = party.hears(text, a.lines)
        if a.answer is None:        # nobody else was asked
            check([l.ice for l in a.lines] != [l.ice for l in party.lines], f"{a.do} was answered without the other party (W2-ICE-09)")
            check([(l.on, l.pts) for l in told] == [(l.on, l.pts) for l in party.told], "an ICE restart has changed more")
        else:
            for i, (l, x) in enumerate(zip(told, a.answer)):
                check(l.on == x.on and (not l.on or l.kind == "application" or (l.pts == x.pts and l.way == x.way)),
                      f"line {i} is {l.on, l.pts, l.way}, the other party said {x.on, x.pts, x.way}")
        party.agrees(a.text, a.lines, told)

    def ack(self, side, m, cseq):
        self.acks.discard((side, str(cseq)))
        a = self.by_number.get(int(m.header("Subject") or 0))
        if a and a.do == "late" and a.side != side and m.body:
            told = self.parties[side].hears(m.body, a.lines)
            for i, (l, x) in enumerate(zip(told, a.answer)):
                check(l.on == x.on and (not l.on or l.kind == "application" or (l.pts == x.pts and l.way == x.way)), f"line {i} of a late answer")
            self.parties[side].agrees(a.text, a.lines, told)
        elif not (a and a.do == "late"):
            check(not m.body, f"a description in an ACK: {m}")

    # ---- calls

    def begin(self):
        caller = self.rng.choice("wc")
        self.parties = {side: Party(side == "w", self.rng) for side in "wc"}
        self.tags = {"w": "wt" + fresh(), "c": "ct" + fresh()}
        self.cid, self.cseq, self.is_up = "walk" + fresh(), {"w": 1, "c": 1}, False
        self.open, self.acks, self.seen, self.by_number = [], set(), set(), {}
        party = self.parties[caller]
        kinds = self.rng.choice((("audio",), ("audio", "video"), ("video", "audio", "application"), ("image", "audio")))
        lines = [party.new(k) for k in kinds]
        self.offer(caller, "INVITE", ("call", [l.but(pts=(0, 8)) if l.kind == "audio" else l for l in lines]))
        self.settle()
        self.is_up = bool(self.counts["call"]) and self.parties[caller].lines != []
        return self.is_up

    def end(self):
        side = self.rng.choice("wc")
        self.cseq[side] += 1
        self.say(side, self.request(side, "BYE", self.cseq[side]))
        other = "c" if side == "w" else "w"
        bye = self.t.core.get("BYE") if side == "w" else self.w.get("BYE")
        self.say(other, response(bye, 200, "OK"))
        (self.w if side == "w" else self.t.core).get(200)

    def run(self, steps):
        while steps > 0:
            if not self.begin():
                continue
            for _ in range(min(steps, STEPS_OF_A_CALL)):
                self.step()
                steps -= 1
            m = self.t.metrics()
            check(m["calls"] == 1 and m["iq_contexts"] == 1, f"contexts {m['iq_contexts']}, calls {m['calls']}")
            check(self.t.mg.ask("summary")["contexts"] == 1, self.t.mg.ask("summary"))
            self.end()


MEDIA = {"codecs": ["PCMU", "PCMA", "G722"], "video": ["VP8", "H264"], "data": "relay", "bundle": "strict"}


@case("a walk of offers and answers: each is answered as RFC 3264 has it or refused, contexts and ports are as many as before", media=MEDIA,
      mw={"t1_ms": 10000}, **pair("udp"))
def _(t):
    walk = Walk(t, t.register(), random.Random(SEED))
    t.mg.wait_for("summary", "contexts", 0)
    began = time.monotonic()
    try:
        walk.run(STEPS)
    except Exception as e:
        print("\n".join(["     the last messages:", *walk.log]))
        raise AssertionError(f"seed={SEED}, offer {walk.number}: {e}") from e
    print(f"     seed={SEED}, {STEPS} steps in {time.monotonic() - began:.0f} s: {dict(walk.counts)}", flush=True)
    t.metric("iq_contexts", 0)
    t.mg.wait_for("summary", "contexts", 0)
    t.mg.wait_for("summary", "ports_in_use", 0)


run()
