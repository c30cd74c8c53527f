# SPDX-License-Identifier: Apache-2.0
"""
Data channels between two browsers through the core, in relay mode (W2-DC-01 to -07): DTLS ends at the gateway, SCTP does not. Data has the
transport of sound and video, or its own when it is alone (W2-BUN-04).
"""
import json
import re

from .core import PCSCF_IP
from .path import at_random
from .proc import wait_until
from .scenario_calls import same
from .scenario_video import bundled, grows, heard, over, policy, sees, up
from .scenarios import check

SIZES = (1, 2, 99, 1200, 16384, 65535, 262144)
CHANNELS = 300
FILE_BYTES = 2_000_000

# Of both pages: what has the label "echo" comes back, message by message; blobs of the page are kept to be hashed.
ECHO = """
window.dc = { closed: 0, blobs: [] };
dc.hash = async (bytes) => [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].map((b) => b.toString(16)).join();
dc.event = (target, name) => new Promise((ok, no) => {
	target.addEventListener(name, ok, { once: true });
	setTimeout(() => no(new Error(`no ${name} within 20 s`)), 20000);
});
dc.make = URL.createObjectURL;
URL.createObjectURL = (blob) => {
	dc.blobs.push(blob);
	return dc.make.call(URL, blob);
};
dc.listen = () => phone.session.connection.addEventListener('datachannel', ({ channel }) => {
	channel.binaryType = 'arraybuffer';
	channel.addEventListener('close', () => dc.closed++);
	if (channel.label === 'echo')
		channel.addEventListener('message', ({ data }) => channel.send(data));
});
dc.open = async (options) => {
	const channel = phone.session.connection.createDataChannel('echo', options);

	channel.binaryType = 'arraybuffer';
	await dc.event(channel, 'open');
	return channel;
};
/* Messages of these sizes there and back, at once; @return how many were the same again */
dc.exchange = async (sizes, options) => {
	const channel = await dc.open(options);
	const sent = sizes.map((n) => {
		const bytes = new Uint8Array(n);

		for (let i = 0; i < n; i += 65536)
			crypto.getRandomValues(bytes.subarray(i, i + 65536));
		return bytes;
	});
	const back = [];
	const all = new Promise((ok) => {
		channel.addEventListener('message', ({ data }) => back.push(data) > sizes.length && ok());
		setTimeout(ok, 40000);
	});

	sent.forEach((bytes) => channel.send(bytes));
	channel.send('ä');
	await all;
	const wanted = await Promise.all(sent.map(dc.hash));
	const got = await Promise.all(back.filter((x) => typeof x !== 'string').map(dc.hash));

	channel.close();
	if (options.ordered === false)
		return got.filter((h) => wanted.includes(h)).length;
	return got.filter((h, i) => h === wanted[i]).length;
};
/* Channels opened and closed, some at a time. */
dc.many = async (count, atOnce) => {
	for (let n = 0; n < count; n += atOnce) {
		const some = await Promise.all(Array.from({ length: atOnce }, () => dc.open({})));

		await Promise.all(some.map((channel) => {
			const closed = dc.event(channel, 'close');

			channel.close();
			return closed;
		}));
	}
	return true;
};
true
"""


def js(browser, code, patience_s=60):
    return browser.do("eval", code=code, patience_s=patience_s)


def ring(caller, callee, options):
    js(caller, f"phone.call('web1', {json.dumps(options)})")
    callee.wait("s.call.state === 'ringing' && s.call.direction === 'in'", 15)


def connected(*browsers):
    for browser in browsers:
        browser.wait("s.call.data === 'open'", 15)


def exchange(browser, sizes, options, at_least=None):
    same_again = js(browser, f"dc.exchange({json.dumps(sizes)}, {json.dumps(options)})")
    check(same_again >= (len(sizes) if at_least is None else at_least), f"{same_again} of {len(sizes)} messages are what they were")


def run(setting):
    case = setting.cases.case
    with setting.lab(with_path=True) as lab:
        lab.start()
        alice, web1 = lab.browser("alice", tone_hz=1000), lab.browser("web1", tone_hz=1400)
        for browser in (alice, web1):
            js(browser, ECHO)
        base = lab.base_line()
        loop = lab.capture("lo", "sip", "port 5060")
        with case("a_call_with_audio_and_data"):
            policy(alice, "max-bundle")
            policy(web1, "balanced")
            ring(alice, web1, {"data": True})
            web1.do("click", selector="#answer")
            up(alice, web1)
            connected(alice, web1)
            bundled(alice, web1)
            for browser in (alice, web1):
                js(browser, "dc.listen()")
        with case("messages_of_all_sizes_both_ways_are_what_they_were"):
            for browser in (alice, web1):
                exchange(browser, SIZES, {})
                exchange(browser, SIZES[:-1] * 3, {"ordered": False})
                exchange(browser, [900] * 40, {"ordered": False, "maxRetransmits": 0}, 30)
                exchange(browser, [900] * 40, {"maxPacketLifeTime": 500}, 30)
        with case("everything_arrives_over_networks_that_lose_double_and_swap_1_5_and_10_percent"):
            try:
                for share in (0.01, 0.05, 0.10):    # each message and its echo go through it four times
                    lab.path.set(at_random(("dtls",), share, share, share, seed=int(share * 1000)))
                    exchange(alice, SIZES[:4], {})
                    exchange(web1, SIZES[:5], {"ordered": False})
                    check(sum(n for (_, kind, what), n in lab.path.done.items() if kind == "dtls" and what == "lose"), lab.path.done)
            finally:
                lab.path.set(None)
        with case("text_and_a_file_by_the_page"):
            js(alice, "document.getElementById('talk').open = true")
            alice.do("fill", selector="#talk-text", text="Grüße 123")
            alice.do("click", selector="#talk-form button")
            wait_until("the text", lambda: js(web1, "phone.data.items[0]?.text") == "Grüße 123", 5)
            js(web1, f"dc.file = new Uint8Array({FILE_BYTES}).map((_, i) => i * i); "
               "dc.sent = phone.data.send(new File([dc.file], 'a/../b.bin')); true")
            check(js(web1, "dc.sent"), "the file did not arrive")
            link = js(alice, "document.querySelector('#messages a').download")
            check(link == "b.bin", link)
            hashes = js(alice, "dc.blobs[0].arrayBuffer().then(dc.hash)"), js(web1, "dc.hash(dc.file)")
            check(hashes[0] == hashes[1], "the file is not what it was")
        with case("channels_opened_and_closed"):
            before = js(web1, "dc.closed")
            js(alice, f"dc.many({CHANNELS}, 50)", 120)
            wait_until("the other side's closing", lambda: js(web1, "dc.closed") >= before + CHANNELS, 10)
            exchange(web1, SIZES[:4], {})
        with case("hold_leaves_the_channels"):
            alice.do("click", selector="#hold")
            web1.wait("s.call.heldByPeer", 10)
            exchange(alice, SIZES[:4], {})
            alice.do("click", selector="#hold")
            web1.wait("!s.call.heldByPeer", 10)
            heard(alice, web1)
        with case("one_side_aborts_its_association_and_the_call_of_sound_ends_in_order"):
            gone = "new Promise((ok) => phone.data.chat.addEventListener('close', () => ok(true), { once: true }))"
            js(web1, f"dc.gone = {gone}; true")
            over(lab, alice, web1)
            check(js(web1, "dc.gone"), "the channel of the other side stayed open")
        loop.stop()
        with case("the_core_side_has_a_data_line_without_ice_and_opposite_roles"):
            bodies = [(sender, body) for sender, _, body in loop.sip_bodies() if sender == PCSCF_IP and "m=application" in body]
            data = [body[body.index("m=application"):] for _, body in bodies]
            check(data and all("UDP/DTLS/SCTP webrtc-datachannel" in d and "ice-" not in d for d in data), data)
            roles = {x for d in data for x in re.findall(r"a=setup:(\S+)", d)}
            check(roles == {"active", "passive"}, roles)
        with case("data_joins_in_mid_call_from_the_side_that_was_called"):
            policy(alice, "balanced")
            policy(web1, "max-compat")
            ring(alice, web1, {})
            web1.do("click", selector="#answer")
            up(alice, web1)
            js(web1, "document.getElementById('talk').open = true")
            web1.do("click", selector="#talk-open")
            connected(alice, web1)
            js(alice, "dc.listen()")
            exchange(web1, SIZES, {})
            bundled(alice, web1)
        with case("camera_joins_a_call_of_sound_and_data"):
            for browser in (alice, web1):
                js(browser, "phone.picture = { width: 320, height: 240, frameRate: 12 }; phone.video.constraints = phone.picture; true")
            alice.do("click", selector="#camera")
            sees(web1, False, True)
            web1.do("click", selector="#camera")
            sees(alice, True, True)
            bundled(alice, web1, mids="0 1 2")
            for browser in (alice, web1):
                grows(browser, "framesDecoded", 10)
            exchange(web1, SIZES[:4], {})
            heard(alice, web1)
            over(lab, web1, alice)
        with case("a_call_of_data_alone"):
            ring(alice, web1, {"data": True, "audio": False})
            js(web1, "phone.answer({ audio: false })")
            connected(alice, web1)
            js(web1, "dc.listen()")
            exchange(alice, SIZES, {})
            over(lab, alice, web1)
        with case("a_phone_takes_no_data_and_the_call_goes_on"):
            js(alice, "phone.call('bob', { data: true })")
            up(alice)
            alice.wait("s.call.data === 'refused'", 5)
            heard(alice, lab.phones["bob"])
            over(lab, alice)
        with case("everything_is_back_at_its_base_line"):
            wait_until("base line", lambda: same(base, lab.base_line()), 10)
