# SPDX-License-Identifier: Apache-2.0
"""Offers and answers as cores and phones really exchange them: late, early, again."""
from dialogs import *


# ---- delayed offers -----------------------------------------------------------------------------------

def invite_without(t, w, cid, extra="", branch=None):
    """The core calls in and offers nothing. @return the INVITE the WIC got"""
    t.core.send(request("INVITE", "sip:alice@abc.invalid;transport=ws", branch=branch, cid=cid, via=t.core.via,
                        frm=f"<{BOB}>;tag=b1", to=f"<{ALICE}>", contact=f"<{CORE_URI}>", extra=f"Route: {w.path}\n{extra}"))
    return w.get("INVITE")


def wic_offers(w, i, **k):
    wic_200(w, i, **{"body": WIC_SDP % "actpass", **k})


def is_for_core(body):
    check("m=audio 30000 RTP/AVP 0" in body and "fingerprint" not in body and "ice-" not in body, body)


def is_for_wic(body):
    check("m=audio 40000 UDP/TLS/RTP/SAVPF 0" in body and "a=setup:active" in body and "a=ice-ufrag:abcd" in body, body)


@case("the core's INVITE has no offer: the WIC's 200 offers, the core's ACK answers (W2-SIP-25)")
def _(t):
    w = t.register()
    i = invite_without(t, w, "c1", "Supported: 100rel, timer")
    check(not i.body and "100rel" not in i.header("Supported") and "timer" in i.header("Supported"), i)
    w.send(response(i, 180, "Ringing", WIC_CONTACT, tag="at"))
    t.core.get(180)
    check(not [x for x in t.mg.seen if x[0] == "add"], "media reserved before there is an offer")
    wic_offers(w, i)
    ok = t.core.get(200)
    is_for_core(ok.body)
    check(not [x for x in t.mg.seen if x[0] == "mod"], "configured before there is an answer")
    wic_offers(w, i)  # our ACK has not come yet
    check(t.core.get(200).body == ok.body, "the repeated offer differs")
    for _ in range(2):
        t.core.send(core_in_dialog(t, w, "ACK", "c1", 1, body=CORE_SDP))
        is_for_wic(w.get("ACK").body)
    mod = t.mg.wait("mod")[2]
    check("127.0.0.1" in mod and "m=audio 30100" in mod and "a=ice-ufrag:Yx3d" in mod, mod)
    check(len([x for x in t.mg.seen if x[0] == "mod"]) == 1, "the repeated ACK moved media")
    t.metric("sip_dialogs", 1)
    w.send(request("BYE", CORE_URI, cid="c1", cseq=1, frm=f"<{ALICE}>;tag=at", to=f"<{BOB}>;tag=b1"))
    t.core.send(response(t.core.get("BYE"), 200, "OK"))
    w.get(200)
    t.metric("iq_contexts", 0)


@case("an ACK without the answer, or with one that cannot be used, ends the call with cause=488 (W2-SIP-71)")
def _(t):
    w = t.register()
    for n, body in enumerate(("", CORE_SDP.replace("RTP/AVP 0", "RTP/AVP 96"))):
        wic_offers(w, invite_without(t, w, f"c{n}"))
        t.core.get(200)
        t.core.send(core_in_dialog(t, w, "ACK", f"c{n}", 1, body=body))
        for side in (w, t.core):
            if side is w:
                check(not w.get("ACK").body, "what could not be used was passed on")
            bye = side.get("BYE")
            check("cause=488" in bye.header("Reason"), bye.header("Reason"))
            side.send(response(bye, 200, "OK"))
        t.metric("calls", 0)
        t.metric("iq_contexts", 0)


@case("a WIC that offers nothing, or nothing usable, gets ACK and BYE, the core 488 (W2-ERR-47)")
def _(t):
    w = t.register()
    for n, body in enumerate(("", CORE_SDP)):
        wic_offers(w, invite_without(t, w, f"c{n}"), body=body)
        ended(t, w, w.send, 488)
        t.core.get(488)


@case("the gateway refuses what the WIC offers, or what the core answers: both sides learn it")
def _(t):
    w = t.register()
    t.mg.fail = {"add"}
    wic_offers(w, invite_without(t, w, "c1"))
    ended(t, w, w.send, 503)
    t.core.get(503)
    t.mg.fail = {"mod"}
    wic_offers(w, invite_without(t, w, "c2"))
    t.core.get(200)
    t.core.send(core_in_dialog(t, w, "ACK", "c2", 1, body=CORE_SDP))
    check(not w.get("ACK").body, "the ACK has an answer nobody stands for")
    for side in (w, t.core):
        check("cause=503" in side.get("BYE").header("Reason"), "no cause")
    t.metric("iq_contexts", 0)


@case("CANCEL of an INVITE without an offer; a 2xx that crosses it makes the call")
def _(t):
    w = t.register()
    for cid in ("c1", "c2"):
        i = invite_without(t, w, cid, branch=cid)
        w.send(response(i, 180, "Ringing", WIC_CONTACT, tag="at"))
        t.core.get(180)
        t.core.send(request("CANCEL", "sip:alice@abc.invalid;transport=ws", branch=cid, cid=cid, via=t.core.via,
                            frm=f"<{BOB}>;tag=b1", to=f"<{ALICE}>", contact=None, extra=f"Route: {w.path}"))
        t.core.get(200)
        w.send(response(w.get("CANCEL"), 200, "OK"))
        if cid == "c1":
            w.send(response(i, 487, "Request Terminated", tag="at"))
            t.core.get(487)
            t.metric("calls", 0)
    wic_offers(w, i)
    is_for_core(t.core.get(200).body)  # RFC 3261 9.1: whoever cancels must be ready for it
    t.core.send(core_in_dialog(t, w, "ACK", "c2", 1, body=CORE_SDP))
    is_for_wic(w.get("ACK").body)


@case("re-INVITE without an offer, of the core and of the WIC; a new offer meanwhile is glare (W2-SIP-25, -33)")
def _(t):
    w = t.register()
    call_in(t, w, "c1")
    t.core.send(core_in_dialog(t, w, "INVITE", "c1"))
    i = w.get("INVITE")
    check(not i.body, i)
    wic_offers(w, i, body=WIC_SDP.replace("a=mid", "a=sendonly\na=mid") % "actpass")
    ok = t.core.get(200)
    is_for_core(ok.body)
    check("a=sendonly" in ok.body, ok.body)
    w.send(request("INVITE", CORE_URI, cid="c1", cseq=1, frm=f"<{ALICE}>;tag=at", to=f"<{BOB}>;tag=b1",
                   body=WIC_SDP % "actpass"))
    w.get(491)
    t.core.send(core_in_dialog(t, w, "ACK", "c1", body=CORE_SDP.replace("m=audio", "a=recvonly\nm=audio")))
    is_for_wic(w.get("ACK").body)
    check("RecvOnly" in t.mg.wait("mod")[2] or "RC" in t.mg.wait("mod")[2], t.mg.wait("mod")[2])
    w.send(request("INVITE", CORE_URI, cid="c1", cseq=2, frm=f"<{ALICE}>;tag=at", to=f"<{BOB}>;tag=b1"))
    i = t.core.get("INVITE")
    check(not i.body, i)
    core_200(t, i)
    ok = w.get(200)
    check("UDP/TLS/RTP/SAVPF" in ok.body and "a=setup:actpass" in ok.body, ok.body)
    w.send(request("ACK", CORE_URI, cid="c1", cseq=2, frm=f"<{ALICE}>;tag=at", to=f"<{BOB}>;tag=b1",
                   body=WIC_SDP % "active"))
    is_for_core(t.core.get("ACK").body)
    m = t.metrics()
    check(m["calls"] == 1 and m["iq_contexts"] == 1 and m["call_sdp_refused"] == 0, m)


@case("a refused re-INVITE without an offer leaves the session, and what may be offered, as they were (W2-SIP-34)")
def _(t):
    w = t.register()
    call_in(t, w, "c1")
    t.core.send(core_in_dialog(t, w, "INVITE", "c1"))
    w.send(response(w.get("INVITE"), 488, "No"))
    t.core.get(488)
    t.core.send(core_in_dialog(t, w, "INVITE", "c1", 3, body=CORE_SDP))
    wic_200(w, w.get("INVITE"))
    t.core.get(200)
    check(t.metrics()["calls"] == 1, "the call ended")


run()
