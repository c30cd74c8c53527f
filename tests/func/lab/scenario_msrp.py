# SPDX-License-Identifier: Apache-2.0
"""MSRP over a data channel of a browser, over TCP to the core (W2-DC-10 to -15, iq.md E-7): SCTP ends at the gateway."""
import asyncio
import hashlib
import os
import re
import threading
import time

from .gateway import ACCESS_V4, W2_PORT
from .proc import wait_until
from .scenario_calls import same
from .scenario_data import js
from .scenario_kills import memory_mb
from .scenario_video import over
from .scenarios import check
from .t140_peer import TalkPhone
from .wsclient import Call, Client

FILE_BYTES = 100_000
PAGE_FILE_BYTES = 4_000_000
MEMORY_MB = 4       # of eimsagw, while a file of any size passes

# An MSRP end point of RFC 8873 on the page's phone: the channel and its path are agreed in SDP.
MSRP = """
window.msrp = { received: [], parts: {}, answers: {}, reports: [], peer: '', own: `msrps://browser.invalid:9/${crypto.randomUUID()};dc` };
msrp.text = new TextDecoder();
msrp.token = () => crypto.randomUUID().slice(0, 8);
msrp.join = (...parts) => new Blob(parts).arrayBuffer();
msrp.describe = (sdp) => sdp.replace(/(m=application [^]*?)(?=m=|$)/, `$1a=dcmap:2 subprotocol="msrp";label="chat"\\r\\n` +
	`a=dcsa:2 path:${msrp.own}\\r\\na=dcsa:2 accept-types:text/plain application/octet-stream\\r\\n`);
msrp.take = async (data) => {
	const bytes = new Uint8Array(data);
	const all = String.fromCharCode(...bytes);
	const [, tid, what] = all.match(/^MSRP (\\S+) (.*)\\r\\n/);
	const flag = all.slice(-3, -2);
	const head = all.split('\\r\\n\\r\\n', 1)[0];
	const get = (name) => (head.match(new RegExp(`\\r\\n${name}: (.*)`)) || [])[1];

	if (/^\\d/.test(what))
		msrp.answers[tid] = what;
	else if (what === 'REPORT')
		msrp.reports.push(get('Status'));
	else if (!get('Content-Type'))	/* who connected has named the session */
		msrp.channel.send(await msrp.join(`MSRP ${tid} 200 OK\\r\\nTo-Path: ${get('From-Path')}\\r\\nFrom-Path: ${msrp.own}\\r\\n-------${tid}$\\r\\n`));
	else {
		const body = bytes.slice(head.length + 4, bytes.length - `\\r\\n-------${tid}$\\r\\n`.length);
		const id = get('Message-ID');

		(msrp.parts[id] = msrp.parts[id] || []).push(body);
		msrp.channel.send(await msrp.join(`MSRP ${tid} 200 OK\\r\\nTo-Path: ${get('From-Path')}\\r\\nFrom-Path: ${msrp.own}\\r\\n-------${tid}$\\r\\n`));
		if (flag === '$') {
			const whole = new Uint8Array(await msrp.join(...msrp.parts[id]));

			msrp.largest = Math.max(msrp.largest || 0, bytes.length);
			msrp.received.push({ size: whole.length, text: whole.length < 1000 ? msrp.text.decode(whole) : '',
				hash: [...new Uint8Array(await crypto.subtle.digest('SHA-256', whole))].map((b) => b.toString(16).padStart(2, '0')).join('') });
		}
	}
};
msrp.send = async (body, kind = 'text/plain', chunk = 10000) => {
	const id = msrp.token();
	const whole = new Uint8Array(await new Blob([body]).arrayBuffer());

	for (let at = 0; at < whole.length; at += chunk) {
		const tid = msrp.token();
		const end = Math.min(at + chunk, whole.length);

		msrp.last = tid;
		msrp.channel.send(await msrp.join(`MSRP ${tid} SEND\\r\\nTo-Path: ${msrp.peer}\\r\\nFrom-Path: ${msrp.own}\\r\\nMessage-ID: ${id}\\r\\n` +
			`Success-Report: yes\\r\\nByte-Range: ${at + 1}-${end}/${whole.length}\\r\\nContent-Type: ${kind}\\r\\n\\r\\n`,
			whole.subarray(at, end), `\\r\\n-------${tid}${end === whole.length ? '$' : '+'}\\r\\n`));
	}
};
msrp.call = (target) => {
	phone.call(target);
	phone.session.on('sdp', (e) => {
		if (e.originator === 'local')
			e.sdp = msrp.describe(e.sdp);
		else
			msrp.peer = (e.sdp.match(/a=dcsa:2 path:(\\S+)/) || [])[1] || '';
	});
	phone.session.on('connecting', () => {
		msrp.channel = phone.session.connection.createDataChannel('chat', { negotiated: true, id: 2, protocol: 'msrp' });
		msrp.channel.binaryType = 'arraybuffer';
		msrp.queue = Promise.resolve();
		msrp.channel.onmessage = ({ data }) => { msrp.queue = msrp.queue.then(() => msrp.take(data)); };
	});
	return true;
};
true
"""


def begin(alice, phone, setup):
    phone.setup, phone.session = setup, None
    js(alice, "msrp.received = []; msrp.reports = []; msrp.call('carol')")
    alice.in_call("active", 15)
    session = phone.connected()
    wait_until("the channel", lambda: js(alice, "msrp.channel.readyState") == "open", 15)
    return session


def texts(alice, session, count):
    for n in range(count):
        js(alice, f"msrp.send('Grüße {n}')")
    wait_until("the browser's messages", lambda: len(session.received) >= count, 10)
    check([b.decode() for _, b in session.received[:count]] == [f"Grüße {n}" for n in range(count)], session.received)
    wait_until("its reports", lambda: js(alice, "msrp.reports.length") >= count, 10)
    for n in range(count):
        check(session.send(f"zurück {n}".encode()) == 200, "SEND was not answered by 200")
    wait_until("the phone's messages", lambda: js(alice, "msrp.received.length") >= count, 10)
    check(js(alice, "msrp.received.map((m) => m.text)")[:count] == [f"zurück {n}" for n in range(count)], "other texts")


def files(alice, session):
    had = js(alice, "msrp.received.length")
    data = os.urandom(FILE_BYTES)
    check(session.send(data, "application/octet-stream") == 200, "SEND was not answered by 200")
    wait_until("the phone's file", lambda: js(alice, "msrp.received.length") > had, 20)
    check(js(alice, "msrp.received.at(-1).hash") == hashlib.sha256(data).hexdigest(), "it is not what it was")
    check(js(alice, "msrp.largest") <= 16384, "a chunk larger than agreed")
    had = len(session.received)
    js(alice, f"msrp.send(new Uint8Array({FILE_BYTES}).map((_, i) => i * i), 'application/octet-stream')")
    wait_until("the browser's file", lambda: len(session.received) > had, 20)
    check(session.received[-1][1] == bytes(i * i & 255 for i in range(FILE_BYTES)), "it is not what it was")


# The page's files: one of any size made and hashed there; what comes is kept to be hashed.
FILES = """
window.files = { blobs: [], progress: 0 };
files.hash = async (blob) => [...new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()))].map((b) => b.toString(16).padStart(2, '0')).join('');
files.make = URL.createObjectURL;
URL.createObjectURL = (blob) => {
	files.blobs.push(blob);
	return files.make.call(URL, blob);
};
files.send = async (size) => {
	const part = new Uint8Array(65536);
	const parts = [];

	for (let at = 0; at < size; at += part.length)
		parts.push(crypto.getRandomValues(part).slice(0, Math.min(part.length, size - at)));
	files.sent = new File(parts, 'a "b".bin');
	return phone.data.send(files.sent);
};
files.shown = () => document.querySelector('#messages progress') && files.progress++;
new MutationObserver(files.shown).observe(document.getElementById('messages'), { subtree: true, childList: true });
true
"""

CPIM = ("From: <sip:carol@home1.example>\r\nTo: <sip:alice@home1.example>\r\n\r\nContent-Type: text/plain;charset=utf-8\r\n\r\n"
        "wrapped Grüße")


def page_call(alice, phone, setup, **options):
    phone.setup, phone.session = setup, None
    js(alice, "phone.call('carol', { data: true, %s })" % ", ".join(f"{k}: true" for k in options))
    alice.wait("s.call.data === 'open'", 20)
    return phone.connected()


def say_and_hear(alice, session):
    js(alice, "document.getElementById('talk').open = true")
    alice.do("fill", selector="#talk-text", text="Grüße 123")
    alice.do("click", selector="#talk-form button")
    wait_until("the page's message", lambda: session.received, 10)
    check(session.received[-1] == ("text/plain;charset=utf-8", "Grüße 123".encode()), session.received)
    for body, kind in (("zurück", "text/plain"), (CPIM, "message/cpim")):
        check(session.send(body.encode(), kind) == 200, "SEND was not answered by 200")
    wait_until("the phone's messages", lambda: js(alice, "phone.data.items.length") >= 3, 10)
    shown = js(alice, "[...document.querySelectorAll('#messages li')].map((l) => l.textContent)")
    check(shown[-3:] == ["Grüße 123", "zurück", "wrapped Grüße"], shown)


def type_and_read(alice, phone, text):
    js(alice, f"document.getElementById('rtt-own').value += {text!r}; document.getElementById('rtt-own').dispatchEvent(new Event('input'))")
    wait_until("the page's text", lambda: phone.text and phone.text.shown().endswith(text), 10)
    phone.text.type(text[::-1])
    wait_until("the phone's text", lambda: js(alice, "phone.text.far").endswith(text[::-1]), 10)


class Memory:
    """The most that eimsagw has had resident, above what it had before."""

    def __init__(self, lab):
        self.lab, self.before, self.most, self.is_over = lab, memory_mb(lab.agw), 0, threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        while not self.is_over.wait(0.1):
            self.most = max(self.most, memory_mb(self.lab.agw) - self.before)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


def page_files(lab, alice, session, size, patience_s=30):
    """One each way. @return MB that eimsagw grew by, bytes/s each way"""
    rates = []
    with Memory(lab) as memory:
        had, began = len(session.received), time.monotonic()
        check(js(alice, f"files.send({size})", patience_s), "the page's file was not taken")
        rates.append(size / (time.monotonic() - began))
        wait_until("the page's file", lambda: len(session.received) > had, 5)
        check(hashlib.sha256(session.received.pop()[1]).hexdigest() == js(alice, "files.hash(files.sent)", patience_s), "it is not what it was")
        data, began = os.urandom(size), time.monotonic()
        status = session.send(data, "application/octet-stream", patience_s,
            'Content-Disposition: attachment; filename="../from core.bin"\r\n')
        check(status == 200, f"SEND was answered {status}")
        wait_until("the phone's file", lambda: js(alice, "phone.data.items.at(-1).state") == "done", patience_s)
        rates.append(size / (time.monotonic() - began))
        check(js(alice, "files.hash(files.blobs.pop())", patience_s) == hashlib.sha256(data).hexdigest(), "it is not what it was")
    check(js(alice, "[...document.querySelectorAll('#messages a')].at(-1).download") == "from core.bin", "another name")
    check(js(alice, "files.progress") > 2, "no progress was shown")
    check(memory.most < MEMORY_MB, f"eimsagw grew by {memory.most:.1f} MB")
    return memory.most, rates


def text_comes_and_goes(alice, phone):
    """Re-INVITEs of the page: a channel more, one less, and one more in its place (W2-DC-21)."""
    lines = lambda: re.findall(r"^m=(\w+) (\d+)", phone.offer, re.M)
    check([k for k, _ in lines()] == ["audio", "message"], phone.offer)
    for value in ("ab", "cd"):
        check(js(alice, "phone.openText()"), "the re-INVITE was not answered")
        alice.wait("s.call.text === 'open'", 10)
        check([k for k, port in lines() if port != "0"] == ["audio", "message", "text"] and len(lines()) == 3, phone.offer)
        type_and_read(alice, phone, value)
        js(alice, "phone.text.channel.close()")
        alice.wait("s.call.text === 'lost'", 10)
        check(js(alice, "new Promise((ok) => phone.session.renegotiate({}, () => ok(true)))"), "the re-INVITE was not answered")
        check(lines()[2] == ("text", "0"), phone.offer)


AIORTC_PATH = "msrps://aiortc.invalid:9/aiortc0123456789;dc"
AIORTC_CHANNELS = (f'a=dcmap:0 subprotocol="msrp";label="chat"\r\na=dcsa:0 path:{AIORTC_PATH}\r\na=dcsa:0 accept-types:*\r\n'
                   'a=dcmap:3 subprotocol="t140";label="text"\r\n')


async def until(what, condition):
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0.1)
    check(False, f"no {what} within 10 s")


async def talk_by_aiortc(phone):
    """A second stack of SCTP and DTLS: a message, a chunked one and text, each way."""
    phone.setup, phone.session, phone.text = "passive", None, None
    client = Client(f"wss://{ACCESS_V4}:{W2_PORT}/w2", "web1")
    await client.connect()
    try:
        check(await client.register() == 200, "REGISTER")
        call, came, typed = Call(client, 1000), [], []
        chat = call.pc.createDataChannel("chat", negotiated=True, id=0, protocol="msrp")
        text = call.pc.createDataChannel("text", negotiated=True, id=3, protocol="t140")
        chat.on("message", came.append)
        text.on("message", typed.append)
        call.channels = AIORTC_CHANNELS
        await call.invite("carol", 20)
        peer = re.search(r"a=dcsa:0 path:(\S+)", call.answer)[1]
        await until("channels", lambda: chat.readyState == text.readyState == "open" and phone.session)
        big = os.urandom(100_000)
        for at in range(0, len(big), 50_000):
            chat.send(f"MSRP tid{at} SEND\r\nTo-Path: {peer}\r\nFrom-Path: {AIORTC_PATH}\r\nMessage-ID: big1\r\nByte-Range: {at + 1}-{at + 50_000}/100000"
                      "\r\nContent-Type: application/octet-stream\r\n\r\n".encode() + big[at:at + 50_000] +
                      f"\r\n-------tid{at}{'$' if at else '+'}\r\n".encode())
        await until("file", lambda: phone.session.received)
        check(phone.session.received == [("application/octet-stream", big)], "the file is not what it was")
        check(await asyncio.to_thread(phone.session.send, b"to aiortc") == 200, "SEND was not answered by 200")
        await until("message", lambda: any(b"\r\n\r\nto aiortc\r\n" in m for m in came))
        text.send("hello ")
        text.send("phone")
        await until("text", lambda: phone.text.shown() == "hello phone")
        phone.text.type("hello aiortc")
        await until("text", lambda: "".join(typed) == "hello aiortc")
        check(await call.bye() == 200, "BYE")
    finally:
        await client.close()


def run(setting):
    case = setting.cases.case
    with setting.lab(data="[msrp, t140]") as lab:
        lab.start(phones=())
        phone = TalkPhone()
        alice = lab.browser("alice")
        js(alice, MSRP)
        base = lab.base_line()
        with case("ten_messages_each_way_and_their_reports"):
            session = begin(alice, phone, "passive")
            texts(alice, session, 10)
        with case("what_the_core_was_offered"):
            check("m=application" not in phone.offer and "dcmap" not in phone.offer, phone.offer)
            check(re.search(r"m=message \d+ TCP/MSRP \*\r\n", phone.offer) and "a=setup:actpass" in phone.offer and
                  "a=accept-types:text/plain application/octet-stream" in phone.offer, phone.offer)
        with case("a_file_each_way"):
            files(alice, session)
        with case("the_end_of_the_call_ends_the_connection"):
            over(lab, alice)
            wait_until("the connection's end", lambda: not session.is_open, 5)
        with case("a_phone_that_connects"):
            texts(alice, begin(alice, phone, "active"), 2)
            over(lab, alice)
        with case("a_phone_without_setup_whose_connection_breaks_closes_the_channel"):
            session = begin(alice, phone, None)
            texts(alice, session, 1)
            session.close()
            wait_until("the channel's end", lambda: js(alice, "msrp.channel.readyState") == "closed", 10)
            over(lab, alice)
        js(alice, FILES)
        with case("on_the_page_messages_and_text_in_one_call"):
            session = page_call(alice, phone, "passive", text=True)
            alice.wait("s.call.text === 'open'", 10)
            check(re.findall(r"^m=(\w+)", phone.offer, re.M) == ["audio", "message", "text"], phone.offer)
            say_and_hear(alice, session)
            type_and_read(alice, phone, "beside it")
        with case("files_of_the_page_each_way_beside_text_in_flat_memory"):
            page_files(lab, alice, session, PAGE_FILE_BYTES)
            type_and_read(alice, phone, "still there")
            over(lab, alice)
        with case("text_comes_and_goes_in_re_invites_and_messages_go_on"):
            session = page_call(alice, phone, "active")
            text_comes_and_goes(alice, phone)
            check(phone.session is session and session.is_open, "the connection was made anew")
            check(session.send(b"to the end") == 200, "SEND was not answered by 200")
            over(lab, alice)
        with case("aiortc_exchanges_messages_and_text_with_the_phone"):
            asyncio.run(talk_by_aiortc(phone))
        with case("everything_is_back_at_its_base_line"):
            wait_until("base line", lambda: same(base, lab.base_line()), 10)
        phone.stop()
