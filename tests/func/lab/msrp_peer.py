# SPDX-License-Identifier: Apache-2.0
"""A phone of the core that knows MSRP (RFC 4975, RFC 6135) and nothing else: SIP by UDP, messages by TCP. Our own codec is not in it."""
import re
import socket
import threading
import uuid

from .core import CORE_IP
from .proc import LabError, wait_until
from .wsclient import digest

DOMAIN = "home1.example"


def token():
    return uuid.uuid4().hex[:16]


class Session:
    """One MSRP session on a TCP connection. What came whole is in received: (content type, bytes)."""

    def __init__(self, sock, own, peer):
        self.sock, self.own, self.peer = sock, own, peer
        self.received, self.parts, self.responses, self.reports = [], {}, {}, []
        self.is_open = True
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        data = b""
        while True:
            try:
                more = self.sock.recv(65536)
            except OSError:
                more = b""
            if not more:
                self.is_open = False
                return
            data += more
            while True:
                start = re.match(rb"MSRP ([^ \r\n]+) ([^\r\n]+)\r\n", data)
                end = start and re.search(rb"-------" + re.escape(start[1]) + rb"([$+#])\r\n", data)
                if not end:
                    break
                self._message(start, data[start.end():end.start()], end[1].decode())
                data = data[end.end():]

    def _message(self, start, rest, flag):
        tid, what = start[1].decode(), start[2].decode()
        head, _, body = rest.partition(b"\r\n\r\n")
        headers = dict(re.findall(r"([^:\r\n]+): ([^\r\n]*)", head.decode()))
        if what[:3].isdigit():
            self.responses[tid] = int(what[:3])
            return
        if what == "REPORT":
            self.reports.append(headers)
            return
        if headers["To-Path"] != self.own or headers["From-Path"] != self.peer:
            self._put(tid, "481 unknown session", headers)
            return
        self._put(tid, "200 OK", headers)
        body = body[:-2] if "Content-Type" in headers else b""     # the line end before the end line
        first = int(re.match(r"\d+", headers.get("Byte-Range", "1"))[0])
        whole = self.parts.setdefault(headers["Message-ID"], bytearray())
        whole[first - 1:first - 1 + len(body)] = body
        if flag == "$":
            whole = bytes(self.parts.pop(headers["Message-ID"]))
            if "Content-Type" in headers:   # a SEND without a body only names the session (RFC 4975 5.4)
                self.received.append((headers["Content-Type"], whole))
            if headers.get("Success-Report") == "yes":
                self.sock.sendall(self._report(headers["Message-ID"], len(whole)))

    def _report(self, message_id, size):
        tid = token()
        return (f"MSRP {tid} REPORT\r\nTo-Path: {self.peer}\r\nFrom-Path: {self.own}\r\nMessage-ID: {message_id}\r\n"
                f"Byte-Range: 1-{size}/{size}\r\nStatus: 000 200 OK\r\n-------{tid}$\r\n").encode()

    def _put(self, tid, status, headers):
        self.sock.sendall(f"MSRP {tid} {status}\r\nTo-Path: {headers['From-Path']}\r\nFrom-Path: {self.own}\r\n"
                          f"-------{tid}$\r\n".encode())

    def send(self, body, kind="text/plain", timeout_s=10, headers=""):
        """In one chunk, however large. @return the status it is answered with"""
        tid = token()
        self.sock.sendall(f"MSRP {tid} SEND\r\nTo-Path: {self.peer}\r\nFrom-Path: {self.own}\r\nMessage-ID: {token()}\r\n"
                          f"Byte-Range: 1-{len(body)}/{len(body)}\r\n{headers}Content-Type: {kind}\r\n\r\n".encode() + body +
                          f"\r\n-------{tid}$\r\n".encode())
        wait_until("the answer to SEND", lambda: tid in self.responses, timeout_s)
        return self.responses[tid]

    def greet(self):
        """Who connects names the session at once, with nothing to say (RFC 4975 5.4)."""
        tid = token()
        self.sock.sendall(f"MSRP {tid} SEND\r\nTo-Path: {self.peer}\r\nFrom-Path: {self.own}\r\nMessage-ID: {token()}\r\n"
                          f"-------{tid}$\r\n".encode())

    def close(self):
        """shutdown: its reader holds the socket"""
        if self.is_open:
            self.sock.shutdown(socket.SHUT_RDWR)


class MsrpPhone:
    """Takes the lines it has a method for. setup: passive, active, or None: an answer that says nothing of it, so the offerer connects."""

    def __init__(self, user="carol", port=5090):
        self.user, self.contact = user, f"sip:{user}@{CORE_IP}:{port}"
        self.setup, self.session, self.offer, self.ended = "passive", None, "", threading.Event()
        self.lines = {"m=message": self._message_line}
        self.said = {}      # of the call: what was answered to a line of the same kind that said the same
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((CORE_IP, port))
        self._register()
        self.listener = None
        threading.Thread(target=self._serve, daemon=True).start()

    def _register(self):
        uri, proof, call = f"sip:{DOMAIN}", "", token()
        self.sock.settimeout(5)
        for cseq in (1, 2):
            self.sock.sendto((f"REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {CORE_IP}:{self.sock.getsockname()[1]};branch=z9hG4bK{token()}\r\n"
                              f"From: <sip:{self.user}@{DOMAIN}>;tag={token()}\r\nTo: <sip:{self.user}@{DOMAIN}>\r\nCall-ID: {call}\r\n"
                              f"CSeq: {cseq} REGISTER\r\nContact: <{self.contact}>\r\nMax-Forwards: 70\r\n{proof}"
                              "Content-Length: 0\r\n\r\n").encode(), (CORE_IP, 5060))
            answer = self.sock.recv(65536).decode()
            if " 200 " in answer.split("\r\n", 1)[0]:
                self.sock.settimeout(None)
                return
            challenge = re.search(r"WWW-Authenticate: ([^\r\n]*)", answer, re.I)[1]
            proof = f"Authorization: {digest(challenge, 'REGISTER', uri, self.user, self.user)}\r\n"
        raise LabError(f"the MSRP phone was not registered: {answer}")

    def _serve(self):
        while True:
            try:
                data, source = self.sock.recvfrom(65536)
            except OSError:
                return
            text = data.decode()
            method = text.split(" ", 1)[0]
            if method == "INVITE":
                self._answer(text, source)
            elif method == "UPDATE":    # a long call is refreshed (RFC 4028)
                self._reply(text, source)
            elif method == "BYE":
                self._reply(text, source)
                self.said.clear()
                self.ended.set()

    def _reply(self, request, source, body=""):
        keep = re.findall(r"((?:Via|From|Call-ID|CSeq|Record-Route): [^\r\n]*\r\n)", request, re.I)
        to = re.search(r"To: [^\r\n]*", request)[0]
        if ";tag=" not in to:
            to += ";tag=peer"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.sock.sendto(("SIP/2.0 200 OK\r\n" + "".join(keep) + to + f"\r\nContact: <{self.contact}>\r\n{kind}"
                          f"Content-Length: {len(body)}\r\n\r\n{body}").encode(), source)

    def _answer(self, invite, source):
        self.offer = invite.partition("\r\n\r\n")[2]
        lines = re.split(r"\r\n(?=m=)", self.offer.rstrip("\r\n"))
        out = f"v=0\r\no=- 1 1 IN IP4 {CORE_IP}\r\ns=-\r\nc=IN IP4 {CORE_IP}\r\nt=0 0\r\n"
        for line in lines[1:]:
            kind, port, rest = line.split(" ", 2)
            if kind == "m=audio" and port != "0":    # a port where nobody is
                out += f"m=audio 40998 RTP/AVP {rest.split()[1]}\r\n"
            elif kind in self.lines and port != "0":
                if self.said.get(kind, ("",))[0] != line:
                    self.said[kind] = line, self.lines[kind](line)
                out += self.said[kind][1]
            else:
                out += f"{kind} 0 {rest.splitlines()[0]}\r\n"
        self.ended.clear()
        self._reply(invite, source, out)

    def _message_line(self, line):
        self.listener = socket.create_server((CORE_IP, 0))
        own = f"msrp://{CORE_IP}:{self.listener.getsockname()[1]}/{token()};tcp"
        peer = re.search(r"a=path:([^\r\n]*)", line)[1]
        threading.Thread(target=self._connect, args=(own, peer), daemon=True).start()
        return (f"m=message {self.listener.getsockname()[1]} TCP/MSRP *\r\na=path:{own}\r\na=accept-types:text/plain\r\n" +
                (f"a=setup:{self.setup}\r\n" if self.setup else ""))

    def _connect(self, own, peer):
        if self.setup == "active":
            host, port = re.match(r"msrp://([^:/]+):(\d+)/", peer).groups()
            sock = socket.create_connection((host, int(port)), 10)
        else:
            self.listener.settimeout(20)
            sock, _ = self.listener.accept()
        sock.settimeout(None)
        session = Session(sock, own, peer)
        if self.setup == "active":
            session.greet()
        self.session = session

    def connected(self, timeout_s=15):
        wait_until("the MSRP connection", lambda: self.session, timeout_s)
        return self.session

    def stop(self):
        for s in (self.sock, self.listener, self.session):
            if s:
                s.close()

