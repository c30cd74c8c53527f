# SPDX-License-Identifier: Apache-2.0
"""A phone of the core that knows real-time text and nothing else: RFC 4103 with RFC 2198, and a network that loses packets. Our own
codec is not in it."""
import random
import re
import socket
import struct
import threading
import time

from .core import CORE_IP
from .msrp_peer import MsrpPhone

INTERVAL_S = 0.3


class TextSession:
    """RTP of text on one socket; of what goes out and comes in, one packet of lose_every is lost."""

    def __init__(self, lose_every):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((CORE_IP, 0))
        self.lose_every, self.rng = lose_every, random.Random(4103)
        self.peer = self.pts = None
        self.received, self.lost_in, self.lost_out, self.repaired, self.boms = "", 0, 0, 0, 0
        self.next_seq = None
        self.seq, self.ssrc, self.history, self.waiting, self.is_open = 7, 0x41424344, [(0, b""), (0, b"")], "", True
        self.lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._write, daemon=True).start()

    def _loses(self):
        return self.lose_every and self.rng.randrange(self.lose_every) == 0

    def _read(self):
        while self.is_open:
            try:
                data = self.sock.recv(2048)
            except OSError:
                return
            if self._loses():
                self.lost_in += 1
            else:
                self._packet(data)

    def _packet(self, data):
        pt, seq = data[1] & 0x7f, struct.unpack("!H", data[2:4])[0]
        at, blocks = 12, []
        if self.pts and pt == self.pts[1]:
            lengths = []
            while data[at] & 0x80:
                lengths.append(struct.unpack("!I", data[at:at + 4])[0] & 0x3ff)
                at += 4
            at += 1
            for n in lengths:
                blocks.append(data[at:at + n])
                at += n
        blocks.append(data[at:])
        if self.next_seq is None:
            self.next_seq = seq
        for i, block in enumerate(blocks):
            number = (seq - (len(blocks) - 1 - i)) & 0xffff
            ahead = (number - self.next_seq) & 0xffff
            if ahead >= 0x8000:
                continue
            self.repaired += i < len(blocks) - 1
            self.boms += block.decode().count("\ufeff")
            self.received += "\ufffd" * (ahead > 0) + block.decode().replace("\ufeff", "")
            self.next_seq = (number + 1) & 0xffff

    def shown(self):
        """received, as a display would have it: T.140's backspace takes a letter away."""
        out = ""
        for c in self.received:
            out = out[:-1] if c == "\b" else out + c
        return out

    def type(self, text):
        with self.lock:
            self.waiting += text

    def _write(self):
        while self.is_open:
            time.sleep(INTERVAL_S)      # the clock of the sender (RFC 4103 5.1)
            with self.lock:
                text, self.waiting = self.waiting[:9], self.waiting[9:]
            if self.peer and (text or any(b for _, b in self.history)):
                self._send(text.encode())

    def _send(self, block):
        t140, red = self.pts
        stamp = int(time.monotonic() * 1000) & 0xffffffff
        head = b""
        for then, old in self.history:
            head += struct.pack("!I", 0x80000000 | t140 << 24 | ((stamp - then) & 0x3fff if old else 0) << 10 | len(old))
        packet = (struct.pack("!BBHII", 0x80, red, self.seq, stamp, self.ssrc) + head + bytes([t140]) +
                  b"".join(old for _, old in self.history) + block)
        self.seq = (self.seq + 1) & 0xffff
        self.history = [self.history[1], (stamp, block)]
        if self._loses():
            self.lost_out += 1
        else:
            self.sock.sendto(packet, self.peer)

    def close(self):
        self.is_open = False
        self.sock.close()


class TalkPhone(MsrpPhone):
    """Messages and text in one call: session and text."""

    def __init__(self, lose_every=20, **where):
        self.lose_every, self.cps, self.text = lose_every, 25, None
        super().__init__(**where)
        self.lines["m=text"] = self._text_line

    def _text_line(self, line):
        self.text = text = TextSession(self.lose_every)
        pts = [re.search(rf"a=rtpmap:(\d+) {name}/1000", line)[1] for name in ("t140", "red")]
        text.pts = (int(pts[0]), int(pts[1]))
        text.peer = (re.search(r"c=IN IP4 (\S+)", line)[1], int(line.split()[1]))
        return (f"m=text {text.sock.getsockname()[1]} RTP/AVP {pts[1]} {pts[0]}\r\na=rtpmap:{pts[1]} red/1000\r\n"
                f"a=fmtp:{pts[1]} {pts[0]}/{pts[0]}/{pts[0]}\r\na=rtpmap:{pts[0]} t140/1000\r\na=fmtp:{pts[0]} cps={self.cps}\r\n")

    def stop(self):
        super().stop()
        if self.text:
            self.text.close()


class TextPhone(TalkPhone):
    """Knows text, and no messages."""

    def __init__(self, **where):
        super().__init__(**where)
        del self.lines["m=message"]
