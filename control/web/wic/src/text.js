/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real-time text of a call (ITU-T T.140, RFC 8865): what is typed goes out letter by letter over a data channel that both
 * sides agree on in SDP, and is shown as it comes.
 */
const CPS = 30;
const CHANNEL = 0;
const ERASE = '\b';
const NEW_LINE = '\u2028';
const MISSING = '\ufffd';
const SHOWN = 4000;	/* characters of either side */

/** Has this description a channel of text? @return {number} its stream, -1: none */
export function textChannel(sdp) {
	const found = /^a=dcmap:(\d+) .*subprotocol="t140"/mi.exec(sdp || '');

	return found && !/^m=application 0 /m.test(sdp) ? Number(found[1]) : -1;
}

/** What turns one text into the other: letters erased from its end, and letters added. */
export function edits(before, after) {
	const old = [...before];
	const now = [...after];
	let same = 0;

	while (same < old.length && same < now.length && old[same] === now[same])
		same++;
	return ERASE.repeat(old.length - same) + now.slice(same).join('').replaceAll('\n', NEW_LINE);
}

/** The other side's text with what has come added to it. */
export function apply(text, come) {
	const all = [...text];

	for (const c of come.replaceAll('\r\n', NEW_LINE)) {
		if (c === ERASE)
			all.pop();
		else if (c === NEW_LINE || c === '\n' || c === '\r')
			all.push('\n');
		else if (c >= ' ' && c !== '\ufeff')
			all.push(c);
	}
	return all.slice(-SHOWN).join('');
}

export class Text {
	/** @param {function()} changed something is to be drawn */
	constructor(changed) {
		this.changed = changed;
		this.channel = null;
		this.stream = -1;
		this.state = 'none';	/* opening, open, refused, lost */
		this.own = '';
		this.far = '';
	}

	get hasGaps() {
		return this.far.includes(MISSING);
	}

	/** Before an offer, or with the answer to one that has text. */
	open(connection, stream = CHANNEL) {
		const channel = connection.createDataChannel('text', { negotiated: true, id: stream, protocol: 't140' });

		this.channel = channel;
		this.stream = stream;
		this.set('opening');
		channel.addEventListener('open', () => this.set('open'));
		channel.addEventListener('close', () => this.set(this.state === 'open' ? 'lost' : this.state));
		channel.addEventListener('message', ({ data }) => {
			if (typeof data !== 'string')
				return;
			this.far = apply(this.far, data);
			this.changed();
		});
	}

	/** Our description, with the channel in it. */
	describe(sdp) {
		if (this.stream < 0 || textChannel(sdp) >= 0)
			return sdp;
		return sdp.replace(/m=application [1-9][^]*?(?=m=|$)/, `$&a=dcmap:${this.stream} subprotocol="t140";label="text"\r\n` +
			`a=dcsa:${this.stream} fmtp:t140 cps=${CPS}\r\n`);
	}

	/** The answer to our offer. */
	answered(sdp) {
		if (this.state === 'opening' && textChannel(sdp) !== this.stream)
			this.refused();
	}

	refused() {
		if (this.channel)
			this.channel.close();
		this.channel = null;
		this.stream = -1;
		this.set('refused');
	}

	/** What the box holds now. */
	type(value) {
		const text = edits(this.own, value);

		if (this.state !== 'open' || !text)
			return;
		this.channel.send(text);
		this.own = value;
	}

	end() {
		this.channel = null;
		this.stream = -1;
		this.set('none');
	}

	set(state) {
		this.state = state;
		this.changed();
	}
}
