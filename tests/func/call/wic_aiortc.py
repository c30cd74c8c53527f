#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A WIC on python3-aiortc with a small SIP-over-WebSocket client: registers, calls or answers,
sends a tone, listens for another, prints one JSON line per event."""
import argparse, asyncio, fractions, hashlib, json, math, random, re, ssl, sys, time, uuid
import numpy
import websockets
from av import AudioFrame
from aiortc import RTCPeerConnection, RTCSessionDescription, MediaStreamTrack


def out(**kw):
    print(json.dumps(kw), flush=True)


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, hz, rate=8000):
        super().__init__()
        self.hz, self.rate, self.n, self.t0 = hz, rate, 0, None

    async def recv(self):
        size = self.rate // 50
        if self.t0 is None:
            self.t0 = time.time()
        wait = self.t0 + self.n / self.rate - time.time()
        if wait > 0:
            await asyncio.sleep(wait)
        t = (numpy.arange(size) + self.n) / self.rate
        pcm = (numpy.sin(2 * math.pi * self.hz * t) * 12000).astype(numpy.int16)
        frame = AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = self.rate, self.n, fractions.Fraction(1, self.rate)
        self.n += size
        return frame


def goertzel(pcm, rate, hz):
    """Share of the signal's energy at hz, 0..1."""
    if len(pcm) < rate // 4:
        return 0.0
    t = numpy.arange(len(pcm)) / rate
    c = abs(numpy.dot(pcm, numpy.exp(-2j * math.pi * hz * t))) ** 2
    e = numpy.dot(pcm, pcm) * len(pcm)
    return float(2 * c / e) if e > 0 else 0.0


class Ua:
    def __init__(self, a):
        self.a = a
        self.host = uuid.uuid4().hex[:12] + ".invalid"
        self.instance = a.instance or str(uuid.uuid4())
        self.contact = f"<sip:{uuid.uuid4().hex[:8]}@{self.host};transport=ws>"
        self.cseq, self.call_id, self.inbox = 0, uuid.uuid4().hex, asyncio.Queue()
        self.pcm, self.rate, self.service_route = [], 48000, []

    async def open(self):
        ctx = ssl.create_default_context()
        ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
        self.ws = await websockets.connect(self.a.url, ssl=ctx if self.a.url.startswith("wss") else None,
                                           subprotocols=["sip"], open_timeout=5)
        self.reader = asyncio.create_task(self.read())

    async def read(self):
        try:
            async for m in self.ws:
                await self.inbox.put(self.parse(m if isinstance(m, str) else m.decode()))
        except websockets.ConnectionClosed:
            pass
        await self.inbox.put(None)

    @staticmethod
    def parse(text):
        head, _, body = text.partition("\r\n\r\n")
        lines = head.split("\r\n")
        h = {}
        for l in lines[1:]:
            k, _, v = l.partition(":")
            h.setdefault(k.strip().lower(), []).append(v.strip())
        m = {"line": lines[0], "h": h, "body": body, "text": text}
        w = lines[0].split(" ")
        if w[0] == "SIP/2.0":
            m["status"] = int(w[1])
        else:
            m["method"] = w[0]
        return m

    async def send(self, line, headers, body="", ctype="application/sdp"):
        b = body.encode()
        t = line + "\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers)
        if b:
            t += f"Content-Type: {ctype}\r\n"
        await self.ws.send(t + f"Content-Length: {len(b)}\r\n\r\n" + body)

    def via(self, branch=None):
        return f"SIP/2.0/WSS {self.host};branch={branch or 'z9hG4bK' + uuid.uuid4().hex[:12]};rport"

    def digest(self, ch, method, uri):
        p = dict(re.findall(r'(\w+)="?([^",]+)"?', ch.partition(" ")[2]))
        md5 = lambda s: hashlib.md5(s.encode()).hexdigest()
        ha1 = md5(f"{self.a.user}:{p['realm']}:{self.a.password}")
        ha2 = md5(f"{method}:{uri}")
        extra = ""
        if "qop" in p:
            cn = uuid.uuid4().hex[:8]
            r = md5(f"{ha1}:{p['nonce']}:00000001:{cn}:auth:{ha2}")
            extra = f', qop=auth, nc=00000001, cnonce="{cn}"'
        else:
            r = md5(f"{ha1}:{p['nonce']}:{ha2}")
        return (f'Digest username="{self.a.user}", realm="{p["realm"]}", nonce="{p["nonce"]}", uri="{uri}", '
                f'response="{r}", algorithm=MD5{extra}')

    async def reply_to(self, cseq, method, final=True, timeout=40):
        end = time.time() + timeout
        while True:
            m = await asyncio.wait_for(self.inbox.get(), max(0.1, end - time.time()))
            if m is None:
                raise SystemExit("websocket closed")
            if m.get("method"):
                await self.request(m)
                continue
            n, meth = m["h"]["cseq"][0].split()
            if int(n) == cseq and meth == method and (m["status"] >= 200 or not final):
                return m

    async def request(self, m):
        if m["method"] == "OPTIONS":
            await self.answer(m, "200 OK")

    async def answer(self, m, status, extra=(), body=""):
        h = m["h"]
        to = h["to"][0]
        if "tag=" not in to and not status.startswith("100"):
            to += ";tag=" + self.tag_for(m)
        hs = [("Via", v) for v in h["via"]] + [("From", h["from"][0]), ("To", to),
                                              ("Call-ID", h["call-id"][0]), ("CSeq", h["cseq"][0])]
        hs += [("Record-Route", v) for v in h.get("record-route", [])]
        await self.send("SIP/2.0 " + status, hs + list(extra), body)

    def tag_for(self, m):
        return hashlib.md5(m["h"]["call-id"][0].encode()).hexdigest()[:8]

    async def register(self, expires=600):
        auth = None
        for _ in range(2):
            self.cseq += 1
            hs = [("Via", self.via()), ("Max-Forwards", "70"), ("From", f"<{self.a.impu}>;tag=r{self.cseq}"),
                  ("To", f"<{self.a.impu}>"), ("Call-ID", self.call_id), ("CSeq", f"{self.cseq} REGISTER"),
                  ("Contact", f'{self.contact};+sip.instance="<urn:uuid:{self.instance}>";reg-id=1;expires={expires}'),
                  ("Supported", "path, outbound, gruu"), ("P-Asserted-Identity", "<sip:evil@home1.example>")]
            if auth:
                hs.append(("Authorization", auth))
            await self.send(f"REGISTER sip:{self.a.domain} SIP/2.0", hs)
            m = await self.reply_to(self.cseq, "REGISTER")
            if m["status"] != 401 or auth:
                break
            auth = self.digest(m["h"]["www-authenticate"][0], "REGISTER", f"sip:{self.a.domain}")
        self.service_route = m["h"].get("service-route", [])
        out(event="register", status=m["status"], path=m["h"].get("path", []), expires=expires)
        return m["status"]

    def on_track(self, track):
        async def run():
            while True:
                try:
                    f = await track.recv()
                except Exception:
                    return
                a = f.to_ndarray()
                if f.layout.name == "stereo":
                    a = a.reshape(-1, 2)[:, 0]
                self.rate = f.sample_rate
                self.pcm.append(a.astype(numpy.float64).reshape(-1))
        asyncio.ensure_future(run())

    def peer(self):
        self.pc = pc = RTCPeerConnection()
        pc.addTrack(Tone(self.a.tone))
        pc.on("track", self.on_track)
        pc.on("connectionstatechange", lambda: out(event="pc", state=pc.connectionState))
        return pc

    async def call(self):
        pc = self.peer()
        await pc.setLocalDescription(await pc.createOffer())
        t0 = time.time()
        self.cid, self.tag, self.iseq = uuid.uuid4().hex, uuid.uuid4().hex[:8], 1
        self.uri = self.a.call
        hs = [("Via", self.via()), ("Max-Forwards", "70"), ("From", f"<{self.a.impu}>;tag={self.tag}"),
              ("To", f"<{self.uri}>"), ("Call-ID", self.cid), ("CSeq", "1 INVITE"), ("Contact", self.contact),
              ("Supported", "outbound, trickle-ice"), ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS")]
        hs += [("Route", r) for r in self.service_route]
        await self.send(f"INVITE {self.uri} SIP/2.0", hs, pc.localDescription.sdp)
        while True:
            m = await self.reply_to(1, "INVITE", final=False)
            out(event="response", status=m["status"])
            if m["status"] >= 200:
                break
        if m["status"] >= 300:
            return m["status"]
        self.to, self.target = m["h"]["to"][0], re.search(r"<([^>]+)>", m["h"]["contact"][0]).group(1)
        self.frm = f"<{self.a.impu}>;tag={self.tag}"
        self.routes = [r.strip() for v in m["h"].get("record-route", []) for r in v.split(",")][::-1]
        await self.send(f"ACK {self.target} SIP/2.0", self.dialog("1 ACK"))
        await pc.setRemoteDescription(RTCSessionDescription(m["body"], "answer"))
        out(event="answered", setup_ms=int((time.time() - t0) * 1000))
        await self.talk()
        return 200

    def dialog(self, cseq):
        return [("Via", self.via()), ("Max-Forwards", "70")] + [("Route", r) for r in self.routes] + [
            ("From", self.frm), ("To", self.to), ("Call-ID", self.cid), ("CSeq", cseq)]

    async def wait_call(self):
        while True:
            m = await asyncio.wait_for(self.inbox.get(), self.a.wait)
            if m is None:
                raise SystemExit("websocket closed")
            if m.get("method") == "INVITE":
                break
            if m.get("method"):
                await self.request(m)
        await self.answer(m, "180 Ringing", [("Contact", self.contact)])
        pc = self.peer()
        await pc.setRemoteDescription(RTCSessionDescription(m["body"], "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        await self.answer(m, "200 OK", [("Contact", self.contact)], pc.localDescription.sdp)
        self.cid, self.iseq = m["h"]["call-id"][0], 1
        self.to, self.frm = m["h"]["from"][0], m["h"]["to"][0] + ";tag=" + self.tag_for(m)
        self.target = re.search(r"<([^>]+)>", m["h"]["contact"][0]).group(1)
        self.routes = [r.strip() for v in m["h"].get("record-route", []) for r in v.split(",")]
        out(event="answered")
        await self.talk()

    async def talk(self):
        end = time.time() + self.a.secs
        by_peer = None
        while time.time() < end:
            try:
                m = await asyncio.wait_for(self.inbox.get(), 0.2)
            except asyncio.TimeoutError:
                continue
            if m is None:
                break
            if m.get("method") == "BYE":
                by_peer = m["h"].get("reason", [""])[0]
                await self.answer(m, "200 OK")
                break
            if m.get("method"):
                await self.request(m)
        heard = 0.0
        if self.pcm:
            pcm = numpy.concatenate(self.pcm)[-3 * self.rate:]
            heard = goertzel(pcm, self.rate, self.a.listen)
        stats = {}
        for s in (await self.pc.getStats()).values():
            if s.type == "inbound-rtp":
                stats.update(received=s.packetsReceived, lost=s.packetsLost)
            if s.type == "outbound-rtp":
                stats.update(sent=s.packetsSent)
        out(event="media", heard=round(heard, 3), seconds=round(sum(map(len, self.pcm)) / self.rate, 1), **stats)
        if by_peer is None:
            self.iseq += 1
            await self.send(f"BYE {self.target} SIP/2.0", self.dialog(f"{self.iseq} BYE"))
            m = await self.reply_to(self.iseq, "BYE", timeout=10)
            out(event="bye", status=m["status"])
        else:
            out(event="bye_received", reason=by_peer)
        await self.pc.close()


async def main():
    p = argparse.ArgumentParser()
    p.add_argument("--url", required=True)
    p.add_argument("--user", default="alice")
    p.add_argument("--password", default="alice")
    p.add_argument("--domain", default="home1.example")
    p.add_argument("--impu", default="")
    p.add_argument("--instance", default="")
    p.add_argument("--call", default="")
    p.add_argument("--wait", type=float, default=0)
    p.add_argument("--secs", type=float, default=4)
    p.add_argument("--tone", type=float, default=1000)
    p.add_argument("--listen", type=float, default=440)
    p.add_argument("--unregister", action="store_true")
    a = p.parse_args()
    a.impu = a.impu or f"sip:{a.user}@{a.domain}"
    ua = Ua(a)
    await ua.open()
    if await ua.register() != 200:
        return 1
    rc = 0
    if a.call:
        rc = 0 if await ua.call() == 200 else 1
    elif a.wait:
        await ua.wait_call()
    if a.unregister:
        await ua.register(0)
    await ua.ws.close()
    return rc

sys.exit(asyncio.run(main()))
