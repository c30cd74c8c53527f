/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages and files of a call by MSRP over a data channel (RFC 8873, RFC 4975), where the gateway carries them to phones of the core:
 * a text is a SEND of text/plain, a file one of its own type with a name. The channel and both paths are agreed in SDP (channels.js).
 */
import { Data } from './data.js';

const CHUNK_BYTES = 60000;	/* and its head within 65536, which a peer takes that says nothing */
const HEAD_BYTES = 2000;
const BUFFER_BYTES = 1 << 20;
const FILE_BYTES = 256 << 20;	/* what comes is kept in memory until it is saved */
const TEXT_BYTES = 16000;

const utf8 = new TextEncoder();
const text = new TextDecoder();
const token = () => crypto.randomUUID().replaceAll('-', '').slice(0, 16);

function find(bytes, what, from = 0) {
	const first = what.charCodeAt(0);

	for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1))
		if ([...what].every((c, i) => bytes[at + i] === c.charCodeAt(0)))
			return at;
	return -1;
}

/** One message of the channel is one chunk. @return null: it is none */
export function parse(bytes) {
	const line = text.decode(bytes.subarray(0, 200)).match(/^MSRP (\S{4,32}) (\S+)/);
	const tail = line && text.decode(bytes.subarray(-line[1].length - 10)).match(/-------(\S+)([$+#])\r\n$/);

	if (!tail || tail[1] !== line[1])
		return null;
	const end = bytes.length - line[1].length - 10;
	const blank = find(bytes, '\r\n\r\n');
	const hasBody = blank >= 0 && blank + 4 <= end;
	const headers = new Map();

	for (const h of text.decode(bytes.subarray(0, hasBody ? blank : end)).split('\r\n').slice(1)) {
		const colon = h.indexOf(':');

		if (colon > 0)
			headers.set(h.slice(0, colon).toLowerCase(), h.slice(colon + 1).trim());
	}
	return { tid: line[1], what: line[2], flag: tail[2], headers,
		body: hasBody ? bytes.subarray(blank + 4, Math.max(blank + 4, end - 2)) : new Uint8Array(0) };
}

/* The text of a message/cpim (RFC 3862): its own headers, those of the content, the content. */
function unwrap(type, body) {
	return /^message\/cpim/i.test(type) ? body.split(/\r?\n\r?\n/).slice(2).join('\n\n') : body;
}

function wrap(words) {
	return 'From: <sip:anonymous@anonymous.invalid>\r\nTo: <sip:anonymous@anonymous.invalid>\r\n' +
		`DateTime: ${new Date().toISOString()}\r\n\r\nContent-Type: text/plain;charset=utf-8\r\n\r\n${words}`;
}

export class Msrp extends Data {
	constructor(changed) {
		super(changed);
		this.subprotocol = 'msrp';
		this.label = 'chat';
		this.own = `msrps://browser.invalid:9/${token()}${token()};dc`;
		this.peer = '';
		this.wraps = false;	/* the other side wants message/cpim */
		this.sent = new Map();	/* chunks of files without an answer: transaction -> Message-ID */
		this.coming = new Map();	/* by Message-ID */
		this.going = new Map();
	}

	/** Channels are those of SDP: nothing is taken in-band. */
	listen(connection) {
		this.connection = connection;
	}

	/** After each negotiation: what was refused is told by the description. */
	follow() {}

	get isFree() {
		return !['opening', 'open'].includes(this.state);
	}

	attributes() {
		return [`path:${this.own}`, 'accept-types:message/cpim text/plain *', 'accept-wrapped-types:*'];
	}

	agreed(said) {
		const types = (said.get('accept-types') || '*').toLowerCase().split(/\s+/);

		this.peer = said.get('path') || '';
		this.wraps = types.includes('message/cpim') && !types.includes('text/plain') && !types.includes('*');
	}

	use(channel, said) {
		const follow = () => this.set(channel.readyState === 'open' ? 'open' : this.state === 'open' ? 'lost' : this.state);

		if (said)
			this.agreed(said);
		channel.binaryType = 'arraybuffer';
		channel.bufferedAmountLowThreshold = BUFFER_BYTES / 2;
		this.chat = channel;
		this.set('opening');
		channel.addEventListener('open', follow);
		channel.addEventListener('close', () => {
			for (const id of [...this.going.keys()])
				this.finish(id, 'failed');
			for (const { item } of this.coming.values())
				if (item && item.state === 'coming')
					item.state = 'failed';
			this.coming.clear();
			this.sent.clear();
			follow();
		});
		channel.addEventListener('message', ({ data }) => {
			const chunk = data instanceof ArrayBuffer ? parse(new Uint8Array(data)) : null;

			if (chunk)
				this.take(chunk);
		});
	}

	/* One message of the channel. */
	put(head, body = '', tail = '') {
		const parts = [head, body, tail].map((p) => (typeof p === 'string' ? utf8.encode(p) : p));
		const bytes = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
		let at = 0;

		for (const p of parts) {
			bytes.set(p, at);
			at += p.length;
		}
		if (this.chat && this.chat.readyState === 'open')
			this.chat.send(bytes);
	}

	/** @return {boolean} it is on its way */
	say(words) {
		const type = this.wraps ? 'message/cpim' : 'text/plain;charset=utf-8';

		if (this.state !== 'open' || !words)
			return false;
		const body = utf8.encode(this.wraps ? wrap(words) : words);

		this.chunk(token(), `Content-Type: ${type}`, body, 0, body.length);
		this.add({ own: true, text: words });
		return true;
	}

	/* Bytes from first on, of a message of total bytes. */
	chunk(id, headers, bytes, first, total) {
		const tid = token();
		const last = first + bytes.length;

		if (this.going.has(id))
			this.sent.set(tid, id);
		this.put(`MSRP ${tid} SEND\r\nTo-Path: ${this.peer}\r\nFrom-Path: ${this.own}\r\nMessage-ID: ${id}\r\n` +
			`Byte-Range: ${first + 1}-${last}/${total}\r\n${headers}\r\n\r\n`, bytes,
			`\r\n-------${tid}${last === total ? '$' : '+'}\r\n`);
	}

	/** @return {Promise<boolean>} the other side has it */
	async send(file) {
		if (this.state !== 'open')
			return false;
		const id = token();
		const item = this.add({ own: true, name: file.name, size: file.size, done: 0, state: 'going' });
		const headers = `Success-Report: yes\r\nContent-Disposition: attachment; filename="${file.name.replace(/["\\\r\n]/g, '_')}"\r\n` +
			`Content-Type: ${/^[\w.+-]+\/[\w.+-]+$/.test(file.type) ? file.type : 'application/octet-stream'}`;

		const size = Math.min(CHUNK_BYTES, this.connection.sctp.maxMessageSize - HEAD_BYTES);

		this.going.set(id, item);
		const end = new Promise((resolve) => {
			item.ended = resolve;
		});

		Object.defineProperty(item, 'ended', { enumerable: false });	/* it is drawn by what JSON says of it */
		try {
			do {
				if (this.chat.bufferedAmount > BUFFER_BYTES)
					await this.drained();
				const bytes = new Uint8Array(await file.slice(item.done, item.done + size).arrayBuffer());

				if (item.state !== 'going')
					break;
				this.chunk(id, headers, bytes, item.done, file.size);
				item.done += bytes.length;
				this.changed();
			} while (item.done < file.size);
		} catch {
			this.finish(id, 'failed');
		}
		if (item.state === 'going')
			await end;
		return item.state === 'done';
	}

	drained() {
		return new Promise((resolve, reject) => {
			this.chat.addEventListener('bufferedamountlow', resolve, { once: true });
			this.chat.addEventListener('close', () => reject(new Error('the channel was closed')), { once: true });
		});
	}

	finish(id, state) {
		const item = this.going.get(id);

		if (!item)
			return;
		item.state = state;
		item.ended();
		this.going.delete(id);
		this.changed();
	}

	take(chunk) {
		const get = (name) => chunk.headers.get(name) || '';

		if (chunk.what === 'REPORT') {
			const [, status] = get('status').match(/^000 (\d+)/) || [];

			if (status)
				this.finish(get('message-id'), status === '200' ? 'done' : 'failed');
		} else if (chunk.what === 'SEND') {
			this.answer(chunk, this.keep(chunk, get), get);
		} else {
			if (chunk.what !== '200' && this.sent.has(chunk.tid))
				this.finish(this.sent.get(chunk.tid), 'failed');
			this.sent.delete(chunk.tid);
		}
	}

	answer(chunk, status, get) {
		const failure = get('failure-report') || 'yes';

		if (failure === 'yes' || (failure === 'partial' && status !== '200 OK'))
			this.put(`MSRP ${chunk.tid} ${status}\r\nTo-Path: ${get('from-path').split(' ')[0]}\r\nFrom-Path: ${this.own}\r\n-------${chunk.tid}$\r\n`);
	}

	/* @return what the chunk is answered with */
	keep(chunk, get) {
		const id = get('message-id');
		const type = get('content-type');
		const [, first = 1, total = '*'] = get('byte-range').match(/^(\d+)-[\d*]+\/([\d*]+)/) || [];
		let m = this.coming.get(id);

		if (get('to-path') !== this.own)
			return '481 unknown session';
		if (!m && (!type || Number(first) !== 1))
			return '200 OK';	/* nothing to show */
		m = m || this.begin(id, type, get('content-disposition'), Number(total) || 0);
		if (m.bytes + chunk.body.length > (m.item ? FILE_BYTES : TEXT_BYTES) || (m.item && m.item.state !== 'coming')) {
			if (m.item)
				m.item.state = m.item.state === 'coming' ? 'too large' : m.item.state;
			this.changed();
			return '413 too large';
		}
		m.parts.push(chunk.body);
		m.bytes += chunk.body.length;
		if (m.item)
			m.item.done = m.bytes;
		if (chunk.flag !== '+')
			this.whole(id, m, chunk.flag === '$', get);
		this.changed();
		return '200 OK';
	}

	begin(id, type, disposition, size) {
		const isText = /^(text\/plain|message\/cpim)/i.test(type) && !/attachment/i.test(disposition) && size <= TEXT_BYTES;
		const m = { type, parts: [], bytes: 0, item: null };

		if (!isText) {
			const [, name = 'file'] = disposition.match(/filename="?([^";]+)/i) || [];

			m.item = this.add({ own: false, name: name.replace(/.*[/\\]/, '').slice(0, 100) || 'file', size, done: 0,
				state: size > FILE_BYTES ? 'too large' : 'coming' });
		}
		this.coming.set(id, m);
		return m;
	}

	async whole(id, m, isComplete, get) {
		const blob = new Blob(m.parts, { type: 'application/octet-stream' });	/* of no type: it is saved, never shown */

		this.coming.delete(id);
		if (!isComplete) {
			if (m.item)
				m.item.state = 'failed';
			return;
		}
		if (m.item)
			Object.assign(m.item, { state: 'done', size: m.bytes, url: URL.createObjectURL(blob) });
		else if (m.bytes)
			this.add({ own: false, text: unwrap(m.type, await blob.text()) });
		if (get('success-report') === 'yes')
			this.report(id, m.bytes, get('from-path'));
	}

	report(id, bytes, to) {
		const tid = token();

		this.put(`MSRP ${tid} REPORT\r\nTo-Path: ${to}\r\nFrom-Path: ${this.own}\r\nMessage-ID: ${id}\r\n` +
			`Byte-Range: 1-${bytes}/${bytes}\r\nStatus: 000 200 OK\r\n-------${tid}$\r\n`);
	}
}
