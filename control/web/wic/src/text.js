/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real-time text of a call (ITU-T T.140, RFC 8865): what is typed goes out letter by letter over a data channel that both
 * sides agree on in SDP (channels.js), and is shown as it comes.
 */
const CPS = 30;
const ERASE = '\b';
const NEW_LINE = '\u2028';
const MISSING = '\ufffd';
const SHOWN = 4000;	/* characters of either side */

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
		this.subprotocol = 't140';
		this.label = 'text';
		this.changed = changed;
		this.channel = null;
		this.state = 'none';	/* opening, open, refused, lost */
		this.own = '';
		this.far = '';
	}

	get hasGaps() {
		return this.far.includes(MISSING);
	}

	get isFree() {
		return !['opening', 'open'].includes(this.state);
	}

	attributes() {
		return [`fmtp:t140 cps=${CPS}`];
	}

	agreed() {}

	use(channel) {
		this.channel = channel;
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

	refused() {
		this.channel = null;
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
		this.set('none');
	}

	set(state) {
		this.state = state;
		this.changed();
	}
}
