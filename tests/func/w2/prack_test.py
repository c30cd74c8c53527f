# SPDX-License-Identifier: Apache-2.0
"""Reliable provisional responses (RFC 3262): passed where both sides know them, ended at the core's side where one does not."""
from dialogs import *

PATIENT = {"mw": {"t1_ms": 400}}
QUICK = {"mw": {"t1_ms": 50}}


def reliable(i, status, rseq, extra="", **k):
    """A response of the core that asks for a PRACK."""
    return response(i, status, "Progress", f"Require: 100rel\nRSeq: {rseq}\n{CORE_CONTACT}\n{extra}", **k)


def prack_of(t, rseq, cseq, tag="ct"):
    """The PRACK the core gets of us, answered."""
    m = t.core.get("PRACK")
    check(m.header("RAck") == f"{rseq} 1 INVITE" and m.header("CSeq") == f"{cseq} PRACK" and
          m.header("To").endswith(f";tag={tag}") and m.start.startswith(f"PRACK {CORE_URI} "), m)
    t.core.send(response(m, 200, "OK"))
    return m


def numbered(m, method, cseq):
    check(m.header("CSeq") == f"{cseq} {method}", m)


def refer_goes_on(t, w, cseq, wics_cseq):
    """The WIC's REFER has CSeq 5 there and 7 in the core: its subscription is named so on each leg (RFC 3515 2.4.6)."""
    for there, here in (("refer;id=7", "refer;id=5"), ('refer ; id="7" ;x=7', 'refer ; id="5" ;x=7'), ("refer", "refer"), ("presence;id=7", "presence;id=7")):
        t.core.send(request("NOTIFY", "sip:alice@abc.invalid;transport=ws", cid="c1", cseq=cseq, via=t.core.via, frm=f"<{BOB}>;tag=ct",
                            to=f"<{ALICE}>;tag=a1", extra=f"Route: {w.path}\nEvent: {there}\nSubscription-State: active", body="x", ctype="text/plain"))
        m = w.get("NOTIFY")
        check(m.header("Event") == here, m)
        w.send(response(m, 200))
        t.core.get(200)
        cseq += 10
    w.send(in_dialog("SUBSCRIBE", "c1", wics_cseq, extra="Event: refer;id=5\nExpires: 60"))
    m = t.core.get("SUBSCRIBE")
    check(m.header("Event") == "refer;id=7", m)
    t.core.send(response(m, 200, "OK", f"Expires: 60\n{CORE_CONTACT}"))
    w.get(200)


# ---- the WIC calls, and knows nothing of it ------------------------------------------------------------

@case("a WIC without 100rel: the core is offered it and gets our PRACK, the WIC an ordinary 18x (W2-SIP-35)", **PATIENT)
def _(t):
    w = t.register()
    i = t.invite(w, "c1", extra="Supported: timer")
    check("100rel" in i.headers("Supported") and "timer" in i.headers("Supported"), i)
    i = Sip(i.replace("Record-Route:", f"Record-Route: <sip:p2@{LO}:{CORE_PORT};lr>\r\nRecord-Route:", 1))
    t.core.send(reliable(i, 183, 7, body=CORE_SDP))
    prack = prack_of(t, 7, 2)
    check("sip:p2@" in prack.header("Route") and ALICE in prack.header("P-Asserted-Identity"), prack)
    r = w.get(183)
    check(not r.header("Require") and not r.header("RSeq") and "m=audio 40000" in r.body, r)
    t.core.send(reliable(i, 183, 7, body=CORE_SDP))  # again: our PRACK was late
    t.core.send(reliable(i, 180, 9))  # 8 was lost, and comes again
    t.core.send(reliable(i, 182, 8))
    prack_of(t, 8, 3)
    check(w.recv().status == 182, "a repeated or unordered 18x was passed on")
    m = t.metrics()
    check(m["call_prack_sent"] == 2 and m["call_reliable_dropped"] == 2, m)
    core_200(t, i, body="")
    ok = w.get(200)
    check("m=audio 40000" in ok.body, "the answer of the 183 is missing in the 200 (W2-SIP-36)")
    w.send(in_dialog("ACK", "c1", 1))
    numbered(t.core.get("ACK"), "ACK", 1)
    for n, method in enumerate(("UPDATE", "INFO", "INVITE"), 2):  # numbers 2 and 3 are used up
        w.send(in_dialog(method, "c1", n, body=WIC_SDP % "actpass" if method == "INVITE" else ""))
        m = t.core.get(method)
        numbered(m, method, n + 2)
        t.core.send(response(m, 200, "OK", CORE_CONTACT, body=CORE_SDP if method == "INVITE" else ""))
        numbered(w.get(200), method, n)
    core_200(t, m)
    numbered(w.get(200), "INVITE", 4)  # repeated: the ACK is late
    w.send(in_dialog("ACK", "c1", 4))
    numbered(t.core.get("ACK"), "ACK", 6)
    w.send(in_dialog("REFER", "c1", 5, extra="Refer-To: <sip:carol@home1.example>"))
    numbered(t.core.get("REFER"), "REFER", 7)
    refer_goes_on(t, w, 1, 6)
    t.metric("state_pending", 0)
    t.mg.method = "Disconnected, Reason = 900"
    t.restart()
    w = t.register(cseq=2)
    w.send(in_dialog("UPDATE", "c1", 7))
    m = t.core.get("UPDATE")
    numbered(m, "UPDATE", 9)
    t.core.send(response(m, 200, "OK", CORE_CONTACT))
    numbered(w.get(200), "UPDATE", 7)
    refer_goes_on(t, w, 2, 8)
    t.mg.method = 'Restart, Reason = "901 Cold Boot"'
    t.mg.register()
    numbered(t.core.get("BYE"), "BYE", 11)  # of our own


@case("forks: each early dialog has an RSeq of its own, and the caller's BYE to the one that lost its number (W2-SIP-37)", **PATIENT)
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    t.core.send(reliable(i, 183, 100, tag="f1", body=CORE_SDP))
    prack_of(t, 100, 2, "f1")
    w.get(183)
    t.core.send(reliable(i, 180, 5, tag="f2"))
    prack_of(t, 5, 3, "f2")
    t.core.send(reliable(i, 180, 101, tag="f1"))
    prack_of(t, 101, 4, "f1")
    for _ in range(2):
        check(w.recv().status == 180, "a 180 is missing")
    core_200(t, i, tag="f2", body=CORE_SDP.replace("30100", "30200"))
    check("m=audio 40000" in w.get(200).body, "no answer")
    check("m=audio 30200" in t.mg.wait("mod")[2], "the core leg is not where the answer is")
    w.send(in_dialog("BYE", "c1", 2, tag="f1"))
    numbered(t.core.get("BYE"), "BYE", 5)


@case("P-Early-Media in the answer to a PRACK, ours or the WIC's, moves the gate (W2-EM-02)", media={"early_media": "closed"}, **PATIENT)
def _(t):
    w = t.register()
    for cid, extra in (("c1", ""), ("c2", "Supported: 100rel")):
        t.mg.seen.clear()
        t.core.send(reliable(t.invite(w, cid, extra=extra), 183, 1, body=CORE_SDP))
        w.get(183)
        check("MO=IN" in t.mg.wait("mod")[2], t.mg.seen)
        if extra:
            w.send(in_dialog("PRACK", cid, extra="RAck: 1 1 INVITE"))
        t.mg.seen.clear()
        t.core.send(response(t.core.get("PRACK"), 200, "OK", "P-Early-Media: sendonly"))
        check("MO=SO" in t.mg.wait("mod")[2], t.mg.seen)


@case("mw.prack off: nothing is offered; a core that is reliable nevertheless gets its PRACK", mw={"prack": False, "t1_ms": 400})
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    check(not i.headers("Supported"), i)
    t.core.send(reliable(i, 180, 1))
    prack_of(t, 1, 2)
    check(not w.get(180).header("RSeq"), "shown to the WIC")


# ---- both sides know it --------------------------------------------------------------------------------

@case("both know 100rel: RSeq and RAck pass, and the 200 brings no second answer (W2-SIP-35, RFC 6337 3.1)", **PATIENT)
def _(t):
    w = t.register()
    i = t.invite(w, "c1", extra="Supported: 100rel")
    check(i.headers("Supported") == ["100rel"], i)
    t.core.send(reliable(i, 183, 7, body=CORE_SDP))
    r = w.get(183)
    check(r.header("Require") == "100rel" and r.header("RSeq") == "7" and "m=audio 40000" in r.body, r)
    w.send(in_dialog("PRACK", "c1", 2, extra="RAck: 7 1 INVITE"))
    m = t.core.get("PRACK")
    check(m.header("RAck") == "7 1 INVITE" and m.header("CSeq") == "2 PRACK", m)
    t.core.send(response(m, 200, "OK"))
    check(w.get(200).header("CSeq") == "2 PRACK", "PRACK")
    core_200(t, i, body="")
    ok = w.get(200)
    check(ok.header("CSeq") == "1 INVITE" and not ok.body, ok)
    check(t.metrics()["call_prack_sent"] == 0, "a PRACK of ours")


# ---- the core calls, and requires it -------------------------------------------------------------------

def required(t, w, cid="c1", branch=None):
    i = t.invite_in(w, cid, branch, extra="Require: 100rel\nSupported: 100rel, timer")
    check(not i.header("Require") and i.header("Supported") == "timer", i)
    return i


def wic_says(w, i, status, **k):
    w.send(response(i, status, "Text", WIC_CONTACT, tag="at", **k))


def prack(t, w, cseq, rack, **k):
    t.core.send(core_in_dialog(t, w, "PRACK", "c1", cseq, extra=f"RAck: {rack}", **k))


def rseq_of(m):
    check("100rel" in m.header("Require") and 1 <= int(m.header("RSeq")) < 1 << 31, m)
    return int(m.header("RSeq"))


@case("the core requires 100rel: responses of the WIC get our RSeq, are repeated, wait in order (W2-SIP-35)", **QUICK)
def _(t):
    w = t.register()
    i = required(t, w)
    wic_says(w, i, 180)
    m = t.core.get(180)
    n = rseq_of(m)
    check(t.core.get(180) == m and t.core.get(180) == m, "not repeated as it was")
    wic_says(w, i, 183, body=WIC_SDP % "active")
    wic_says(w, i, 182)
    t.mg.wait("mod")
    for rack in (f"{n + 1} 1 INVITE", f"{n} 2 INVITE", f"{n} 1 UPDATE", "nonsense"):
        prack(t, w, 2, rack)
        check(t.core.get(481), rack)
    prack(t, w, 3, f"{n} 1 INVITE")
    check(t.core.get(200).header("CSeq") == "3 PRACK", "PRACK")
    m = t.core.get(183)
    check(rseq_of(m) == n + 1 and "m=audio 30000" in m.body, m)
    prack(t, w, 4, f"{n} 1 INVITE")  # acknowledged already
    t.core.get(481)
    prack(t, w, 5, f"{n + 1} 1 INVITE")
    check(t.core.get(200).header("CSeq") == "5 PRACK", "PRACK")
    m = t.core.recv()
    while m.header("CSeq") != "1 INVITE" or m.status == 183:  # repeated before the PRACK came
        m = t.core.recv()
    check(m.status == 182 and rseq_of(m) == n + 2, m)
    wic_200(w, i)  # the 182 has no description: nothing waits for its PRACK
    m = t.core.get(200)
    check(m.header("CSeq") == "1 INVITE" and not m.body, m)
    t.core.send(core_in_dialog(t, w, "ACK", "c1", 1))
    numbered(w.get("ACK"), "ACK", 1)
    t.core.send(core_in_dialog(t, w, "BYE", "c1", 7))
    numbered(w.get("BYE"), "BYE", 7)
    w.none("PRACK")


@case("a 2xx overtakes a reliable 18x without a description, and waits for the PRACK of one with (RFC 3262 3)", **PATIENT)
def _(t):
    w = t.register()
    i = required(t, w, "c0")
    wic_says(w, i, 180)
    n = rseq_of(t.core.get(180))
    wic_200(w, i)
    check("m=audio 30000" in t.core.get(200).body, "no answer")
    t.core.send(core_in_dialog(t, w, "PRACK", "c0", 2, extra=f"RAck: {n} 1 INVITE"))
    check(t.core.get(200).header("CSeq") == "2 PRACK", "a PRACK behind the 2xx")
    i = required(t, w)
    wic_says(w, i, 183, body=WIC_SDP % "active")
    n = rseq_of(t.core.get(183))
    wic_200(w, i)
    wic_200(w, i)
    t.core.none(200)
    check(t.metrics()["call_answered"] == 1, "answered before the PRACK")
    prack(t, w, 2, f"{n} 1 INVITE")
    check(t.core.get(200).header("CSeq") == "2 PRACK", "PRACK")
    ok = t.core.get(200)
    check(ok.header("CSeq") == "1 INVITE" and not ok.body, ok)
    t.metric("call_answered", 2)


@case("no PRACK within 64*T1: 504 to the core, CANCEL to the WIC, or ACK and BYE when it has answered", **QUICK)
def _(t):
    w = t.register()
    i = required(t, w, "c0")
    wic_says(w, i, 180)
    t.core.get(180)
    t.core.get(504, 6)
    check("cause=504" in w.get("CANCEL").header("Reason"), "no reason")
    wic_says(w, i, 487)
    w.get("ACK")
    i = required(t, w)
    wic_says(w, i, 183, body=WIC_SDP % "active")
    t.core.get(183)
    wic_200(w, i)
    t.core.get(504, 6)
    ended(t, w, w.send, 504)
    m = t.metrics()
    check(m["call_prack_missing"] == 2 and m["iq_contexts"] == 0, m)


@case("CANCEL of the core while a reliable response waits for its PRACK: 487, and nothing is repeated", **QUICK)
def _(t):
    w = t.register()
    i = required(t, w, branch="b1")
    wic_says(w, i, 180)
    t.core.get(180)
    t.core.send(request("CANCEL", "sip:alice@abc.invalid;transport=ws", branch="b1", cid="c1", via=t.core.via,
                        frm=f"<{BOB}>;tag=b1", to=f"<{ALICE}>", contact=None, extra=f"Route: {w.path}"))
    w.get("CANCEL")
    wic_says(w, i, 487)
    t.core.get(487)
    t.metric("calls", 0)


@case("a re-INVITE that requires 100rel is answered without any provisional response; one that comes is made reliable", **PATIENT)
def _(t):
    w = t.register()
    call_in(t, w, "c1")
    t.core.send(core_in_dialog(t, w, "INVITE", "c1", extra="Require: 100rel", body=CORE_SDP))
    i = w.get("INVITE")
    check(not i.header("Require"), i)
    wic_says(w, i, 180)
    n = rseq_of(t.core.get(180))
    t.core.send(core_in_dialog(t, w, "PRACK", "c1", 3, extra=f"RAck: {n} 2 INVITE"))
    check(t.core.get(200).header("CSeq") == "3 PRACK", "PRACK")
    wic_200(w, i)
    check("m=audio 30000" in t.core.get(200).body, "no answer")


@case("no PRACK in a re-INVITE: 504, the session goes on, and the WIC's 200 gets its ACK, before the end or after", **QUICK)
def _(t):
    w = t.register()
    call_in(t, w, "c1")
    for n, is_before in ((2, True), (3, False)):
        t.core.send(core_in_dialog(t, w, "INVITE", "c1", n, extra="Require: 100rel", body=CORE_SDP))
        i = w.get("INVITE")
        wic_says(w, i, 183, body=WIC_SDP % "active")
        t.core.get(183)
        if is_before:
            wic_200(w, i)
        t.core.get(504, 6)
        if not is_before:
            w.get("CANCEL")
            wic_200(w, i)
        numbered(w.get("ACK"), "ACK", n)
        wic_200(w, i)
        numbered(w.get("ACK"), "ACK", n)  # repeated
        t.core.none(200, 0.2)
    t.core.send(core_in_dialog(t, w, "INVITE", "c1", 4, body=CORE_SDP))
    wic_200(w, w.get("INVITE"))
    check("m=audio 30000" in t.core.get(200).body, "no answer")
    check(t.metrics()["calls"] == 1, "released")


@case("an INVITE without an offer that requires 100rel: no 18x goes to the core, the 200 offers (W2-SIP-25)", **PATIENT)
def _(t):
    w = t.register()
    t.core.send(request("INVITE", "sip:alice@abc.invalid;transport=ws", cid="c1", via=t.core.via, frm=f"<{BOB}>;tag=b1",
                        to=f"<{ALICE}>", contact=f"<{CORE_URI}>", extra=f"Route: {w.path}\nRequire: 100rel"))
    i = w.get("INVITE")
    check(not i.header("Require") and not i.header("Supported") and not i.body, i)
    wic_says(w, i, 180)
    wic_200(w, i, body=WIC_SDP % "actpass")
    m = t.core.recv()
    while m.status == 100:
        m = t.core.recv()
    check(m.status == 200 and "m=audio 30000" in m.body, m)


# ---- offers before the call is answered (RFC 3311) ------------------------------------------------------

def core_update(t, w, cseq, body, tag="ct", to=f"<{ALICE}>;tag=a1", cid="c1", frm=None, **k):
    t.core.send(request("UPDATE", "sip:alice@abc.invalid;transport=ws", cid=cid, cseq=cseq, via=t.core.via,
                        frm=frm or f"<{BOB}>;tag={tag}", to=to, contact=f"<{CORE_URI};new>", body=body,
                        extra=f"Route: {w.path}\n" + k.get("extra", "")))


@case("early UPDATE of the core: its leg is re-pointed, the WIC keeps its answer, and a hold stays a hold (RFC 3311)", **PATIENT)
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    core_update(t, w, 1, CORE_SDP)
    t.core.get(481)  # no dialog yet
    t.core.send(response(i, 180, "Ringing", CORE_CONTACT))
    w.get(180)
    core_update(t, w, 1, CORE_SDP)
    t.core.get(491)  # our offer has no answer yet
    t.core.send(reliable(i, 183, 1, body=CORE_SDP))
    prack_of(t, 1, 2)
    early = w.get(183).body
    core_update(t, w, 2, "")
    m = w.get("UPDATE")  # without a description it passes
    w.send(response(m, 200, "OK", WIC_CONTACT))
    t.core.get(200)
    core_update(t, w, 3, CORE_SDP.replace("30100", "30300") + "a=sendonly\n", extra="P-Early-Media: sendonly")
    ok = t.core.get(200)
    check(ok.header("CSeq") == "3 UPDATE" and ok.header("Contact") == "<sip:alice@abc.invalid;transport=ws>", ok)
    check("m=audio 30000 RTP/AVP 0" in ok.body and "a=recvonly" in ok.body and "ice" not in ok.body, ok.body)
    mod = t.mg.wait("mod")[2]
    check("m=audio 30300" in mod and mod.count("MO=RC") == 1 and mod.count("MO=SO") == 1, mod)
    core_update(t, w, 4, CORE_SDP.replace("RTP/AVP 0", "RTP/AVP 8"))
    t.core.get(488)
    core_update(t, w, 5, CORE_SDP.replace("30100", "30400"))
    check("a=sendrecv" in t.core.get(200).body, "not resumed")
    w.send(in_dialog("UPDATE", "c1", 2, body=WIC_SDP % "actpass"))
    check(w.get(500).header("Retry-After"), "no Retry-After")  # its own offer is open
    w.none("UPDATE")
    core_200(t, i, body=CORE_SDP)  # 13.2.1: the reliable one counts
    final = w.get(200).body
    check("m=audio 30400" in t.mg.wait("mod")[2], "the media went back")
    lines = [[l for l in x.split("\r\n") if not l.startswith("o=")] for x in (early, final)]
    check(lines[0] == lines[1], lines)
    check(t.metrics()["call_early_answered"] == 2, t.metrics())


@case("a second early offer before the first is answered: 500, and the call's end answers what is open", **PATIENT)
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    t.core.send(reliable(i, 183, 1, body=CORE_SDP))
    prack_of(t, 1, 2)
    w.get(183)
    answer = t.mg.answer
    t.mg.answer = lambda tid, ctx, body: t.mg.note("held") if body.startswith("MF=") else answer(tid, ctx, body)
    core_update(t, w, 2, CORE_SDP)
    t.mg.wait("held")
    core_update(t, w, 3, CORE_SDP)
    t.core.get(500)
    w.send(in_dialog("BYE", "c1", 2))
    t.core.get(481)
    w.get(487)


@case("unreliable responses and a 199 that come during an early offer wait for its answer, in order; a description of another fork counts", **PATIENT)
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    t.core.send(reliable(i, 183, 1, body=CORE_SDP))
    prack_of(t, 1, 2)
    w.get(183)
    answer, held = t.mg.answer, []
    t.mg.answer = lambda *a: (held.append(a), t.mg.note("held")) if a[2].startswith("MF=") else answer(*a)
    core_update(t, w, 2, CORE_SDP.replace("30100", "30300"))
    t.mg.wait("held")
    t.core.send(response(i, 180, "Ringing", CORE_CONTACT))
    t.core.send(response(i, 183, "Progress", CORE_CONTACT, tag="f2", body=CORE_SDP.replace("30100", "30400")))
    t.core.send(response(i, 199, "Early Dialog Terminated", tag="ct"))
    t.core.send(response(i, 182, "Queued", CORE_CONTACT, tag="f2"))
    w.none(None, 0.2)
    t.mg.answer = answer
    answer(*held[0])
    check("m=audio 30000" in t.core.get(200).body, "the UPDATE has no answer")
    check([w.recv().status for _ in range(4)] == [180, 183, 199, 182], "responses")
    check("m=audio 30400" in t.mg.wait("mod")[2], "the core leg is not where the last fork is")
    core_200(t, i, tag="f2", body="")
    w.get(200)
    t.metric("calls", 1)


@case("both know 100rel: an offer in a PRACK is answered in its 200, the callee's early UPDATE here, too", **PATIENT)
def _(t):
    w = t.register()
    i = t.invite(w, "c1", extra="Supported: 100rel")
    t.core.send(reliable(i, 183, 7, body=CORE_SDP))
    w.get(183)
    w.send(in_dialog("PRACK", "c1", 2, extra="RAck: 7 1 INVITE", body=(WIC_SDP % "actpass").replace("a=mid", "a=sendonly\na=mid")))
    m = t.core.get("PRACK")
    check(not m.body, "the WIC's description went to the core")
    t.core.send(response(m, 200, "OK"))
    ok = w.get(200)
    check(ok.header("CSeq") == "2 PRACK" and "m=audio 40000" in ok.body and "a=recvonly" in ok.body, ok)
    w.send(in_dialog("PRACK", "c1", 3, extra="RAck: 8 1 INVITE", body=WIC_SDP.replace("RTP/SAVPF 0", "RTP/SAVPF 8") % "actpass"))
    m = t.core.get("PRACK")  # it acknowledges all the same
    check(not m.body and m.header("RAck") == "8 1 INVITE", m)
    t.core.send(response(m, 200, "OK"))
    check(w.recv().status == 488, "an offer that cannot be taken")
    core_update(t, w, 1, CORE_SDP.replace("30100", "30300"))
    check("m=audio 30000" in t.core.get(200).body, "no answer")
    w.none("UPDATE", 0.2)
    core_200(t, i, body="")
    check(not w.get(200).body, "a second answer")
    check("m=audio 30300" in t.mg.wait("mod")[2], "not where the UPDATE said")


@case("the core requires 100rel and offers anew, in PRACK and UPDATE: answered here, the WIC's answer holds", **PATIENT)
def _(t):
    w = t.register()
    i = required(t, w)
    wic_says(w, i, 183, body=WIC_SDP % "active")
    m = t.core.get(183)
    prack(t, w, 2, f"{rseq_of(m)} 1 INVITE", body=CORE_SDP.replace("30100", "30300"))
    ok = t.core.get(200)
    check(ok.header("CSeq") == "2 PRACK" and "m=audio 30000" in ok.body and "a=sendrecv" in ok.body, ok)
    check("m=audio 30300" in t.mg.wait("mod")[2], "not re-pointed")
    core_update(t, w, 3, CORE_SDP.replace("30100", "30400") + "a=inactive\n", to=f"<{ALICE}>;tag=at", frm=f"<{BOB}>;tag=b1")
    check("a=inactive" in t.core.get(200).body, "not held")
    core_update(t, w, 4, CORE_SDP.replace("AVP 0", "AVP 8"), to=f"<{ALICE}>;tag=at", frm=f"<{BOB}>;tag=b1")
    t.core.get(488)
    wic_200(w, i)
    check(not t.core.get(200).body, "a second answer")
    mod = t.mg.wait("mod")[2]
    check("m=audio 30400" in mod and mod.count("MO=IN") == 2, mod)


@case("a WIC restarts ICE early, calling by PRACK, called by UPDATE: the answer has other credentials (W2-ICE-09)",
      gateway=Restarting, **PATIENT)
def _(t):
    w = t.register()
    other = WIC_SDP.replace("Yx3d", "Zx4e") % "actpass"
    i = t.invite(w, "c1", extra="Supported: 100rel")
    t.core.send(reliable(i, 183, 7, body=CORE_SDP))
    check("a=ice-ufrag:abcd" in w.get(183).body, "no answer")
    w.send(in_dialog("PRACK", "c1", 2, extra="RAck: 7 1 INVITE", body=other))
    t.core.send(response(t.core.get("PRACK"), 200, "OK"))
    ok = w.get(200)
    check("a=ice-ufrag:efgh" in ok.body and "a=setup:active" in ok.body, ok)
    i = t.invite_in(w, "c2", extra="Supported: 100rel")
    w.send(response(i, 183, "Progress", f"{WIC_CONTACT}\nRequire: 100rel\nRSeq: 3", tag="at", body=WIC_SDP % "active"))
    t.core.get(183)
    t.core.send(core_in_dialog(t, w, "PRACK", "c2", 2, extra="RAck: 3 1 INVITE"))
    w.send(response(w.get("PRACK"), 200, "OK"))
    t.core.get(200)
    w.send(request("UPDATE", CORE_URI, cid="c2", cseq=1, frm=f"<{ALICE}>;tag=at", to=f"<{BOB}>;tag=b1", body=other))
    ok = w.get(200)
    check(ok.header("CSeq") == "1 UPDATE" and "a=ice-ufrag:efgh" in ok.body and "a=setup:passive" in ok.body, ok)
    check("a=setup:passive" in t.mg.wait("mod")[2], t.mg.wait("mod")[2])
    t.core.none("UPDATE", 0.2)


@case("an early offer that is refused leaves roles and names as they were", **PATIENT)
def _(t):
    w = t.register()
    i = t.invite_in(w, "c1", extra="Supported: 100rel", body=CORE_SDP.replace("AVP 0", "AVP 0 8"))
    both = WIC_SDP.replace("SAVPF 0", "SAVPF 0 8")
    w.send(response(i, 183, "Progress", f"{WIC_CONTACT}\nRequire: 100rel\nRSeq: 3", tag="at", body=both % "passive"))
    t.core.get(183)
    t.core.send(core_in_dialog(t, w, "PRACK", "c1", 2, extra="RAck: 3 1 INVITE"))
    w.send(response(w.get("PRACK"), 200, "OK"))
    t.core.get(200)
    of_wic = {"cid": "c1", "frm": f"<{ALICE}>;tag=at", "to": f"<{BOB}>;tag=b1"}
    w.send(request("UPDATE", CORE_URI, cseq=1, body=WIC_SDP.replace("SAVPF 0", "SAVPF 8").replace("mid:0", "mid:x") % "active", **of_wic))
    w.get(488)
    wic_200(w, i, body=both % "passive")
    t.core.get(200)
    t.core.send(core_in_dialog(t, w, "ACK", "c1", 1))
    w.get("ACK")
    t.core.send(core_in_dialog(t, w, "INVITE", "c1", 3, body=CORE_SDP.replace("30100", "30200")))
    i = w.get("INVITE")
    check("a=mid:0\r\n" in i.body, i.body)
    w.send(response(i, 488, "No", tag="at"))
    t.core.get(488)
    t.core.send(core_in_dialog(t, w, "ACK", "c1", 3))
    w.send(request("INVITE", CORE_URI, cseq=2, body=WIC_SDP % "actpass", **of_wic))
    core_200(t, t.core_get("INVITE", "c1", 2), body=CORE_SDP)
    check("a=setup:active\r\n" in w.get(200).body, "the WIC was passive")


run()
