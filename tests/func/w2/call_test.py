# SPDX-License-Identifier: Apache-2.0
"""Calls through the IMS-ALG: how they end, whatever crosses; early media; the gateway's loss and return."""
from dialogs import *


# ---- refusals, time-outs ------------------------------------------------------------------------------

@case("an INVITE without any answer ends with 504 and its transaction knows the call no more", mw={"t1_ms": 50})
def _(t):
    w = t.register()
    t.invite(w, "c1")
    w.get(504, 10)
    t.metric("calls", 0)
    t.metric("iq_contexts", 0)


# ---- answers that come late ---------------------------------------------------------------------------

@case("a second 200 moves no media, well-formed or not, before and after the core's transaction ends", mw={"t1_ms": 50})
def _(t):
    w = t.register()
    i = call_in(t, w, "c1")
    mods = len([x for x in t.mg.seen if x[0] == "mod"])
    for wait in (0, 4):  # 64 * T1 = 3.2 s
        time.sleep(wait)
        for body in ("v=0\no=x\n", WIC_SDP.replace("Yx3d", "evil") % "active"):
            wic_200(w, i, body=body)
            w.get("ACK")
    m = t.metrics()
    check(m["calls"] == 1 and m["call_late_answer_dropped"] == 4, m)
    check(len([x for x in t.mg.seen if x[0] == "mod"]) == mods, "media were re-pointed")


@case("a repeated 200 is relayed, a 200 of another fork is acknowledged and ended (W2-SIP-38)")
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    core_200(t, i)
    first = w.get(200)
    core_200(t, i)
    check(w.get(200).body == first.body, "the repeated answer differs")
    core_200(t, i, tag="fork2")
    t.core.get("ACK")
    bye = t.core.get("BYE")
    check("tag=fork2" in bye.header("To") and "cause=200" in bye.header("Reason"), bye)
    check(t.metrics()["calls"] == 1, "the other fork ended the call")


@case("the gateway refuses the answer: the callee gets ACK and BYE with cause=503, the caller 503 (W2-SIP-70, -71)")
def _(t):
    w = t.register()
    t.mg.fail = {"mod"}
    i = t.invite(w, "c1")
    i = Sip(i.replace("Record-Route:", f"Record-Route: <sip:p2@{LO}:{CORE_PORT};lr>\r\nRecord-Route:", 1))
    core_200(t, i)
    bye = ended(t, t.core, t.core.send, 503)
    check("sip:p2@" in bye.header("Route"), "not by the route set")
    check(bye.header("CSeq") == "2 BYE", bye.header("CSeq"))
    w.get(503)
    core_200(t, i)  # our ACK was lost: another, and no second BYE
    t.core.get("ACK")
    t.core.none("BYE", 1)
    check(t.mg.wait("sub"), "context kept")


@case("the same with a call to the WIC")
def _(t):
    w = t.register()
    t.mg.fail = {"mod"}
    wic_200(w, t.invite_in(w, "c1"))
    ended(t, w, w.send, 503)
    t.core.get(503)


@case("the gateway restarts while it rings and the CANCEL crosses a 200: ACK and BYE follow")
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    t.core.send(response(i, 180, "Ringing"))
    w.get(180)
    t.mg.register()
    check("cause=503" in t.core.get("CANCEL").header("Reason"), "CANCEL without a reason")
    w.get(503)
    core_200(t, i)
    ended(t, t.core, t.core.send, 503)


@case("a broken answer in a 200 is acknowledged, ended with cause=488 and refused (W2-ERR-47)")
def _(t):
    w = t.register()
    wic_200(w, t.invite_in(w, "c1"), body="v=0\no=x\n")
    ended(t, w, w.send, 488)
    t.core.get(488)


# ---- BYE ----------------------------------------------------------------------------------------------

@case("BYE of the caller while the answer waits for the gateway: the 200 is acknowledged, one BYE goes out")
def _(t):
    w = t.register()
    answer = t.mg.answer
    t.mg.answer = lambda tid, ctx, body: t.mg.note("held") if body.startswith("MF=") else answer(tid, ctx, body)
    core_200(t, t.invite(w, "c1"))
    t.mg.wait("held")
    w.send(in_dialog("BYE", "c1"))
    t.core.get("ACK")
    t.core.send(response(t.core.get("BYE"), 200, "OK"))
    t.core.none("BYE", 1)
    w.get(487)
    w.get(200)
    t.metric("calls", 0)


@case("a BYE or UPDATE with a tag of another dialog gets 481 and ends nothing (W2-ERR-35)")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    for method in ("BYE", "UPDATE", "PRACK"):
        w.send(in_dialog(method, "c1", tag="invented"))
        w.get(481)
        w.send(in_dialog(method, "c1", frm=f"<{ALICE}>;tag=invented"))
        w.get(481)
    check(t.metrics()["calls"] == 1, "the call was ended")
    w.send(in_dialog("BYE", "c1", 9))
    t.core.get("BYE")
    t.metric("calls", 0)


# ---- the gateway --------------------------------------------------------------------------------------

@case("a dialog that was not chosen, but lives: UPDATE passes, an offer in it gets 488, the other dialog is untouched")
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    for tag in ("f1", "f2"):
        t.core.send(response(i, 180, "Ringing", CORE_CONTACT, tag=tag))
        w.get(180)
    core_200(t, i, tag="f2")
    w.get(200)
    update = dict(cid="c1", via=t.core.via, frm=f"<{BOB}>;tag=f1", to=f"<{ALICE}>;tag=a1", contact=f"<{CORE_URI}>")
    for n, body in ((1, ""), (2, CORE_SDP)):
        t.core.send(request("UPDATE", "sip:alice@abc.invalid;transport=ws", cseq=n, body=body, extra=f"Route: {w.path}", **update))
        if body:
            t.core.get(488)
        else:
            w.send(response(w.get("UPDATE"), 200, "OK", WIC_CONTACT))
            t.core.get(200)
    w.none("UPDATE", 0.2)
    for tag in ("f1", "f2"):
        w.send(in_dialog("UPDATE", "c1", 2, tag=tag))
        m = t.core.get("UPDATE")
        check(m.header("To").endswith(f"tag={tag}"), m)
        t.core.send(response(m, 200, "OK", CORE_CONTACT))
        w.get(200)
    check(t.metrics()["calls"] == 1, "released")


@case("a Subtract that fails is repeated for the whole context, then counted")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    t.mg.fail = {"sub"}
    w.send(in_dialog("BYE", "c1"))
    t.core.get("BYE")
    t.metric("iq_contexts_left", 1)
    subs = [x for x in t.mg.seen if x[0] == "sub" and x[1] != "*"]
    check(len(subs) == 2 and subs[0][1] == subs[1][1] and "S=*" in subs[1][2], subs)


@case("a context made for a call that has ended is given back at the gateway that made it",
      iq={"gateways": [{"name": "other", "address": f"{LO}:2999"}, {"name": "g", "address": f"{LO}:{MG_PORT}"}]})
def _(t):
    w = t.register()
    answer, held = t.mg.answer, []
    t.mg.answer = lambda *a: held.append(a) or t.mg.note("held")
    w.send(request("INVITE", BOB, branch="b1", cid="c1", body=WIC_SDP % "actpass"))
    t.mg.wait("held")
    w.send(request("CANCEL", BOB, branch="b1", cid="c1"))
    w.get(487)
    t.mg.seen.clear()
    t.mg.answer = answer
    answer(*held[0])
    check(t.mg.wait("sub")[1] == str(t.mg.ctx), t.mg.seen)
    t.metric("iq_contexts", 0)


def notify(t, context):
    t.mg.tx(f"MEGACO/3 [{LO}]:{MG_PORT}\nTransaction = {random.randrange(1, 1 << 30)} {{ Context = {context} {{ "
            f"Notify = ip/1/a/{context} {{ ObservedEvents = 1 {{ 20261122T11000000:hangterm/thb }} }} }} }}")
    return t.mg.wait("rx")[1]


@case("the heartbeat of a known context is answered, an unknown one is refused and taken down (F-24, F-25)")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    t.mg.seen.clear()
    check("ER=" not in notify(t, t.mg.ctx), t.mg.seen)
    check(not [x for x in t.mg.seen if x[0] == "sub"], "a context in use was taken down")
    t.mg.seen.clear()
    check("ER=411" in notify(t, 999), t.mg.seen)
    sub = t.mg.wait("sub")
    check(sub[1] == "999" and "W-S=*" in sub[2], sub)
    check(t.metrics()["calls"] == 1, "the call suffered")


@case("no connectivity after the answer: BYE to both with cause=503 and one Subtract (W2-ICE-13)",
      media={"ice_timeout_s": 1})
def _(t):
    w = t.register()
    for name in ("xwrtc-1", "tlsbsc-1"):
        offer_packages(t, "g-1", name)
        call_out(t, w, name)
        for side in (t.core, w):
            bye = side.get("BYE", 3)
            check("cause=503" in bye.header("Reason"), bye)
            side.send(response(bye, 200, "OK"))
        t.metric("calls", 0)
        t.mg.wait("sub")
        check(len([x for x in t.mg.seen if x[0] == "sub" and x[1] != "*"]) == 1, t.mg.seen)
    offer_packages(t, "g-1")  # never tells that it succeeded: nothing to wait for
    call_out(t, w, "c3")
    w.none("BYE", 2)


# ---- early media --------------------------------------------------------------------------------------

def modes(t):
    """Modes of core and access termination in the last Modify."""
    return tuple(re.findall(r"MO=(\w+)", t.mg.wait("mod")[2]))


BOTH, NONE, BACK, FORTH = ("SR", "SR"), ("IN", "IN"), ("RC", "SO"), ("SO", "RC")


def early_table(t, rows):
    w = t.register()
    for n, (header, want) in enumerate(rows):
        t.mg.seen.clear()
        i = t.invite(w, f"c{n}", extra="P-Early-Media: gated")
        check(i.headers("P-Early-Media") == ["supported"], i.headers("P-Early-Media"))  # W2-EM-01
        extra = f"P-Early-Media: {header}" if header else ""
        t.core.send(response(i, 183, "Progress", extra + "\n" + CORE_CONTACT, body=CORE_SDP))
        check(not w.get(183).header("P-Early-Media"), "shown to the WIC")  # W2-EM-03
        check(modes(t) == want, f"{header or 'no header'}: {modes(t)}")
        if want != BOTH:
            t.mg.seen.clear()
        core_200(t, i)
        w.get(200)
        check(modes(t) == BOTH, f"{header or 'no header'}, answered: {modes(t)}")  # W2-EM-07


@case("early media of a closed gate follows the core's header by direction (W2-EM-01 to -04, -07)",
      media={"early_media": "closed"})
def _(t):
    early_table(t, [("", NONE), ("sendrecv", BOTH), ("sendonly", BACK), ("recvonly", FORTH), ("inactive", NONE),
                    ("gated", NONE), ("gated, sendonly", BACK), ("sendonly, sendrecv", BACK)])


@case("early media of an open gate follows the core's header by direction")
def _(t):
    early_table(t, [("", BOTH), ("sendonly", BACK), ("inactive", NONE)])


@case("a header without SDP, in 18x or UPDATE, moves the gate of its early dialog (W2-EM-02)",
      media={"early_media": "closed"})
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    t.core.send(response(i, 183, "Progress", CORE_CONTACT, body=CORE_SDP))
    w.get(183)
    check(modes(t) == NONE, modes(t))
    t.mg.seen.clear()
    t.core.send(response(i, 180, "Ringing", "P-Early-Media: sendonly\n" + CORE_CONTACT))
    check(not w.get(180).body, "a description was made up")
    check(modes(t) == BACK, modes(t))
    t.mg.seen.clear()
    t.core.send(request("UPDATE", "sip:alice@abc.invalid;transport=ws", cid="c1", via=t.core.via,
                        contact=f"<{CORE_URI}>", frm=f"<{BOB}>;tag=ct", to=f"<{ALICE}>;tag=a1",
                        extra=f"Route: {w.path}\nP-Early-Media: sendrecv"))
    check(modes(t) == BOTH, modes(t))


def early_in(t, cid, invite, header, want, shown):
    w = t.register(user=cid)
    i = t.invite_in(w, cid, extra=invite, user=cid)
    t.mg.seen.clear()
    w.send(response(i, 183, "Progress", header + "\n" + WIC_CONTACT, tag="at", body=WIC_SDP % "active"))
    got = t.core.get(183).headers("P-Early-Media")
    check(got == shown and modes(t) == want, (invite, header, got, modes(t)))


@case("a WIC cannot open a closed gate before the answer (W2-EM-01, -05)", media={"early_media": "closed"})
def _(t):
    early_in(t, "c1", "P-Early-Media: supported", "P-Early-Media: sendrecv", NONE, [])
    early_in(t, "c2", "", "P-Early-Media: sendonly", NONE, [])


@case("early media of a WIC when policy and core allow, and the core is told (W2-EM-05)")
def _(t):
    early_in(t, "c1", "P-Early-Media: supported", "P-Early-Media: inactive", BOTH, ["sendrecv"])
    early_in(t, "c2", "", "P-Early-Media: sendrecv", NONE, [])


# ---- bodies and rules without a call ------------------------------------------------------------------

MULTIPART = {"body": "--b\nContent-Type: application/sdp\n\n" + WIC_SDP % "actpass" + "--b--\n",
             "ctype": "Multipart/mixed;boundary=b"}


@case("a description inside another body is refused with 415 and dropped from responses (W2-ERR-23, threat P3)")
def _(t):
    w = t.register()
    w.send(request("INVITE", BOB, cid="c0", **MULTIPART))
    check(w.get(415).header("Accept") == "application/sdp", "415 without Accept")
    call_out(t, w, "c1")
    for n, method in enumerate(("INVITE", "UPDATE", "PRACK")):
        w.send(in_dialog(method, "c1", 2 + n, **MULTIPART))
        w.get(415)
    w.send(in_dialog("UPDATE", "c1", 5, extra="Content-Encoding: gzip", body=WIC_SDP % "actpass"))
    w.get(415)
    t.core.none(None)
    for n, k in enumerate((MULTIPART, {"body": CORE_SDP})):
        w.send(in_dialog("PRACK", "c1", 10 + n, extra="RAck: 1 1 INVITE"))
        t.core.send(response(t.core.get("PRACK"), 200, "OK", **k))
        check(not w.get(200).body, "the core's description passed")
    i = t.invite(w, "c2")
    t.core.send(response(i, 488, "No", body=CORE_SDP))
    check(not w.get(488).body, "the core's description passed in a refusal")


@case("OPTIONS to our Mw address, or with Max-Forwards 0, is answered here (W2-SIP-81)")
def _(t):
    w = t.register()
    for uri, hops in ((f"sip:{LO}:{MW_PORT}", 70), ("sip:alice@abc.invalid;transport=ws", 0)):
        t.core.send(request("OPTIONS", uri, via=t.core.via, frm=f"<{BOB}>;tag=b1", to=f"<{uri}>",
                            contact=None).replace("Max-Forwards: 70", f"Max-Forwards: {hops}"))
        m = t.core.get(200)
        check("INVITE" in m.header("Allow") and m.header("Accept") == "application/sdp" and m.header("Supported"), m)
    w.none("OPTIONS")


@case("INFO of trickle ICE ends here, other packages pass (W2-SIP-83)")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    w.send(in_dialog("INFO", "c1", extra="Info-Package: trickle-ice", body="a=candidate:1",
                     ctype="application/trickle-ice-sdpfrag"))
    w.get(200)
    t.core.none("INFO")
    w.send(in_dialog("INFO", "c1", 3, extra="Info-Package: dtmf", body="1", ctype="application/dtmf"))
    t.core.send(response(t.core.get("INFO"), 200, "OK"))
    w.get(200)


run()
