# SPDX-License-Identifier: Apache-2.0
"""
Two parties of a call as RFC 3264 has them: the lines each has agreed on, offers it may make, answers it may give, and what it may
be told by the gateway. A Description is read from text, or made of lines; nothing here knows SIP.
"""
import re

from messages import check

FP = ":".join(["4A"] * 32)
CODECS = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000", 13: "CN/8000", 101: "telephone-event/8000", 111: "opus/48000/2",
          96: "VP8/90000", 98: "H264/90000", 97: "rtx/90000"}
CROSSES = {"audio": {0, 8, 9}, "video": {96, 98}}       # media.codecs and media.video of the test
HELPERS = {13, 101}     # they cross beside a voice codec of 8000 Hz
OFFERED = {"audio": ((0, 8, 101), (0,), (8,), (8, 0), (111, 0, 8, 9, 101, 13), (9, 8, 101), (111,)), "video": ((96,), (98,), (96, 97, 98), (98, 96))}
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
REVERSE = {"sendrecv": DIRECTIONS, "sendonly": ("recvonly", "inactive"), "recvonly": ("sendonly", "inactive"), "inactive": ("inactive",)}
WEBRTC = ("ice-", "candidate", "fingerprint", "a=setup", "mid:", "msid", "ssrc", "rtcp-mux", "rsize", "BUNDLE", "SAVP")


class Line:
    """One m-line of one party; read: what the gateway says of one."""
    def __init__(self, kind, on=True, pts=(), way="sendrecv", mid="", ice=0, setup="", port=0, text=""):
        self.kind, self.on, self.pts, self.way, self.mid, self.ice, self.setup = kind, on, tuple(pts), way, mid, ice, setup
        self.port, self.text = port, text

    def but(self, **more):
        return Line(**{**self.__dict__, **more})


def read(text):
    """@return (session id, version, [Line]) of a description of the gateway"""
    head, *media = re.split(r"(?m)^(?=m=)", text.replace("\r\n", "\n"))
    o = re.search(r"^o=- (\d+) (\d+) IN IP4 \S+$", head, re.M)
    check(o and head.startswith("v=0\no=") and "\ns=-\nt=0 0\n" in head, f"no session: {head}")
    return o.group(1), int(o.group(2)), [read_line(m) for m in media]


def read_line(m):
    kind, port, _, *fmts = m.split("\n", 1)[0][2:].split(" ")

    def value(name):
        found = re.search(f"^a={name}(.*)$", m, re.M)
        return found.group(1) if found else ""
    way = re.findall(r"^a=(sendrecv|sendonly|recvonly|inactive)$", m, re.M)
    pts = tuple(int(f) for f in fmts) if kind in CROSSES and port != "0" else ()
    for pt in pts:
        said = value(f"rtpmap:{pt} ")
        check(said == CODECS.get(pt), f"payload type {pt} is {said!r} (W2-SDP-06): {m}")
    check(len(way) <= 1, f"two directions: {m}")
    return Line(kind, port != "0", pts, way[0] if way else "sendrecv", value("mid:"), value("ice-ufrag:"), value("setup:"), int(port), m)


def crossing(lines):
    """@return what of an offer the gateway may let cross: the lines, those that may not refused; None: nothing is left"""
    taken, out = set(), []
    for l in lines:
        pts = tuple(p for p in l.pts if p in CROSSES.get(l.kind, ()) or p in HELPERS)
        usable = l.on and l.kind not in taken and (l.kind == "application" or (l.kind in CROSSES and set(pts) & CROSSES[l.kind]))
        if usable:
            taken.add(l.kind)
        out.append(l.but(on=bool(usable), pts=pts))
    return out if taken else None


class Party:
    """lines: as agreed last. told: what the gateway said of each line in the last agreement. version, session: of its o=."""
    def __init__(self, is_wic, rng):
        self.is_wic, self.rng = is_wic, rng
        self.lines, self.told, self.version, self.session, self.body = [], [], 0, None, ""
        self.ours, self.fresh, self.said, self.said_lines = 0, 0, "", []

    # ---- what it says

    def new(self, kind):
        self.fresh += 1
        pts = self.rng.choice(OFFERED[kind]) if kind in OFFERED else ()
        return Line(kind, pts=pts, mid=f"m{self.fresh}" if self.is_wic else "", ice=self.fresh)

    def write(self, lines, setup):
        """The description; setup: of each line, or "actpass"."""
        self.ours += 1
        text = f"v=0\no=- 77 {self.ours} IN IP4 127.0.0.1\ns=-\nt=0 0\n"
        for i, l in enumerate(lines):
            text += self.write_line(i, l, setup if isinstance(setup, str) else setup[i])
        return text

    def write_line(self, i, l, setup):
        proto = {"application": "UDP/DTLS/SCTP", "image": "udptl"}.get(l.kind) or \
            ("UDP/TLS/RTP/SAVPF" if self.is_wic else "RTP/AVPF" if l.kind == "video" else "RTP/AVP")
        fmts = {"application": "webrtc-datachannel", "image": "t38"}.get(l.kind) or " ".join(map(str, l.pts or (0,)))
        mid = f"a=mid:{l.mid}\n" if l.mid else ""
        if not l.on:
            return f"m={l.kind} 0 {proto} {fmts}\n{mid}"
        held = l.way == "hold0"
        text = f"m={l.kind} {9 if self.is_wic else 30100 + 2 * i} {proto} {fmts}\nc=IN IP4 {'0.0.0.0' if self.is_wic or held else '10.20.0.30'}\n{mid}"
        if self.is_wic:
            text += f"a=ice-ufrag:u{l.ice:03}\na=ice-pwd:{l.ice:024}\n" + ("" if l.kind == "application" else "a=rtcp-mux\n")
        if self.is_wic or l.kind == "application":
            text += f"a=fingerprint:sha-256 {FP}\na=setup:{setup}\n"
        if l.kind == "application":
            return text + "a=sctp-port:5000\n"
        text += "".join(f"a=rtpmap:{p} {CODECS[p]}\n" for p in l.pts)
        return text if held or l.way == "sendrecv" else text + f"a={l.way}\n"

    def offer(self):
        """@return (what it does, [Line]); "refresh": as it was, byte by byte"""
        do = self.rng.choice(("hold", "hold", "codecs", "add", "add", "remove", "reuse", "reuse", "refresh", "same", "unknown", "nothing usable") +
                             (("restart", "restart") if self.is_wic else ("hold0",)))
        lines = [l.but(way="sendrecv" if l.way == "hold0" else l.way) for l in self.lines]
        on = [i for i, l in enumerate(lines) if l.on]
        off = [i for i, l in enumerate(lines) if not l.on]
        if do == "hold":
            for i in on:
                lines[i] = lines[i].but(way=self.rng.choice(DIRECTIONS))
        elif do == "hold0":
            for i in on:
                lines[i] = lines[i].but(way="sendrecv" if lines[i].kind == "application" else "hold0")
        elif do == "codecs":
            for i in on:
                if lines[i].kind in OFFERED:
                    lines[i] = lines[i].but(pts=self.rng.choice(OFFERED[lines[i].kind]))
        elif do == "add" and len(lines) < 8:
            lines.append(self.new(self.rng.choice(("audio", "video", "video", "application"))))
        elif do == "unknown" and len(lines) < 8:
            lines.append(self.new("image"))
        elif do == "remove" and on:
            i = self.rng.choice(on)
            lines[i] = lines[i].but(on=False)
        elif do == "reuse" and off:
            lines[self.rng.choice(off)] = self.new(self.rng.choice(("audio", "audio", "video", "application")))
        elif do == "restart":
            for i in on:
                self.fresh += 1
                lines[i] = lines[i].but(ice=self.fresh)
        elif do == "refresh":
            lines = self.said_lines
        elif do == "nothing usable":
            lines = [l.but(pts=(111,)) if l.kind == "audio" else l.but(on=False) for l in lines]
        return do, lines

    def offer_again(self):
        """What it offers when it is asked to."""
        way = self.rng.choice(DIRECTIONS[:3])
        return [l.but(way=way if l.kind in CROSSES else "sendrecv") for l in self.lines]

    def answer(self, offer, is_up):
        """An answer to what the gateway offers. @return ([Line], setup of each)"""
        lines, setup = [], []
        for i, o in enumerate(offer):
            before = self.lines[i] if i < len(self.lines) else None
            is_new = not (before and before.on and before.kind == o.kind)
            mine = self.new("image" if o.kind not in OFFERED and o.kind != "application" else o.kind) if is_new else before
            pts = tuple(self.rng.sample(o.pts, self.rng.randrange(1, len(o.pts) + 1))) if o.pts else ()
            if not set(pts) - HELPERS:
                pts += tuple(p for p in o.pts if p not in HELPERS)[:1]
            refuses = is_up and self.rng.random() < (0.02 if o.kind == "audio" else 0.2)
            on = o.on and not refuses
            lines.append(mine.but(kind=o.kind, on=on, pts=pts or mine.pts, way=self.rng.choice(REVERSE[o.way]) if o.kind != "application" else "sendrecv",
                                  mid=o.mid if self.is_wic else ""))
            told = self.told[i] if i < len(self.told) else None
            role = {"active": "passive", "passive": "active"}.get(o.setup)
            if not role and told and told.on and not is_new:
                role = self.role(i)
            setup.append(role or ("active" if self.is_wic else "passive"))
        return lines, setup

    def role(self, i):
        """Its DTLS role in a line that goes on; None: not known."""
        return self.lines[i].setup or None

    # ---- what it may be told

    def hears(self, text, offer=None):
        """A description of the gateway; offer: its own lines that this answers. @return [Line]"""
        session, version, lines = read(text)
        body = text.split("\r\n", 2)[2]
        check(self.session in (None, session), f"o= id {session}, was {self.session}")
        check(version == self.version + (body != self.body), f"o= version {version} after {self.version}, {'another' if body != self.body else 'the same'} text")
        self.session, self.version, self.body = session, version, body
        check(len(lines) >= len(self.lines), f"{len(lines)} lines, there were {len(self.lines)}")
        for i, l in enumerate(lines):
            self.line_is_legal(i, l, offer[i] if offer else None)
        check(offer is None or len(lines) == len(offer), f"{len(lines)} lines answer another offer")
        mids = [l.mid for l in lines if l.mid and l.on]
        check(len(set(mids)) == len(mids), f"mids {mids}")
        return lines
        return lines

    def line_is_legal(self, i, l, offered):
        before = self.told[i] if i < len(self.told) else Line("", False)
        goes_on = before.on and l.on and before.kind == l.kind
        if offered:
            check(l.kind == offered.kind and not (l.on and not offered.on), f"line {i} answers another: {l.text}")
            check(set(l.pts) <= set(offered.pts), f"formats {l.pts} of {offered.pts}")
            check(not l.on or l.kind == "application" or l.way in REVERSE["sendonly" if offered.way == "hold0" else offered.way], f"{l.way} answers {offered.way}")
            check(not self.is_wic or not l.on or l.mid == offered.mid, f"mid {l.mid} answers {offered.mid} (W2-SDP-32)")
        if not l.on:
            return
        check(l.kind == "application" or l.pts, f"no format: {l.text}")
        check(not goes_on or l.port == before.port, f"port {l.port}, was {before.port}")
        if not self.is_wic:
            check(l.kind == "application" or not [w for w in WEBRTC if w in l.text], f"not of the core (W2-ARC-06): {l.text}")
            check(l.kind == "application" or "b=AS:" in l.text, f"no b=AS (W2-SDP-09): {l.text}")
            return
        check(re.search(f"a=candidate:.* {l.port} typ host", l.text), f"no candidate (W2-ICE-04): {l.text}")
        check(l.ice and "a=ice-pwd:" in l.text and "a=fingerprint:sha-256" in l.text, f"no transport: {l.text}")
        if offered:
            check(l.setup in ("active", "passive"), f"setup:{l.setup} in an answer")
        if goes_on and not offered:
            check(l.mid == self.lines[i].mid, f"mid {l.mid} of a line that is {self.lines[i].mid} (RFC 9143 9.1)")
            check(l.ice == before.ice, "ICE restarted by an offer of the core's (W2-ICE-09)")
            check(l.setup == "actpass" or l.kind == "application", f"setup:{l.setup} in an offer (W2-SEC-06)")
        if goes_on and offered:
            restarts = offered.ice != self.lines[i].ice
            check((l.ice != before.ice) == restarts, f"ICE {'not ' if restarts else ''}restarted (W2-ICE-09)")
            mine = self.lines[i].setup
            check(restarts or not mine or l.setup != mine, f"both are {mine} (RFC 8842 5.5)")

    def agrees(self, said, mine, told, setup=None):
        """An offer and its answer: from now on. said: this party's description, mine: its lines."""
        self.said, self.said_lines = said, mine
        self.lines = [l.but(setup=(setup[i] if setup else {"active": "passive", "passive": "active"}.get(told[i].setup, "")) if l.on else "")
                      for i, l in enumerate(mine)]
        self.lines = [l.but(on=l.on and told[i].on) for i, l in enumerate(self.lines)]
        self.told = [l.but(on=l.on and mine[i].on) for i, l in enumerate(told)]
