# SPDX-License-Identifier: Apache-2.0
"""A second, independent WIC: SIP over WebSocket in a few lines, media by python3-aiortc."""
import asyncio
import fractions
import hashlib
import math
import re
import secrets
import ssl
import time

import numpy
import websockets
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame

from .tones import tone_share


class Tone(MediaStreamTrack):
    """An endless sine, 20 ms at a time, in real time."""
    kind = "audio"

    def __init__(self, hz, rate=8000):
        super().__init__()
        self.hz, self.rate, self.at, self.began = hz, rate, 0, None

    async def recv(self):
        self.began = self.began or time.monotonic()
        wait = self.began + self.at / self.rate - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        count = self.rate // 50
        x = (numpy.arange(count) + self.at) * 2 * math.pi * self.hz / self.rate
        frame = AudioFrame.from_ndarray((numpy.sin(x) * 12000).astype(numpy.int16).reshape(1, -1), "s16", "mono")
        frame.pts, frame.sample_rate, frame.time_base = self.at, self.rate, fractions.Fraction(1, self.rate)
        self.at += count
        return frame


class Message:
    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        self.first, *lines = head.split("\r\n")
        self.headers = [(k.strip().lower(), v.strip()) for k, _, v in (line.partition(":") for line in lines)]
        self.status = int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0
        self.method = "" if self.status else self.first.split()[0]

    def all(self, name):
        return [v for k, v in self.headers if k == name]

    def get(self, name):
        return (self.all(name) or [""])[0]


def digest(challenge, method, uri, user, password):
    """RFC 2617 with or without qop, MD5."""
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.partition(" ")[2]))

    def md5(text):
        return hashlib.md5(text.encode()).hexdigest()
    ha1, ha2 = md5(f"{user}:{fields['realm']}:{password}"), md5(f"{method}:{uri}")
    line = f'Digest username="{user}", realm="{fields["realm"]}", nonce="{fields["nonce"]}", uri="{uri}", algorithm=MD5'
    if "qop" in fields:
        cnonce = secrets.token_hex(8)
        response = md5(f"{ha1}:{fields['nonce']}:00000001:{cnonce}:auth:{ha2}")
        return f'{line}, qop=auth, cnonce="{cnonce}", nc=00000001, response="{response}"'
    return f'{line}, response="{md5(":".join((ha1, fields["nonce"], ha2)))}"'


class Client:
    """One user on one WebSocket. Calls are objects; requests from the other side go to the call by Call-ID."""

    def __init__(self, url, user, domain="home1.example"):
        self.url, self.user, self.domain = url, user, domain
        self.aor = f"sip:{user}@{domain}"
        self.host = f"{secrets.token_hex(6)}.invalid"
        self.contact = f"<sip:{user}@{self.host};transport=ws;ob>"
        self.instance = secrets.token_hex(16)
        self.waiting, self.calls, self.incoming = {}, {}, asyncio.Queue()
        self.service_route, self.ws, self.reader = [], None, None
        self.patience_s = 20

    async def connect(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.ws = await websockets.connect(self.url, subprotocols=["sip"], ssl=context, compression=None)
        self.reader = asyncio.ensure_future(self._read())

    async def _read(self):
        try:
            async for text in self.ws:
                m = Message(text if isinstance(text, str) else text.decode())
                if m.status:
                    queue = self.waiting.get((m.get("call-id"), m.get("cseq")))
                    if queue:
                        queue.put_nowait(m)
                else:
                    await self._request(m)
        except websockets.ConnectionClosed:
            pass

    async def _request(self, m):
        call = self.calls.get(m.get("call-id"))
        if m.method == "ACK":
            if call:
                call.acked.set()
        elif m.method == "INVITE" and not call:
            self.incoming.put_nowait(m)
        elif m.method == "BYE" and call:
            await self.reply(m, 200, "OK")
            call.end_reason = m.get("reason") or "BYE"
            call.ended.set()
        elif m.method in ("CANCEL", "OPTIONS", "MESSAGE"):
            await self.reply(m, 200, "OK")
        else:
            await self.reply(m, 481 if not call else 501, "No")

    async def reply(self, m, code, text, extra=(), body="", tag=None):
        to = m.get("to") if not tag or "tag=" in m.get("to") else f"{m.get('to')};tag={tag}"
        lines = [f"SIP/2.0 {code} {text}", *(f"Via: {v}" for v in m.all("via")),
                 *(f"Record-Route: {v}" for v in m.all("record-route")), f"From: {m.get('from')}", f"To: {to}",
                 f"Call-ID: {m.get('call-id')}", f"CSeq: {m.get('cseq')}", *extra]
        if body:
            lines.append("Content-Type: application/sdp")
        await self.ws.send("\r\n".join([*lines, f"Content-Length: {len(body.encode())}", "", body]))

    async def send(self, method, uri, call_id, cseq, headers, body=""):
        lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/WSS {self.host};branch=z9hG4bK{secrets.token_hex(8)};rport",
                 "Max-Forwards: 70", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}", *headers, "User-Agent: w2gw-lab"]
        if body:
            lines.append("Content-Type: application/sdp")
        await self.ws.send("\r\n".join([*lines, f"Content-Length: {len(body.encode())}", "", body]))

    async def ask(self, method, uri, call_id, cseq, headers, body="", patience_s=None, provisional=None):
        """@return the final response"""
        key = (call_id, f"{cseq} {method}")
        queue = self.waiting[key] = asyncio.Queue()
        try:
            await self.send(method, uri, call_id, cseq, headers, body)
            while True:
                m = await asyncio.wait_for(queue.get(), patience_s or self.patience_s)
                if m.status >= 200:
                    return m
                if provisional and m.status > 100:
                    provisional.append((m.status, time.monotonic()))
        finally:
            del self.waiting[key]

    async def register(self, password=None, expires=600):
        """@return the status of the last answer"""
        uri, call_id, tag = f"sip:{self.domain}", secrets.token_hex(8), secrets.token_hex(4)
        impi = f"{self.user}@{self.domain}"
        headers = [f"From: <{self.aor}>;tag={tag}", f"To: <{self.aor}>", "Supported: path, outbound, gruu",
                   f'Contact: {self.contact};reg-id=1;+sip.instance="<urn:uuid:{self.instance}>"', f"Expires: {expires}"]
        m = await self.ask("REGISTER", uri, call_id, 1, headers)
        if m.status == 401:
            line = digest(m.get("www-authenticate"), "REGISTER", uri, impi, password or self.user)
            m = await self.ask("REGISTER", uri, call_id, 2, [*headers, f"Authorization: {line}"])
        if m.status == 200:
            self.service_route = m.all("service-route")
        return m.status

    async def call(self, target, hz=1000, patience_s=20):
        call = Call(self, hz)
        await call.invite(target, patience_s)
        return call

    async def close(self):
        for call in list(self.calls.values()):
            await call.pc.close()
        if self.ws:
            await self.ws.close()
        if self.reader:
            self.reader.cancel()


class Call:
    def __init__(self, client, hz):
        self.client, self.call_id, self.tag = client, secrets.token_hex(8), secrets.token_hex(4)
        self.pc, self.cseq, self.provisional = RTCPeerConnection(), 1, []
        self.ended, self.acked, self.heard_samples, self.rate = asyncio.Event(), asyncio.Event(), [], 8000
        self.end_reason, self.remote, self.routes, self.to = "", "", [], ""
        self.setup_ms = 0
        self.channels, self.answer = "", ""     # a=dcmap and a=dcsa of its offer, whose last line is of data; what it was answered
        self.connected = asyncio.Event()
        if hz:
            self.pc.addTrack(Tone(hz))
        else:       # no media, only ICE with its consent checks and DTLS
            self.pc.addTransceiver("audio", direction="inactive")
        self.listener = None
        self.pc.on("track", self._on_track)
        self.pc.on("connectionstatechange", self._on_state)
        client.calls[self.call_id] = self

    def _on_state(self):
        if self.pc.connectionState == "connected":
            self.connected.set()

    def _on_track(self, track):
        self.listener = asyncio.ensure_future(self._listen(track))

    async def _listen(self, track):
        try:
            while True:
                frame = await track.recv()
                self.rate = frame.sample_rate
                data = frame.to_ndarray().reshape(-1)[::len(frame.layout.channels)]
                self.heard_samples.append(data)
                del self.heard_samples[:-100]
        except Exception:   # pylint: disable=broad-except
            return  # the track ends with the call

    def heard(self, hz):
        """Share of the last second's blocks in which hz rules."""
        if not self.heard_samples:
            return 0.0
        samples = numpy.concatenate(self.heard_samples[-50:]).tolist()
        size = self.rate // 10
        blocks = [samples[i:i + size] for i in range(0, len(samples) - size + 1, size)]
        return sum(tone_share(b, self.rate, hz) > 0.7 for b in blocks) / max(1, len(blocks))

    async def invite(self, target, patience_s):
        c = self.client
        await self.pc.setLocalDescription(await self.pc.createOffer())
        uri = f"sip:{target}@{c.domain}"
        began = time.monotonic()
        headers = [f"From: <{c.aor}>;tag={self.tag}", f"To: <{uri}>", f"Contact: {c.contact}",
                   *(f"Route: {r}" for r in c.service_route), "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS",
                   "Supported: outbound"]
        m = await c.ask("INVITE", uri, self.call_id, 1, headers, self.pc.localDescription.sdp + self.channels, patience_s, self.provisional)
        self.setup_ms = round((time.monotonic() - began) * 1000)
        self.to = m.get("to")
        contact = re.search(r"<([^>]+)>", m.get("contact"))
        self.remote = contact.group(1) if contact else uri
        self.routes = list(reversed(m.all("record-route")))
        await c.send("ACK", self.remote if m.status == 200 else uri, self.call_id, 1, self._headers(m.status == 200))
        if m.status != 200:
            await self.pc.close()
            raise RuntimeError(f"INVITE: {m.first}")
        self.answer = m.body
        await self.pc.setRemoteDescription(RTCSessionDescription(m.body, "answer"))

    def _headers(self, with_routes=True):
        return [f"From: <{self.client.aor}>;tag={self.tag}", f"To: {self.to}",
                *(f"Route: {r}" for r in (self.routes if with_routes else []))]

    async def bye(self):
        self.cseq += 1
        m = await self.client.ask("BYE", self.remote, self.call_id, self.cseq, self._headers())
        await self.finish()
        return m.status

    async def finish(self):
        if self.listener:
            self.listener.cancel()
        await self.pc.close()
        self.client.calls.pop(self.call_id, None)
