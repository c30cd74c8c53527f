#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SRTP with keys in SDP on the core's side (RFC 4568, W2-SDP-42): offers, answers, keys that stay and keys that change."""
import base64
import glob

from dialogs import *

CM, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"
REQUIRED, OPTIONAL = {"core_srtp": "required"}, {"core_srtp": "optional", "core_suites": [CM, GCM]}


def crypto(tag, suite, fill):
    return f"a=crypto:{tag} {suite} inline:{base64.b64encode(bytes([fill]) * (30 if suite == CM else 28)).decode()}"


def core_says(*lines, proto="RTP/SAVP", port=30100):
    return CORE_SDP.replace("RTP/AVP", proto).replace("30100", str(port)) + "".join(line + "\n" for line in lines)


def keys_of(body):
    """tag -> (suite, the line's value)"""
    return {m[1]: (m[2], m[0]) for m in re.finditer(r"a=crypto:(\d+) (\S+) inline:\S+", body)}


def is_told(t, ours, theirs, proto="RTP/SAVP"):
    """The gateway sends with our key, and receives with that of the core: both in the last Modify, or neither."""
    mod = t.mg.wait("mod")[2]
    core = next(p for p in mod.split("MF=") if p.startswith("ip/1/c/"))
    local, remote = re.search(r"L\{(.*?)\}", core, re.S)[1], re.search(r"[,{]R\{(.*?)\}", core, re.S)[1]
    for text, key in ((local, ours), (remote, theirs)):
        check(f" {proto} 0" in text and ((key or "a=crypto") in text) == bool(key), core)
    check("a=crypto" not in "".join(p for p in mod.split("MF=") if p.startswith("ip/1/a/")), "a key on the access side")


def invite_in(t, w, cid, body):
    t.core.send(request("INVITE", "sip:alice@abc.invalid;transport=ws", cid=cid, via=t.core.via, frm=f"<{BOB}>;tag=b1",
                        to=f"<{ALICE}>", contact=f"<{CORE_URI}>", extra=f"Route: {w.path}", body=body))


def for_wic(message):
    check("UDP/TLS/RTP/SAVPF" in message.body and "crypto" not in message.body, message.body)


@case("required: the core is offered RTP/SAVP with a key, its own comes with the answer; the browser sees neither", media=REQUIRED)
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    ours = keys_of(i.body)
    check("RTP/SAVP 0" in i.body and list(ours) == ["1"] and ours["1"][0] == CM, i.body)
    check(ours["1"][1] in t.mg.wait("add")[2], "not reserved with the key")
    theirs = crypto(1, CM, 7)
    core_200(t, i, body=core_says(theirs + "|2^31"))
    for_wic(w.get(200))
    is_told(t, ours["1"][1], theirs)
    w.send(in_dialog("ACK", "c1", 1))
    t.core.get("ACK")
    w.send(in_dialog("INVITE", "c1", 2, body=WIC_SDP % "actpass"))
    again = t.core.get("INVITE")
    check(again.body == i.body, "the same session, another description")
    theirs = crypto(1, CM, 8)       # the core renews its key
    core_200(t, again, body=core_says(theirs))
    w.get(200)
    is_told(t, ours["1"][1], theirs)


@case("required: an answer without a key, or in clear, is no answer; an offer in clear gets 488", media=REQUIRED)
def _(t):
    w = t.register()
    for n, body in enumerate((core_says(), CORE_SDP, core_says(crypto(2, CM, 7)), core_says(crypto(1, GCM, 7)))):
        core_200(t, t.invite(w, f"c{n}"), body=body)
        w.get(488)
        ended(t, t.core, t.core.send, 488)
    for n, body in enumerate((CORE_SDP, core_says())):
        invite_in(t, w, f"d{n}", body)
        t.core.get(488)


@case("optional: of the core's keys the first we can use is answered; ours stays with it, and changes when the core moves", media=OPTIONAL)
def _(t):
    w = t.register()
    theirs = crypto(7, CM, 9)
    body = core_says("a=crypto:5 F8_128_HMAC_SHA1_80 inline:" + "A" * 40, crypto(6, CM, 9) + "|2^31|1:4", theirs)
    invite_in(t, w, "c1", body)
    i = w.get("INVITE")
    for_wic(i)
    wic_200(w, i)
    answer = t.core.get(200).body
    ours = keys_of(answer)
    check("RTP/SAVP 0" in answer and list(ours) == ["7"] and ours["7"][0] == CM, answer)
    is_told(t, ours["7"][1], theirs)
    t.core.send(core_in_dialog(t, w, "ACK", "c1", 1))
    w.get("ACK")
    for n, port, stays in ((2, 30100, True), (3, 30200, False)):
        theirs = crypto(7, CM, 10 + n)
        t.core.send(core_in_dialog(t, w, "INVITE", "c1", n, body=core_says(theirs, port=port)))
        wic_200(w, w.get("INVITE"))
        now = keys_of(t.core.get(200).body)["7"][1]
        check((now == ours["7"][1]) == stays, "our key")
        is_told(t, now, theirs)
        t.core.send(core_in_dialog(t, w, "ACK", "c1", n))
        w.get("ACK")
    check(not [line for line in t.lines if line and "inline:" in line], "a key in the log")
    for name in glob.glob(f"{t.dir}/state.db*"):
        with open(name, "rb") as f:
            check(b"inline:" not in f.read(), f"a key in {name}")


@case("optional: RTP/AVP with keys is offered (RFC 8643): a core that knows them gets SRTP, another one RTP", media=OPTIONAL)
def _(t):
    w = t.register()
    for n, (suite, tag) in enumerate(((GCM, 2), (None, 0), (CM, 1))):
        i = t.invite(w, f"c{n}")
        ours = keys_of(i.body)
        check("RTP/AVP 0" in i.body and [k[0] for k in ours.values()] == [CM, GCM], i.body)
        theirs = crypto(tag, suite, 7) if suite else None
        core_200(t, i, body=CORE_SDP + (theirs + "\n" if suite else ""))
        for_wic(w.get(200))
        is_told(t, ours[str(tag)][1] if suite else None, theirs, "RTP/SAVP" if suite else "RTP/AVP")
        w.send(in_dialog("ACK", f"c{n}", 1))
        t.core.get("ACK")
    invite_in(t, w, "plain", CORE_SDP)
    i = w.get("INVITE")
    wic_200(w, i)
    check("crypto" not in t.core.get(200).body, "a key where there is no SRTP")


@case("off: RTP/SAVP of the core gets 488; nothing of SDES is offered")
def _(t):
    w = t.register()
    invite_in(t, w, "c1", core_says(crypto(1, CM, 7)))
    t.core.get(488)
    check("crypto" not in t.invite(w, "c2").body, "offered")


run()
