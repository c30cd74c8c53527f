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


def is_for_wic(body, role="active"):
    check("m=audio 40000 UDP/TLS/RTP/SAVPF 0" in body and f"a=setup:{role}" in body and "a=ice-ufrag:abcd" in body, body)


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
    is_for_wic(w.get("ACK").body, "passive")  # active as it was called, it stays so
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


# ---- video --------------------------------------------------------------------------------------------

WIC_VIDEO = """m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 100
c=IN IP4 0.0.0.0
b=TIAS:900000
a=ice-ufrag:Zx3d
a=ice-pwd:1p4Kq9s8d7f6g5h4j3k2l1z0
a=fingerprint:sha-256 11:22
a=setup:%s
a=mid:1
a=rtcp-mux
a=rtcp-rsize
a=extmap:3 urn:ietf:params:rtp-hdrext:toffset
a=extmap:4 urn:3gpp:video-orientation
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:98 H264/90000
a=rtcp-fb:98 nack pli
a=fmtp:98 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:99 red/90000
a=rtpmap:100 ulpfec/90000
a=ssrc-group:FID 1 2
"""
CORE_VIDEO = """m=video 30102 RTP/AVPF 98 96
b=AS:512
a=rtpmap:98 H264/90000
a=fmtp:98 packetization-mode=1;profile-level-id=42e01f
a=rtcp-fb:* nack pli
a=rtcp-fb:* ccm tmmbr
a=rtpmap:96 VP8/90000
a=extmap:4 urn:3gpp:video-orientation
"""
VIDEO = {"video": ["H264", "VP8"]}


def modes(t):
    """Mode of each stream in the last Modify: {stream: [core, access]}."""
    out = {}
    for stream, mode in re.findall(r"ST=(\d+)\{O\{MO=(\w+)", t.mg.wait("mod")[2]):
        out.setdefault(stream, []).append(mode)
    return out


def given_back(t, stream):
    """Both terminations have no such stream any more (S-7)."""
    mod = t.mg.wait("mod")[2]
    return len(re.findall(rf"ST={stream}\{{[^}}]*L\{{[^}}]*m=\w+ 0 ", mod)) == 2


@case("audio and video: a stream each on both terminations, and nothing of WebRTC in the core", media=VIDEO)
def _(t):
    w = t.register()
    w.send(request("INVITE", BOB, cid="c1", body=(WIC_SDP + WIC_VIDEO) % ("actpass", "actpass")))
    i = t.core.get("INVITE")
    add = t.mg.wait("add")[2]
    check(add.count("ST=1{O") == 2 and add.count("ST=2{O") == 2 and add.count("/astuns") == 2, add)
    video = i.body[i.body.index("m=video"):]
    check(video.startswith("m=video 30002 RTP/AVPF 96 98\r\nc=IN IP4 127.0.0.1\r\nb=AS:916\r\n"), video)
    for line in ("a=rtcp-fb:96 nack pli", "a=rtcp-fb:96 ccm fir", "a=extmap:4 urn:3gpp:video-orientation",
                 "a=fmtp:98 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"):
        check(line + "\r\n" in video, (line, video))
    for word in ("remb", "transport-cc", "rtx", "red/", "ulpfec", "toffset", "ssrc", "ice-", "rsize", "mux"):
        check(word not in i.body, (word, i.body))
    core_200(t, i, body=CORE_SDP + CORE_VIDEO)
    answer = w.get(200).body
    video = answer[answer.index("m=video"):]
    check(video.startswith("m=video 40002 UDP/TLS/RTP/SAVPF 98 96\r\n") and "b=AS:512\r\n" in video, video)
    check("a=rtcp-fb:98 nack pli\r\n" in video and "tmmbr" not in video and "ccm fir" not in video, video)
    check("a=mid:1\r\n" in video and "a=msid:gw gv" in video and "BUNDLE" not in answer, answer)
    check(modes(t) == {"1": ["SR", "SR"], "2": ["SR", "SR"]}, modes(t))
    w.send(in_dialog("BYE", "c1"))
    t.core.send(response(t.core.get("BYE"), 200, "OK"))
    w.get(200)
    t.metric("iq_contexts", 0)


@case("a video line the other side refuses is silent, the call goes on; so is one of codecs that may not cross (W2-COD-12)",
      media={"video": ["VP8"]})
def _(t):
    w = t.register()
    w.send(request("INVITE", BOB, cid="c1", body=(WIC_SDP + WIC_VIDEO) % ("actpass", "actpass")))
    i = t.core.get("INVITE")
    check("m=video 30002 RTP/AVPF 96\r\n" in i.body and "H264" not in i.body, i.body)
    core_200(t, i, body=CORE_SDP + "m=video 0 RTP/AVPF 96\n")
    check("m=video 0 UDP/TLS/RTP/SAVPF" in w.get(200).body, "not refused")
    check(modes(t) == {"1": ["SR", "SR"]} and given_back(t, 2), t.mg.wait("mod")[2])
    only_h264 = WIC_VIDEO.replace("SAVPF 96 97 98 99 100", "SAVPF 98")
    w.send(request("INVITE", BOB, cid="c2", body=(WIC_SDP + only_h264) % ("actpass", "actpass")))
    i = t.core.get("INVITE")
    check("m=video 0 RTP/AVPF 98\r\n" in i.body, i.body)
    check(t.mg.wait("add")[2].count("ST=2{") == 0, "reserved what cannot be used")


@case("video joins in mid-call, from either side; a gateway without room leaves the call as it was (W2-SIP-30, -34)", media=VIDEO)
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    t.mg.fail = {"mod"}
    w.send(in_dialog("INVITE", "c1", body=(WIC_SDP + WIC_VIDEO) % ("actpass", "actpass")))
    w.get(488)
    t.mg.fail = set()
    t.mg.seen.clear()
    w.send(in_dialog("INVITE", "c1", 3, body=(WIC_SDP + WIC_VIDEO) % ("actpass", "actpass")))
    i = t.core.get("INVITE")
    check("m=audio 30000" in i.body and "m=video 30002" in i.body, i.body)
    check("L{" in t.mg.wait("mod")[2] and t.mg.wait("mod")[2].count("/astuns") == 2, t.mg.wait("mod")[2])
    core_200(t, i, body=CORE_SDP + CORE_VIDEO)
    w.get(200)
    check(modes(t) == {"1": ["SR", "SR"], "2": ["SR", "SR"]}, modes(t))
    call_in(t, w, "c2")
    t.core.send(core_in_dialog(t, w, "INVITE", "c2", body=CORE_SDP + CORE_VIDEO))
    i = w.get("INVITE")
    check("m=video 40002 UDP/TLS/RTP/SAVPF 98 96\r\n" in i.body and "a=mid:1" in i.body, i.body)
    wic_200(w, i, body=(WIC_SDP + WIC_VIDEO.replace("96 97 98 99 100", "96")) % ("active", "active"))
    answer = t.core.get(200).body
    check("m=video 30002 RTP/AVPF 96\r\n" in answer, answer)
    check(t.metrics()["calls"] == 2, "a call ended")


@case("an old core holds by c=0.0.0.0: the WIC reads sendonly, the gateway stops one way; an offer refused on the way moves nothing (W2-SIP-32, -34)")
def _(t):
    w = t.register()
    call_in(t, w, "c1")
    for n, sdp, wic_says, core_reads, modes_are in (
            (2, CORE_SDP.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0"), "recvonly", "recvonly", ["RC", "SO"]),
            (3, CORE_SDP + "a=inactive\n", None, None, None), (4, CORE_SDP, "sendrecv", "sendrecv", ["SR", "SR"])):
        t.mg.seen.clear()
        t.core.send(core_in_dialog(t, w, "INVITE", "c1", n, body=sdp))
        i = w.get("INVITE")
        wants = {2: "sendonly", 3: "inactive", 4: "sendrecv"}[n]
        check(f"a={wants}" in i.body and "m=audio 40000" in i.body and "c=IN IP4 127.0.0.1" in i.body, i.body)
        if wic_says:
            wic_200(w, i, body=WIC_SDP % "active" + f"a={wic_says}\n")
            check(f"a={core_reads}" in t.core.get(200).body, "the core's answer")
            check(modes(t) == {"1": modes_are}, modes(t))
            t.core.send(core_in_dialog(t, w, "ACK", "c1", n))
        else:
            w.send(response(i, 488, "Not Acceptable Here"))
            t.core.get(488)
            check(not [x for x in t.mg.seen if x[0] == "mod"], "the gateway was told of what nobody agreed to")
            t.core.send(core_in_dialog(t, w, "ACK", "c1", n))
        w.get("ACK")


@case("a line that was taken out comes again in its place, and is a stream again (RFC 3264 8.1, W2-SDP-03)", media=VIDEO)
def _(t):
    w = t.register()
    core_200(t, t.invite(w, "c1"))
    w.get(200)
    for n, video, streams in ((2, WIC_VIDEO, {"1": ["SR", "SR"], "2": ["SR", "SR"]}), (3, "m=video 0 UDP/TLS/RTP/SAVPF 96\n", {"1": ["SR", "SR"]}),
                              (4, WIC_VIDEO, {"1": ["SR", "SR"], "2": ["SR", "SR"]})):
        sdp = WIC_SDP % "actpass" + (video % "actpass" if "%s" in video else video)
        t.mg.seen.clear()
        w.send(in_dialog("INVITE", "c1", n, body=sdp))
        i = t.core_get("INVITE", "c1", n)
        is_there = video == WIC_VIDEO
        check(("m=video 30002" in i.body) == is_there and ("m=video 0 " in i.body) != is_there, i.body)
        core_200(t, i, body=CORE_SDP + (CORE_VIDEO if is_there else "m=video 0 RTP/AVPF 98\n"))
        check(("m=video 0 " in w.get(200).body) != is_there, "the answer")
        check(modes(t) == streams and given_back(t, 2) != is_there, t.mg.wait("mod")[2])
        w.send(in_dialog("ACK", "c1", n))
        t.core.get("ACK")
    w.send(in_dialog("INVITE", "c1", 5, body=WIC_SDP % "actpass"))
    w.get(488)      # RFC 3264 8: a line stays, if with port 0
    check(t.metrics()["iq_contexts"] == 1, "contexts")


# ---- data channels ------------------------------------------------------------------------------------

WIC_DATA = """m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:Zx3d
a=ice-pwd:1p4Kq9s8d7f6g5h4j3k2l1z0
a=fingerprint:sha-256 11:22
a=setup:%s
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
a=dcmap:0 subprotocol="x";label="chat"
"""
CORE_DATA = """m=application 30102 UDP/DTLS/SCTP webrtc-datachannel
a=fingerprint:sha-256 55:66
a=setup:%s
a=sctp-port:6000
a=dcmap:0 subprotocol="x";label="chat"
"""
NO_AUDIO = WIC_SDP[:WIC_SDP.index("m=audio")]
DATA = {"data": "relay"}


def data_of(sdp):
    return sdp[sdp.index("m=application"):]


@case("data beside audio: relayed, the DTLS role from end to end, nothing of ICE in the core (W2-DC-02, -07)", media=DATA)
def _(t):
    w = t.register()
    w.send(request("INVITE", BOB, cid="c1", body=(WIC_SDP + WIC_DATA) % ("actpass", "actpass")))
    i = t.core.get("INVITE")
    add = t.mg.wait("add")[2]
    check(add.count("m=application $ UDP/DTLS/SCTP webrtc-datachannel") == 2 and add.count("ST=2{O") == 2, add)
    locals = re.findall(r"m=application \$.*?}", add, re.S)
    check("ice-ufrag:$" in locals[0] and "setup:passive" in locals[0], locals[0])
    check("ice-" not in locals[1] and "setup:active" in locals[1] and "fingerprint:sha-256 $" in locals[1], locals[1])
    check(data_of(i.body) == crlf("""m=application 30002 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 127.0.0.1
a=fingerprint:sha-256 33:44
a=setup:active
a=sctp-port:5000
a=max-message-size:262144
a=dcmap:0 subprotocol="x";label="chat"
"""), i.body)
    core_200(t, i, body=CORE_SDP + CORE_DATA % "passive")
    data = data_of(w.get(200).body)
    check(data.startswith("m=application 40002 UDP/DTLS/SCTP webrtc-datachannel\r\n"), data)
    for line in ("a=ice-ufrag:abcd", "a=setup:passive", "a=mid:1", "a=sctp-port:6000", "a=max-message-size:65536"):
        check(line + "\r\n" in data, (line, data))
    mod = t.mg.wait("mod")[2]
    check(modes(t) == {"1": ["SR", "SR"], "2": ["SR", "SR"]}, modes(t))
    check(re.search(r"30102 UDP/DTLS/SCTP[^}]*55:66[^}]*setup:passive", mod), mod)
    w.send(in_dialog("INVITE", "c1", 3, body=((WIC_SDP + WIC_DATA) % ("actpass", "actpass")).replace(
        "a=rtcp-mux", "a=rtcp-mux\na=sendonly")))
    i = t.core.get("INVITE")
    check("a=sendonly" in i.body and "m=application 30002" in i.body and "a=setup:active" in i.body, i.body)
    core_200(t, i, body=CORE_SDP + "a=recvonly\n" + CORE_DATA % "passive")
    w.get(200)
    check(modes(t)["2"] == ["SR", "SR"], modes(t))       # held: the sound, not the channels
    w.send(in_dialog("BYE", "c1", 4))
    t.core.send(response(t.core.get("BYE"), 200, "OK"))
    w.get(200)
    t.metric("iq_contexts", 0)


@case("data without audio, called and calling; roles stay in later offers (W2-SEC-06)", media=DATA)
def _(t):
    w = t.register()
    w.send(request("INVITE", BOB, cid="c1", body=NO_AUDIO + WIC_DATA % "active"))
    i = t.core.get("INVITE")
    core_200(t, i, body=CORE_SDP.replace("m=audio 30100 RTP/AVP 0\n", CORE_DATA % "passive"))
    check(w.get(200).body.count("m=") == 1, "lines")
    t.core.send(request("INVITE", "sip:alice@abc.invalid;transport=ws", cid="c2", via=t.core.via, frm=f"<{BOB}>;tag=b1",
                        to=f"<{ALICE}>", contact=f"<{CORE_URI}>", extra=f"Route: {w.path}",
                        body=CORE_SDP.replace("m=audio 30100 RTP/AVP 0\n", CORE_DATA % "active")))
    i = w.get("INVITE")
    check("a=setup:active\r\n" in i.body and "m=application 40000" in i.body, i.body)
    check("setup:passive" in re.findall(r"m=application \$.*?}", t.mg.wait("add")[2], re.S)[1], "role towards the core")
    wic_200(w, i, body=NO_AUDIO + WIC_DATA % "passive")
    check("a=setup:passive\r\n" in t.core.get(200).body, "role")
    check(re.search(r"30102 UDP/DTLS/SCTP[^}]*setup:active", t.mg.wait("mod")[2]), t.mg.wait("mod")[2])
    t.core.send(core_in_dialog(t, w, "ACK", "c2", 1))
    w.send(request("INVITE", CORE_URI, cid="c2", cseq=1, frm=f"<{ALICE}>;tag=at", to=f"<{BOB}>;tag=b1",
                   body=NO_AUDIO + WIC_DATA % "actpass"))
    check("a=setup:passive\r\n" in t.core.get("INVITE").body, "role of the re-offer")
    check(t.metrics()["calls"] == 2, "a call ended")


@case("data joins in mid-call and is refused by port 0, alone; without media.data it never crosses", media=DATA)
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    w.send(in_dialog("INVITE", "c1", body=(WIC_SDP + WIC_DATA) % ("actpass", "actpass")))
    i = t.core.get("INVITE")
    core_200(t, i, body=CORE_SDP + "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\n")
    check("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n" in w.get(200).body, "not refused")
    check(modes(t) == {"1": ["SR", "SR"]} and given_back(t, 2), t.mg.wait("mod")[2])
    w.send(in_dialog("INVITE", "c1", 3, body=(WIC_SDP + WIC_DATA) % ("actpass", "actpass")))
    core_200(t, t.core.get("INVITE"), body=CORE_SDP + CORE_DATA % "passive")
    check("m=application 40002" in w.get(200).body, "not taken")
    check(modes(t) == {"1": ["SR", "SR"], "2": ["SR", "SR"]}, modes(t))


CORE_MSRP = "m=message %d TCP/MSRP *\na=path:msrp://127.0.0.1:2855/core;tcp\na=accept-types:*\n"
CORE_DEAD_VIDEO = "m=video 0 RTP/AVPF 98\n"


def channels(*streams):
    """The WIC's data line with MSRP on these streams of SCTP."""
    return WIC_DATA[:WIC_DATA.index("a=dcmap")] % "actpass" + "".join(
        f'a=dcmap:{n} subprotocol="msrp";label="chat"\na=dcsa:{n} path:msrps://b.invalid:9/s{n};dc\n' for n in streams)


def reoffer(t, w, n, sdp, answer=None, status=491):
    """The WIC offers, the core answers or refuses; what the gateway was told for the offer, and all in all."""
    t.mg.seen.clear()
    w.send(in_dialog("INVITE", "c1", n, body=sdp))
    i = t.core_get("INVITE", "c1", n)
    told = "".join(x[2] for x in t.mg.seen if x[0] == "mod")
    if answer:
        core_200(t, i, body=answer)
    else:
        t.core.send(response(i, status, "No"))
    check(w.get(200 if answer else status).header("CSeq") == f"{n} INVITE", "another answer")
    w.send(in_dialog("ACK", "c1", n))
    t.core.get("ACK")
    return told, "".join(x[2] for x in t.mg.seen if x[0] == "mod")


@case("a channel that is offered again, and refused, leaves the others their association (W2-SIP-34)", media={"data": "msrp", **VIDEO})
def _(t):
    w = t.register()
    audio, gone = WIC_SDP % "actpass", re.compile(r"ST=2\{[^}]*L\{")
    w.send(request("INVITE", BOB, cid="c1", body=audio + channels(0, 2)))
    core_200(t, t.core_get("INVITE", "c1"), body=CORE_SDP + 2 * CORE_MSRP % (2855, 2855))
    w.get(200)
    w.send(in_dialog("ACK", "c1", 1))
    t.core.get("ACK")
    both, second = CORE_SDP + 2 * CORE_MSRP % (2855, 2855), CORE_SDP + 2 * CORE_MSRP % (0, 2855)
    _, mods = reoffer(t, w, 2, audio + channels(2), second)
    check(re.search(r"ST=34\{[^}]*m=message 0 ", mods) and not gone.search(mods), mods)
    told, _ = reoffer(t, w, 3, audio + channels(0, 2))
    check("ST=34{" in told and not gone.search(told), told)
    for n, lines, answer in ((4, channels(2), second), (5, channels(0, 2), both)):
        _, mods = reoffer(t, w, n, audio + lines, answer)
        check(not gone.search(mods), mods)
    check("ST=35{O{MO=SR" in mods and "ST=34{O{MO=SR" in mods, mods)
    # lines that were there fill all places: that of the association is kept, though its own line does not cross
    dead, idle, old = CORE_SDP + 2 * CORE_MSRP % (0, 0), channels(0, 2).replace("application 9", "application 0"), ""
    for k in range(5):
        reoffer(t, w, 6 + k, audio + idle + old + WIC_VIDEO.replace("mid:1", f"mid:{k + 2}") % "actpass", dead + k * CORE_DEAD_VIDEO + CORE_VIDEO)
        old += f"m=video 0 UDP/TLS/RTP/SAVPF 96\na=mid:{k + 2}\n"
    w.send(in_dialog("INVITE", "c1", 11, body=audio.replace("t=0 0", "t=0 0\na=group:BUNDLE 1 7") + channels(2) + old + "a=bundle-only\n" +
                     WIC_VIDEO.replace("mid:1", "mid:7") % "actpass"))
    core_200(t, t.core_get("INVITE", "c1", 11), body=second + 5 * CORE_DEAD_VIDEO + CORE_VIDEO)
    answer, mods = w.get(200).body, t.mg.wait("mod")[2]
    check("a=group:BUNDLE 1\r\n" in answer and "ST=9{O{MO=SR" in mods and "ST=35{O{MO=SR" in mods, answer + mods)


@case("without media.data the line of an offer with data gets port 0 on both legs; one transport is one group (W2-BUN-02)")
def _(t):
    w = t.register()
    w.send(request("INVITE", BOB, cid="c1", body=((WIC_SDP + WIC_DATA) % ("actpass", "actpass")).replace(
        "t=0 0", "t=0 0\na=group:BUNDLE 0 1")))
    i = t.core.get("INVITE")
    check("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n" in i.body and "11:22" not in i.body, i.body)
    core_200(t, i, body=CORE_SDP + "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\n")
    answer = w.get(200).body
    check("m=application 0 " in answer and "a=group:BUNDLE 0\r\n" in answer, answer)


MID_EXT = "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\n"


def grouped(sdp, mids="0 1"):
    return sdp.replace("t=0 0", f"t=0 0\na=group:BUNDLE {mids}").replace("a=mid:", MID_EXT + "a=mid:")


def bundle_only(video):
    return video.replace("m=video 9", "m=video 0") + "a=bundle-only\n"


@case("lines of a group share one transport, of which the core hears nothing; max-bundle or not (W2-BUN-03)", media={**VIDEO, "bundle": "share"})
def _(t):
    offer_packages(t, "g-1", "mgroup-1")
    w = t.register()
    for n, video in enumerate((WIC_VIDEO, bundle_only(WIC_VIDEO))):
        w.send(request("INVITE", BOB, cid=f"c{n}", body=grouped((WIC_SDP + video) % ("actpass", "actpass"))))
        i = t.core.get("INVITE")
        add = t.mg.wait("add")[2]
        check('mgroup/gs="BUNDLE 1 2"' in add and add.count("/astuns") == 1 and add.count("ice-ufrag:$") == 1, add)
        check("m=video - UDP/TLS/RTP/SAVPF" in add and "a=mid:1" in add and add.count("a=extmap:9 ") == 4, add)
        check("m=video 30002 RTP/AVPF" in i.body, i.body)
        for word in ("group", "mid", "bundle"):
            check(word not in i.body, (word, i.body))
        core_200(t, i, body=CORE_SDP + CORE_VIDEO)
        answer = w.get(200).body
        check("a=group:BUNDLE 0 1\r\n" in answer and answer.count("a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid") == 2, answer)
        check("bundle-only" not in answer, answer)
        remote = [x for x in t.mg.seen if x[0] == "mod"][-1][2]
        check(remote.count("a=mid:") == 2 and remote.count("a=extmap:9 ") == 2, "packets to the WIC bear their MID")
        check("m=audio 40000 " in answer and "m=video 40000 " in answer and answer.count("a=ice-ufrag:abcd") == 2, answer)
        check(modes(t) == {"1": ["SR", "SR"], "2": ["SR", "SR"]}, modes(t))
        w.send(in_dialog("BYE", f"c{n}"))
        t.core.send(response(t.core.get("BYE"), 200, "OK"))
        w.get(200)


@case("a line of a group refused by the core: the transport goes on with sound (W2-BUN-03)", media={**VIDEO, "bundle": "share"})
def _(t):
    offer_packages(t, "g-1", "mgroup-1")
    w = t.register()
    w.send(request("INVITE", BOB, cid="c1", body=grouped((WIC_SDP + WIC_VIDEO) % ("actpass", "actpass"))))
    i = t.core.get("INVITE")
    core_200(t, i, body=CORE_SDP + "m=video 0 RTP/AVPF 96\n")
    answer = w.get(200).body
    check("a=group:BUNDLE 0\r\n" in answer and "m=video 0 " in answer and "m=audio 40000 " in answer, answer)
    check("sdes:mid" not in answer, "a line alone is told by its payload types")
    check(modes(t) == {"1": ["SR", "SR"]}, modes(t))


@case("strict: each line has a transport of its own, and what has none is refused (W2-BUN-01, -02)", media={**VIDEO, "bundle": "strict"})
def _(t):
    offer_packages(t, "g-1", "mgroup-1")
    w = t.register()
    for n, video in enumerate((WIC_VIDEO, bundle_only(WIC_VIDEO))):
        w.send(request("INVITE", BOB, cid=f"c{n}", body=grouped((WIC_SDP + video) % ("actpass", "actpass"))))
        i = t.core.get("INVITE")
        add = t.mg.wait("add")[2]
        check("mgroup" not in add and "a=mid" not in add, add)
        core_200(t, i, body=CORE_SDP + (CORE_VIDEO if n == 0 else "m=video 0 RTP/AVPF 96\n"))
        answer = w.get(200).body
        check("BUNDLE" not in answer and "sdes:mid" not in answer and f"m=video {0 if n else 40002} " in answer, answer)


@case("video joins the group in mid-call; the line that brought the transport goes, the transport stays (RFC 9143 7.5)", media={**VIDEO, "bundle": "share"})
def _(t):
    offer_packages(t, "g-1", "mgroup-1")
    w = t.register()
    w.send(request("INVITE", BOB, cid="c1", body=grouped(WIC_SDP % "actpass", "0")))
    i = t.core.get("INVITE")
    check("mgroup" not in t.mg.wait("add")[2], "a group of one")
    core_200(t, i, body=CORE_SDP)
    answer = w.get(200).body
    check("a=group:BUNDLE 0\r\n" in answer and "sdes:mid" not in answer, answer)
    w.send(in_dialog("ACK", "c1", 1))
    t.core.get("ACK")
    shared = WIC_VIDEO.replace("Zx3d", "Yx3d").replace("1p4K", "0p4K")    # a transport has one pair of credentials
    w.send(in_dialog("INVITE", "c1", 2, body=grouped((WIC_SDP + bundle_only(shared)) % ("actpass", "actpass"))))
    i = t.core.get("INVITE")
    mod = [x for x in t.mg.seen if x[0] == "mod" and "mgroup" in x[2]][-1][2]
    check('mgroup/gs="BUNDLE 1 2"' in mod and "ice-ufrag" not in mod, mod)
    core_200(t, i, body=CORE_SDP + CORE_VIDEO)
    answer = w.get(200).body
    check("a=group:BUNDLE 0 1\r\n" in answer and "m=video 40000 " in answer and answer.count("sdes:mid") == 2, answer)
    w.send(in_dialog("ACK", "c1", 2))
    t.core.get("ACK")
    only_video = (WIC_SDP.replace("m=audio 9", "m=audio 0") + shared) % ("actpass", "actpass")
    w.send(in_dialog("INVITE", "c1", 3, body=grouped(only_video, "1").replace("Yx3d", "Zy4e")))
    i = t.core.get("INVITE")
    check("m=audio 0 " in i.body and "m=video 30002 " in i.body, i.body)
    core_200(t, i, body=CORE_SDP.replace("m=audio 30100", "m=audio 0") + CORE_VIDEO)
    answer = w.get(200).body
    check("a=group:BUNDLE 1\r\n" in answer and "m=audio 0 " in answer and "m=video 40000 " in answer, answer)
    check(modes(t) == {"1": ["IN"], "2": ["SR", "SR"]}, modes(t))
    mod = t.mg.wait("mod")[2]
    check("a=ice-ufrag:$" in mod and "a=ice-ufrag:Zy4e" in mod, "the ICE restart is of the line that is left")
    check("m=- $ UDP/TLS/RTP/SAVPF -" in mod, "a transport and nothing else (E-9)")


@case("our own offer has one transport: the other lines are bundle-only until they are agreed upon (RFC 9143 7.2)", media={**VIDEO, "bundle": "share"})
def _(t):
    offer_packages(t, "g-1", "mgroup-1")
    w = t.register()
    i = t.invite_in(w, "c1", body=CORE_SDP + CORE_VIDEO)
    offer = i.body
    video = offer[offer.index("m=video"):]
    check("a=group:BUNDLE 0 1\r\n" in offer and "m=audio 40000 " in offer, offer)
    check(video.startswith("m=video 0 ") and "a=bundle-only\r\n" in video and offer.count("sdes:mid") == 2, offer)
    wic_200(w, i, body=grouped((WIC_SDP + WIC_VIDEO) % ("active", "active")))
    check("m=video 30002 " in t.core.get(200).body, "video was lost")
    check(modes(t) == {"1": ["SR", "SR"], "2": ["SR", "SR"]}, modes(t))


SHARED = {**VIDEO, **DATA, "bundle": "share"}


def roles(sdp):
    return set(re.findall(r"a=setup:(\w+)", sdp))


@case("sound, video and data on one transport and one association: one role, which the data line's ends give (W2-BUN-04, RFC 8832 6)", media=SHARED)
def _(t):
    offer_packages(t, "g-1", "mgroup-1")
    w = t.register()
    offer = grouped((WIC_SDP + WIC_VIDEO + WIC_DATA.replace("a=mid:1", "a=mid:2")) % (("actpass",) * 3), "0 1 2")
    w.send(request("INVITE", BOB, cid="c1", body=offer))
    i = t.core.get("INVITE")
    add = t.mg.wait("add")[2]
    access = add[:add.index("core")]
    check('mgroup/gs="BUNDLE 1 2 3"' in access and access.count("/astuns") == 1 and access.count("ice-ufrag:$") == 1, access)
    check("m=application - UDP/DTLS/SCTP" in access and "a=setup:passive" in access, access)
    check("a=setup:active\r\n" in i.body and "BUNDLE" not in i.body, i.body)
    core_200(t, i, body=CORE_SDP + CORE_VIDEO + CORE_DATA % "passive")
    answer = w.get(200).body
    check("a=group:BUNDLE 0 1 2\r\n" in answer and "m=application 40000 " in answer and roles(answer) == {"passive"}, answer)
    check(answer.count("sdes:mid") == 2, "data needs no MID")
    w.send(in_dialog("ACK", "c1", 1))
    t.core.get("ACK")
    w.send(in_dialog("INVITE", "c1", 2, body=offer))
    i = t.core.get("INVITE")
    core_200(t, i, body=CORE_SDP + CORE_VIDEO + "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\n")
    answer = w.get(200).body
    check("a=group:BUNDLE 0 1\r\n" in answer and "m=application 0 " in answer and roles(answer) == {"passive"}, answer)
    check(modes(t) == {"1": ["SR", "SR"], "2": ["SR", "SR"]}, modes(t))


@case("data joins a group in mid-call: its peer has the role the association leaves it (W2-BUN-04)", media=SHARED)
def _(t):
    offer_packages(t, "g-1", "mgroup-1")
    w = t.register()
    w.send(request("INVITE", BOB, cid="c1", body=grouped(WIC_SDP % "actpass", "0")))
    core_200(t, t.core.get("INVITE"), body=CORE_SDP)
    answer = w.get(200).body
    check("a=group:BUNDLE 0\r\n" in answer and roles(answer) == {"active"} and "sdes:mid" not in answer, answer)
    w.send(in_dialog("ACK", "c1", 1))
    t.core.get("ACK")
    w.send(in_dialog("INVITE", "c1", 2, body=grouped((WIC_SDP + WIC_DATA.replace("m=application 9", "m=application 0") + "a=bundle-only\n") %
                                                     ("actpass", "actpass"))))
    i = t.core.get("INVITE")
    check("a=setup:passive\r\n" in i.body and "m=application 30002" in i.body, i.body)
    check('mgroup/gs="BUNDLE 1 2"' in [x for x in t.mg.seen if x[0] == "mod" and "mgroup" in x[2]][-1][2], "group")
    core_200(t, i, body=CORE_SDP + CORE_DATA % "active")
    answer = w.get(200).body
    check("a=group:BUNDLE 0 1\r\n" in answer and "m=application 40000 " in answer and roles(answer) == {"active"}, answer)
    check("sdes:mid" not in answer, "one line of media")


@case("the core offers sound and data: one transport towards the WIC, the role of the data line for both (W2-BUN-04)", media=SHARED)
def _(t):
    offer_packages(t, "g-1", "mgroup-1")
    w = t.register()
    i = t.invite_in(w, "c1", body=CORE_SDP + CORE_DATA % "active")
    check("a=group:BUNDLE 0 1\r\n" in i.body and roles(i.body) == {"active"} and "m=application 0 " in i.body, i.body)
    wic_200(w, i, body=grouped((WIC_SDP + WIC_DATA) % ("passive", "passive")))
    answer = t.core.get(200).body
    check("m=application 30002 " in answer and "a=setup:passive\r\n" in answer, answer)
    check(modes(t) == {"1": ["SR", "SR"], "2": ["SR", "SR"]}, modes(t))


@case("no group is answered where a line may join: it would have to be of the group's transport (RFC 9143 7.3.3)", media=DATA)
def _(t):
    w = t.register()
    sdp = (WIC_SDP % "actpass").replace("t=0 0", "t=0 0\na=group:BUNDLE 0")
    for n, (body, has_group) in enumerate(((sdp, False), (sdp.replace("BUNDLE 0", "BUNDLE 0 1") + (
            WIC_DATA % "actpass").replace("application 9", "application 0") + "a=bundle-only\n", True))):
        w.send(request("INVITE", BOB, cid=f"c{n}", body=body))
        core_200(t, t.core.get("INVITE"), body=CORE_SDP + "m=application 0 UDP/DTLS/SCTP x\n" * n)
        answer = w.get(200).body
        check(("a=group:BUNDLE 0\r\n" in answer) == has_group, answer)


@case("a WIC that was called keeps its DTLS role when it offers again", media=VIDEO)
def _(t):
    w = t.register()
    call_in(t, w, "c1")
    w.send(request("INVITE", CORE_URI, cid="c1", cseq=1, frm=f"<{ALICE}>;tag=at", to=f"<{BOB}>;tag=b1",
                   body=WIC_SDP % "actpass"))
    core_200(t, t.core.get("INVITE"), body=CORE_SDP)
    check("a=setup:passive\r\n" in w.get(200).body, "the WIC was active")


# ---- glare ----------------------------------------------------------------------------------------------

@case("glare: 491 for who did not have the turn, 500 and Retry-After for who did not wait (W2-SIP-33, RFC 3311 5.2)")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    w.send(in_dialog("UPDATE", "c1", body=WIC_SDP % "actpass"))
    m = t.core.get("UPDATE")
    for n, method in enumerate(("UPDATE", "INVITE")):
        w.send(in_dialog(method, "c1", 3 + n, body=WIC_SDP % "actpass"))
        check(w.get(500).header("Retry-After"), "500 without Retry-After")
        t.core.send(request(method, "sip:alice@abc.invalid;transport=ws", cid="c1", cseq=10 + n, via=t.core.via, frm=f"<{BOB}>;tag=ct",
                            to=f"<{ALICE}>;tag=a1", contact=f"<{CORE_URI}>", extra=f"Route: {w.path}", body=CORE_SDP))
        t.core.get(491)
    core_200(t, m)
    check(w.get(200).header("CSeq") == "2 UPDATE", "UPDATE")


WIC_WALK = ("", "a=sendonly\n", "a=recvonly\n", "a=inactive\n", "a=rtpmap:0 PCMU/8000\n", "a=ptime:60\n", "a=maxptime:0\n", "a=rtcp-mux-only\n",
            "a=candidate:1 1 udp 1 x.local 9 typ host\n", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\n", "a=setup:holdconn\n", "a=mid:9\n")
WALK = (("0\nc=IN", "0 255\nc=IN"), ("0\nc=IN", "96\na=rtpmap:96 FOO/8000\nc=IN"), ("audio 9 ", "audio 0 "), ("a=rtcp-mux\n", ""),
        ("a=fingerprint:sha-256 11:22\n", ""), ("sha-256", "md5"), ("Yx3d", "Zx4e"), ("t=0 0\n", "t=0 0\na=group:BUNDLE 7 0 nobody\n"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP"), ("a=mid:0\n", ""), ("audio 9 ", "audio 65536 "), ("m=audio", "m=video"))
CORE_WALK = (("AVP 0", "AVP 0 255"), ("AVP 0", "AVP 96\na=rtpmap:96 FOO/8000"), ("audio 30100", "audio 0"), ("127.0.0.1\nt=", "0.0.0.0\nt="),
             ("m=audio 30100", "m=image 5000 udptl t38\nm=audio 30100"), ("AVP 0", "AVP 0\na=inactive"), ("AVP 0", "AVP 0\na=sendonly"),
             ("RTP/AVP", "RTP/SAVP"), ("audio 30100", "audio 70000"), ("o=- 1 1", "o=- 1 2"), ("AVP 0", "AVP 0\na=rtcp-mux\na=candidate:x"))


@case("a walk of offers and answers, good, bad and crossing: each gets an answer, nothing is left of them (threat P10)")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    cseq, done = {"w": 1, "c": 10}, {}

    def wic_says(setup):
        body = WIC_SDP % setup + random.choice(WIC_WALK)
        return body.replace(*random.choice(WALK)) if random.random() < 0.6 else body

    def core_says():
        return CORE_SDP.replace(*random.choice(CORE_WALK)) if random.random() < 0.6 else CORE_SDP

    def offer(side):
        cseq[side] += 1
        if side == "w":
            w.send(in_dialog("INVITE", "c1", cseq[side], body=wic_says("actpass")))
        else:
            t.core.send(request("INVITE", "sip:alice@abc.invalid;transport=ws", cid="c1", cseq=cseq[side], via=t.core.via, frm=f"<{BOB}>;tag=ct",
                                to=f"<{ALICE}>;tag=a1", contact=f"<{CORE_URI}>", extra=f"Route: {w.path}", body=core_says()))

    def settle(n):
        """Both sides answer what comes and acknowledge, until n INVITEs have their final responses."""
        end = time.monotonic() + 20
        while n:
            check(time.monotonic() < end, f"an offer without an answer: {done}")
            for m in filter(None, (w.recv(0.01), t.core.recv(0.01))):
                to_core = m.method == "INVITE" and f"sip:bob@{LO}" in m.start
                if m.method == "INVITE":
                    status = random.choice((200, 200, 200, 488))
                    body = (core_says() if to_core else wic_says("active")) if status == 200 else ""
                    (t.core if to_core else w).send(response(m, status, "X", CORE_CONTACT if to_core else WIC_CONTACT, body=body))
                elif m.status >= 200 and " INVITE" in m.header("CSeq"):
                    number, of_wic = int(m.header("CSeq").split()[0]), "tag=a1" in m.header("From")
                    n -= (number, of_wic) not in done      # the core's 2xx is repeated until it is acknowledged
                    done[number, of_wic] = m.status
                    if of_wic:
                        w.send(in_dialog("ACK", "c1", number))
                    elif m.status < 300:
                        t.core.send(request("ACK", "sip:alice@abc.invalid;transport=ws", cid="c1", cseq=number, via=t.core.via, frm=f"<{BOB}>;tag=ct",
                                            to=f"<{ALICE}>;tag=a1", contact=f"<{CORE_URI}>", extra=f"Route: {w.path}"))
                elif m.method == "BYE":
                    check(False, f"the call ended: {m}")
    for _ in range(120):
        sides = random.choice(("w", "c", "wc"))
        for side in sides:
            offer(side)
        settle(len(sides))
    check({200, 488, 491} <= set(done.values()) <= {200, 400, 488, 491, 500}, done)
    m = t.metrics()
    check(m["calls"] == 1 and m["iq_contexts"] == 1, m)
    w.send(in_dialog("BYE", "c1", cseq["w"] + 1))
    t.core.send(response(t.core.get("BYE"), 200))
    w.get(200)
    t.metric("iq_contexts", 0)


# ---- session timers -----------------------------------------------------------------------------------

TIMER = {"mw": {"min_se_s": 1}}


def core_agrees(t, i, interval):
    t.core.send(response(i, 200, "OK", f"{CORE_CONTACT}\nSession-Expires: {interval}", body=CORE_SDP))


def both_hear_bye(t, w):
    for side in (w, t.core):
        bye = side.get("BYE", 10)
        check("cause=408" in bye.header("Reason"), bye.header("Reason"))
        side.send(response(bye, 200, "OK"))
    t.metric("calls", 0)
    t.metric("iq_contexts", 0)


@case("a session nobody refreshes is released on both sides when its interval is over (W2-SIP-39)", **TIMER)
def _(t):
    w = t.register()
    core_agrees(t, t.invite(w, "c1", extra="Supported: timer\nSession-Expires: 1800"), "2;refresher=uas")
    check(w.get(200).header("Session-Expires") == "2;refresher=uas", "the WIC was not told")
    w.send(in_dialog("ACK", "c1", 1))
    both_hear_bye(t, w)
    check(t.metrics()["call_session_expired"] == 1, "not counted")


@case("UPDATE without a description and re-INVITE refresh; an answer without Session-Expires ends the watch", **TIMER)
def _(t):
    w = t.register()
    core_agrees(t, t.invite(w, "c1"), "3;refresher=uac")
    w.get(200)
    w.send(in_dialog("ACK", "c1", 1))
    began = time.monotonic()
    for n in (2, 3):
        time.sleep(2)  # a part of the interval, as a refresher waits
        w.send(in_dialog("UPDATE", "c1", n, extra="Session-Expires: 3;refresher=uac"))
        t.core.send(response(t.core.get("UPDATE"), 200, "OK", CORE_CONTACT + "\nSession-Expires: 3;refresher=uac"))
        w.get(200)
    check(t.metrics()["calls"] == 1, "released although refreshed")
    w.send(in_dialog("INVITE", "c1", 4, body=WIC_SDP % "actpass"))
    core_200(t, t.core.get("INVITE"))
    w.get(200)
    w.none("BYE", 4)
    check(t.metrics()["calls"] == 1, "released although nothing is agreed any more")


# ---- ICE restart ----------------------------------------------------------------------------------------

@case("a WIC restarts ICE: the gateway is asked for other credentials, which the answer has; without a restart it is not (W2-ICE-09)",
      gateway=Restarting)
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    for cseq, sdp, restarts, ours in ((2, WIC_SDP, False, "abcd"), (3, WIC_SDP.replace("Yx3d", "Zx4e"), True, "efgh"),
                                      (4, WIC_SDP.replace("Yx3d", "Zx4e"), False, "efgh")):
        w.send(in_dialog("INVITE", "c1", cseq, body=sdp % "actpass", extra="Session-Expires: 300;refresher=uac\n"))
        if not restarts:
            i = t.core_get("INVITE", "c1", cseq)
            check("ice-" not in i.body, i.body)
            core_200(t, i)      # which knows no session timer
        ok = w.get(200)
        mod = t.mg.wait("mod")[2]
        check(("ice-ufrag:$" in mod) == restarts, mod)
        check(f"a=ice-ufrag:{ours}" in ok.body and "a=setup:active" in ok.body, ok.body)
        check(not restarts or (ok.header("Session-Expires") == "300;refresher=uac" and "sip:" in ok.header("Contact")), ok)
        w.send(in_dialog("ACK", "c1", cseq))
        if not restarts:        # the core hears of CSeq 2 and 4, and neither of an INVITE nor of an ACK between them
            t.core_get("ACK", "c1", cseq)
    check(t.metrics()["call_ice_restarted"] == 1, t.metrics())
    # a session timer of the core's own: a restart is answered here while the WIC's next refresh still comes in time
    for cseq, ufrag, said, to_core in ((5, "Zx4e", 1, True), (6, "Wx5f", 300, True), (7, "Vx6g", None, False)):
        w.send(in_dialog("INVITE", "c1", cseq, body=WIC_SDP.replace("Yx3d", ufrag) % "actpass", extra="Session-Expires: 300;refresher=uac\n"))
        if to_core:
            timer = f"\nSession-Expires: {said};refresher=uac\nRequire: timer"
            t.core.send(response(t.core_get("INVITE", "c1", cseq), 200, "OK", CORE_CONTACT + timer, body=CORE_SDP))
        w.get(200)
        w.send(in_dialog("ACK", "c1", cseq))
        time.sleep(0.6 if said == 1 else 0)
    check(t.metrics()["call_ice_restarted"] == 2, t.metrics())
    w.send(in_dialog("INVITE", "c1", 8, body=(WIC_SDP.replace("Yx3d", "Uv7h") + "a=sendonly\n") % "actpass"))
    core_200(t, t.core_get("INVITE", "c1", 8))      # more than a restart
    w.get(200)
    w.send(in_dialog("INVITE", "c1", 9, body=WIC_SDP.replace("Yx3d", "Zx4e") % "actpass"))
    core_200(t, t.core_get("INVITE", "c1", 9))
    w.get(200)
    t.metric("state_pending", 0)
    t.mg.method = "Disconnected, Reason = 900"
    t.restart()
    w = t.register(cseq=2)
    for cseq, sdp, restarts in ((10, WIC_SDP.replace("Yx3d", "Zx4e"), False), (11, WIC_SDP, True)):
        w.send(in_dialog("INVITE", "c1", cseq, body=sdp % "actpass"))
        t.mg.seen.clear()
        if not restarts:
            core_200(t, t.core_get("INVITE", "c1", cseq))
        w.get(200)
        check(("ice-ufrag:$" in t.mg.wait("mod")[2]) == restarts, "forgotten over a restart of epcscf")


run()
