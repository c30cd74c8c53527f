/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages and files of a call over data channels (RFC 8831). "chat": a text a message. "file": one channel a file, its
 * first message {"name", "size"}, then the bytes; the receiver says "done", and the sender closes.
 */
const CHUNK_BYTES = 65536;
const BUFFER_BYTES = 1 << 20;	/* in the browser's hands at most; more is read when half of it has gone */
const FILE_BYTES = 256 << 20;	/* what comes is kept in memory until it is saved */
const TEXT_CHARS = 4000;
const ITEMS = 500;

function wait(channel, name) {
	return new Promise((resolve, reject) => {
		channel.addEventListener(name, resolve, { once: true });
		channel.addEventListener('close', () => reject(new Error('the channel was closed')), { once: true });
	});
}

export class Data {
	/** @param {function()} changed something is to be drawn */
	constructor(changed) {
		this.changed = changed;
		this.chat = null;
		this.state = 'none';	/* opening, open, refused, lost */
		this.items = [];	/* {own, text} or {own, name, size, done, state, url} */
	}

	/** Channels of the other side are taken. */
	listen(connection) {
		this.connection = connection;
		connection.addEventListener('datachannel', ({ channel }) => {
			if (channel.label === 'chat')
				this.use(channel);
			else if (channel.label === 'file')
				this.receive(channel).catch(() => {});
			/* others are of who opened them: scripts listen for themselves */
		});
	}

	/** Before an offer: it gets a data line. */
	open() {
		this.use(this.connection.createDataChannel('chat'));
	}

	/* A channel of the other side may come while ours opens: either will do, both are heard. */
	use(channel) {
		const follow = () => {
			if (channel.readyState === 'open' && (!this.chat || this.chat.readyState !== 'open'))
				this.chat = channel;
			this.set(this.chat && this.chat.readyState === 'open' ? 'open' : this.state === 'open' ? 'lost' : this.state);
		};

		this.chat = this.chat || channel;
		if (this.state !== 'open')
			this.set('opening');
		channel.addEventListener('open', follow);
		channel.addEventListener('close', follow);
		channel.addEventListener('message', ({ data }) => {
			if (typeof data === 'string')
				this.add({ own: false, text: data.slice(0, TEXT_CHARS) });
		});
		follow();
	}

	/** After each negotiation: the line may have been refused. */
	follow() {
		if (this.state === 'opening' && !this.connection.sctp)
			this.refused();
	}

	refused() {
		if (this.chat)
			this.chat.close();
		this.chat = null;
		this.set('refused');
	}

	/** @return {boolean} it is on its way */
	say(text) {
		if (this.state !== 'open' || !text)
			return false;
		this.chat.send(text.slice(0, TEXT_CHARS));
		this.add({ own: true, text: text.slice(0, TEXT_CHARS) });
		return true;
	}

	/** @param {File} file  @return {Promise<boolean>} the other side has it */
	async send(file) {
		if (this.state !== 'open')
			return false;
		const channel = this.connection.createDataChannel('file');
		const item = this.add({ own: true, name: file.name, size: file.size, done: 0, state: 'going' });

		try {
			await wait(channel, 'open');
			const done = wait(channel, 'message');

			done.catch(() => {});	/* seen where it is awaited */
			channel.bufferedAmountLowThreshold = BUFFER_BYTES / 2;
			channel.send(JSON.stringify({ name: file.name, size: file.size }));
			const chunk = Math.min(CHUNK_BYTES, this.connection.sctp.maxMessageSize);

			while (item.done < file.size) {
				if (channel.bufferedAmount > BUFFER_BYTES)
					await wait(channel, 'bufferedamountlow');
				const bytes = await file.slice(item.done, item.done + chunk).arrayBuffer();

				channel.send(bytes);
				item.done += bytes.byteLength;
				this.changed();
			}
			await done;
			item.state = 'done';
		} catch {
			item.state = 'failed';
		}
		channel.close();
		this.changed();
		return item.state === 'done';
	}

	async receive(channel) {
		let item = null;
		const parts = [];

		channel.binaryType = 'arraybuffer';
		channel.addEventListener('close', () => {
			if (item && item.state === 'coming') {
				item.state = 'failed';
				this.changed();
			}
		});
		channel.addEventListener('message', ({ data }) => {
			if (!item) {
				item = this.announced(data);
				if (!item)
					channel.close();
			} else if (typeof data === 'string' || item.done + data.byteLength > item.size) {
				channel.close();
			} else {
				parts.push(data);
				item.done += data.byteLength;
			}
			if (item && item.state === 'coming' && item.done === item.size) {
				item.state = 'done';
				/* of no type: it is saved, never shown */
				item.url = URL.createObjectURL(new Blob(parts, { type: 'application/octet-stream' }));
				channel.send('done');
			}
			this.changed();
		});
	}

	/* @return the item, or null: not what a file begins with, or too large */
	announced(text) {
		try {
			const { name, size } = JSON.parse(text);

			if (typeof name !== 'string' || !Number.isInteger(size) || size < 0)
				return null;
			const item = this.add({ own: false, name: name.replace(/.*[/\\]/, '').slice(0, 100) || 'file', size, done: 0,
				state: size > FILE_BYTES ? 'too large' : 'coming' });

			return item.state === 'coming' ? item : null;
		} catch {
			return null;
		}
	}

	add(item) {
		this.items.push(item);
		while (this.items.length > ITEMS)
			this.items.shift();
		this.changed();
		return item;
	}

	/** What came stays, until the next call begins. */
	end() {
		this.chat = null;
		this.set('none');
	}

	forget() {
		for (const { url } of this.items)
			if (url)
				URL.revokeObjectURL(url);
		this.items = [];
	}

	set(state) {
		this.state = state;
		this.changed();
	}
}
