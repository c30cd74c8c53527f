# SPDX-License-Identifier: Apache-2.0
"""The neighbours of epcscf: a raw WebSocket client, a core on UDP and TCP, a small H.248 gateway."""
import random, re, socket, struct, threading, time

from messages import *



# ---- the browser --------------------------------------------------------------------------------------

def frame(data, op=TEXT, fin=True):
    """One masked frame (mask 0, so that the bytes stay readable in a capture)."""
    n = len(data)
    size = bytes([0x80 | n]) if n < 126 else (b"\xfe" + struct.pack(">H", n) if n < 65536 else
                                               b"\xff" + struct.pack(">Q", n))
    return bytes([(0x80 if fin else 0) | op]) + size + b"\0\0\0\0" + data


class Ws:
    """A raw WebSocket. behind: bytes in the same segment as the request head. tls: an ssl context."""
    def __init__(self, behind=b"", rcvbuf=None, head=HEAD, tls=None, wait=True, ip=LO):
        self.s = socket.socket()
        self.buf, self.host = b"", "abc.invalid"
        if rcvbuf:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.s.settimeout(10)
        self.s.connect((ip, W2_PORT))
        if tls:
            self.s = tls.wrap_socket(self.s, server_hostname="localhost")
        self.s.sendall(head + behind)
        if wait:
            while b"\r\n\r\n" not in self.buf:
                self.more(10)
            self.answer, self.buf = self.buf.split(b"\r\n\r\n", 1)
            check(b" 101 " in self.answer, self.answer)

    def more(self, timeout):
        self.s.settimeout(max(timeout, 0.001))
        b = self.s.recv(65536)
        if not b:
            raise EOFError("connection closed")
        self.buf += b

    def send(self, text, op=TEXT):
        self.s.sendall(frame(crlf(text).encode() if isinstance(text, str) else text, op))

    def frame(self, timeout=5):
        """(opcode, payload) of the next frame. TimeoutError, EOFError or ConnectionError when there is none."""
        end = time.monotonic() + timeout
        while True:
            if len(self.buf) >= 2:
                n, o = self.buf[1] & 127, 2
                if n > 125:
                    o = 4 if n == 126 else 10
                    n = int.from_bytes(self.buf[2:o], "big") if len(self.buf) >= o else 1 << 40
                if len(self.buf) >= o + n:
                    op, data = self.buf[0] & 15, self.buf[o:o + n]
                    self.buf = self.buf[o + n:]
                    return op, data
            self.more(end - time.monotonic())

    def recv(self, timeout=5):
        """The next SIP message; pings are answered. None after timeout or when closed."""
        try:
            while True:
                op, data = self.frame(timeout)
                if op == PING:
                    self.send(data, PONG)
                elif op == CLOSE:
                    return None
                elif op in (TEXT, BINARY):
                    return Sip(data.decode(errors="replace"))
        except (OSError, EOFError):
            return None

    def get(self, what, timeout=5):
        """The next message that is `what` (a method or a status); others are passed over."""
        return get(self, what, timeout, "WIC")

    def none(self, what=None, timeout=0.5):
        """Fails when a message that is `what` comes."""
        none(self, what, timeout, "WIC")

    def closed(self, timeout=10):
        """Wait for the end. @return the close code; 0: closed without a close frame"""
        code = 0
        end = time.monotonic() + timeout
        try:
            while True:
                op, data = self.frame(end - time.monotonic())
                if op == CLOSE:
                    code = int.from_bytes(data[:2], "big")
        except TimeoutError:
            raise AssertionError(f"not closed within {timeout} s") from None
        except (OSError, EOFError):
            return code

    def close(self):
        self.s.close()


def get(side, what, timeout, name):
    end = time.monotonic() + timeout
    seen = []
    while True:
        m = side.recv(max(end - time.monotonic(), 0.001))
        if m is None:
            raise AssertionError(f"{name} got no {what} within {timeout} s, but {seen}")
        if m.is_a(what):
            return m
        seen.append(m.start)


def none(side, what, timeout, name):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        m = side.recv(max(end - time.monotonic(), 0.001))
        if m is None:
            return
        check(not m.is_a(what), f"{name} got {m.start}")


# ---- the core -----------------------------------------------------------------------------------------

class Core:
    """UDP towards Mw; tcp() also listens on TCP at the same port."""
    def __init__(self, port=CORE_PORT, host=LO):
        self.port, self.host = port, host
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.s.bind((host, port))
        self.listener = None
        self.via = f"SIP/2.0/UDP {host}:{port}"

    def tcp(self):
        self.listener = socket.create_server((self.host, self.port))
        return self.listener

    def recv(self, timeout=5):
        self.s.settimeout(max(timeout, 0.001))
        try:
            return Sip(self.s.recv(65536).decode())
        except OSError:
            return None

    def get(self, what, timeout=5):
        return get(self, what, timeout, "core")

    def none(self, what=None, timeout=0.5):
        none(self, what, timeout, "core")

    def send(self, text, ip=LO):
        self.s.sendto(crlf(text).encode(), (ip, MW_PORT))

    def close(self):
        self.s.close()
        if self.listener:
            self.listener.close()


# ---- the media gateway --------------------------------------------------------------------------------

def locals_of(command):
    """The Media descriptor of a reply: what the "$" of a command's Locals have become. Two ports up for each stream."""
    out = []
    for stream, sdp in re.findall(r"ST=(\d+)\{(?:O\{[^}]*\},)?L\{([^}]*\$[^}]*)\}", command):
        text = (ACCESS_LOCAL if "SAVP" in sdp and " RTP/SAVP" not in sdp else CORE_LOCAL).replace("0000", f"{2 * int(stream) - 2:04}")
        if "m=video" in sdp:
            text = re.sub(r"a=rtpmap.*\n", "", re.sub(r"m=audio (\d+ \S+).*", r"m=video \1 96", text))
        if "m=application" in sdp:
            text = (DATA_ACCESS_LOCAL if "ice-ufrag" in sdp else DATA_CORE_LOCAL).replace("0000", f"{2 * int(stream) - 2:04}")
        if "TCP/MSRP" in sdp:
            text = MSRP_CORE_LOCAL
        out.append(f"Stream = {stream} {{ Local {{\n{text}}} }}")
    for stream, n in re.findall(r"ST=(\d+)\{(?:O\{[^}]*\},)?L\{[^}$]*dcmap:(\d+)", command):     # a channel beside its association (E-7)
        out.append(f"Stream = {stream} {{ Local {{\n{CHANNEL_LOCAL % (n, n)}}} }}")
    return f" {{ Media {{ {', '.join(out)} }} }}" if out else ""


class Gateway(threading.Thread):
    """Answers every H.248 command well. seen: ("add", context), ("mod", context, text), ("sub", context),
    ("rx", text) for what is no request. fail: commands ("add", "mod", "sub") answered with error code;
    silent: nothing is answered. live: its contexts, told when all are audited. method: of its ServiceChange."""
    def __init__(self, port=MG_PORT, ip=LO):
        super().__init__(daemon=True)
        self.port, self.ip = port, ip
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind((ip, port))
        self.event = threading.Condition()
        self.seen, self.fail, self.silent, self.ctx, self.code = [], set(), False, 100, 510
        self.live, self.method = {}, 'Restart, Reason = "901 Cold Boot"'
        self.start()

    def tx(self, text):
        self.s.sendto(text.encode(), (self.ip, IQ_PORT))

    def register(self):
        self.tx(f"MEGACO/1 [{self.ip}]:{self.port}\nTransaction = {random.randrange(1, 1 << 30)} {{ Context = - {{ "
                f'ServiceChange = ROOT {{ Services {{ Method = {self.method}, Version = 3 }} }} }} }}')

    def note(self, *what):
        with self.event:
            self.seen.append(what)
            self.event.notify_all()

    def wait(self, kind, timeout=5):
        """Wait until a command of this kind was seen; the last one."""
        with self.event:
            check(self.event.wait_for(lambda: any(x[0] == kind for x in self.seen), timeout),
                  f"gateway saw no {kind} within {timeout} s, but {[x[0] for x in self.seen]}")
            return [x for x in self.seen if x[0] == kind][-1]

    def run(self):
        while True:
            text = self.s.recv(65536).decode()
            if text == "stop":
                self.s.close()
                return
            m = re.search(r"\bT=(\d+)\{C=([^{]+)\{", text)
            if not m:
                self.note("rx", text)
                continue
            if not self.silent:
                self.answer(m.group(1), m.group(2), text[m.end():])

    def answer(self, tid, ctx, body):
        kind, items = None, []
        if ctx == "*" and body.startswith("AV=*"):
            ctxs = [f"Context = {c} {{ AuditValue = ip/1/a/{c}, AuditValue = ip/1/c/{c} }}" for c in self.live]
            self.tx(f"MEGACO/3 [{self.ip}]:{self.port}\nReply = {tid} {{ " + (", ".join(ctxs) or
                    'Context = * { Error = 431 { "none" } }') + " }")
            self.note("census", tuple(self.live))
            return
        if re.match(r"((EG|PR=\d+),)*W?-?O?-?A=", body):
            kind, self.ctx = "add", self.ctx + 1
            ctx = self.ctx
            items = [f"Add = ip/1/{side}/{ctx}" + locals_of(part) for side, part in
                     zip("ac", re.split(r"A=ip", body)[1:])]
        elif body.startswith("MF="):
            kind, items = "mod", ["Modify = " + part.split("{")[0].rstrip(",}") + locals_of(part) for part in
                                  body.split("MF=")[1:]]
        elif "S=" in body[:6] and "SC" not in body[:4]:
            kind, items = "sub", ["Subtract = " + x for x in re.findall(r"S=([^{,}]+)", body)]
        elif "AV=" in body:
            items = ["AuditValue = ROOT"]
        else:
            items = ["ServiceChange = ROOT"]
        if kind in self.fail:
            items = [f'Error = {self.code} {{ "refused by the test" }}']
        if kind == "add" and kind not in self.fail:
            self.live[ctx] = True
        elif kind == "sub" and kind not in self.fail:
            self.live.pop(int(ctx), None) if ctx.isdigit() else self.live.clear()
        if kind:
            self.note(kind, ctx, body)
        self.tx(f"MEGACO/3 [{self.ip}]:{self.port}\nReply = {tid} {{ Context = {ctx} {{ {', '.join(items)} }} }}")
        if "MT=HO" in body:
            self.note("handoff", body)
        elif items == ["ServiceChange = ROOT"]:
            self.register()

    def close(self):
        """The thread waits in recv, which a close does not end."""
        self.s.sendto(b"stop", (self.ip, self.port))
        self.join(5)


class Restarting(Gateway):
    """Its credentials of a Modify are others than those of the Add."""
    def tx(self, text):
        super().tx(text.replace("ufrag:abcd", "ufrag:efgh") if "Modify" in text else text)
