# SPDX-License-Identifier: Apache-2.0
"""MSRP over a data channel of a browser, over TCP to the core (W2-DC-10 to -15, iq.md E-7): SCTP ends at the gateway."""
import hashlib
import os
import re

from .msrp_peer import MsrpPhone
from .proc import wait_until
from .scenario_calls import same
from .scenario_data import js
from .scenario_video import over
from .scenarios import check

FILE_BYTES = 100_000

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


def run(setting):
    case = setting.cases.case
    with setting.lab(data="msrp") as lab:
        lab.start(phones=())
        phone = MsrpPhone()
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
        with case("everything_is_back_at_its_base_line"):
            wait_until("base line", lambda: same(base, lab.base_line()), 10)
        phone.stop()
