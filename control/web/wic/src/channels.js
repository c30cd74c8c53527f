/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channels of a call that both sides agree on in SDP (a=dcmap and a=dcsa of RFC 8864), which the browser knows nothing of: which
 * streams of SCTP they have, what our descriptions say of them, and what the other side's do. Each has a user, known by its subprotocol:
 *   subprotocol, label
 *   attributes()             a=dcsa of ours, in each description
 *   use(channel, said)       it has this channel from now on; said: of the other side, when it has offered it
 *   agreed(said)             the other side takes it
 *   refused()                it does not
 */
/* A line that is not refused: one of port 0 may have the transport of its group (RFC 9143 6). */
const LINE = /m=application (?:[1-9]|0(?=(?:(?!\r\nm=)[^])*\r\na=bundle-only))[^]*?(?=\r\nm=|(?:\r\n)?$)/;

/** The channels a description has. @return {Map} stream -> {subprotocol, said: Map of a=dcsa} */
export function channelsOf(sdp) {
	const [line = ''] = LINE.exec(sdp || '') || [];
	const channels = new Map();

	for (const [, stream, subprotocol] of line.matchAll(/^a=dcmap:(\d+) [^\r\n]*subprotocol="([^"]*)"/gmi))
		channels.set(Number(stream), { subprotocol: subprotocol.toLowerCase(), said: new Map() });
	for (const [, stream, name, value] of line.matchAll(/^a=dcsa:(\d+) ([^:\r\n]+):?([^\r\n]*)/gm))
		if (channels.has(Number(stream)))
			channels.get(Number(stream)).said.set(name, value.trim());
	return channels;
}

export class Channels {
	/** @param users those who take what the other side offers */
	constructor(...users) {
		this.users = users;
		this.connection = null;
		this.open = new Map();	/* stream -> {user, channel, isAgreed} */
	}

	listen(connection) {
		this.connection = connection;
	}

	/** One more, from the next description on. */
	add(user) {
		let stream = 0;

		while (this.open.has(stream))
			stream++;
		this.use(stream, user);
	}

	use(stream, user, said = null) {
		const channel = this.connection.createDataChannel(user.label, { negotiated: true, id: stream, protocol: user.subprotocol });
		const entry = { user, channel, isAgreed: Boolean(said) };

		this.open.set(stream, entry);
		channel.addEventListener('close', () => {	/* its stream may be another's */
			if (this.open.get(stream) === entry)
				this.open.delete(stream);
		});
		user.use(channel, said);
	}

	/** A description on its way out (its text may be changed) or in, as JsSIP tells of it. */
	describe(e) {
		if (e.originator === 'local')
			e.sdp = this.write(e.sdp);
		else if (e.type === 'answer')
			this.answered(channelsOf(e.sdp));
		else
			this.offered(channelsOf(e.sdp));
	}

	write(sdp) {
		const lines = [...this.open].flatMap(([stream, { user }]) => [
			`a=dcmap:${stream} subprotocol="${user.subprotocol}";label="${user.label}"`,
			...user.attributes().map((a) => `a=dcsa:${stream} ${a}`)]);

		return lines.length ? sdp.replace(LINE, (line) => [line, ...lines].join('\r\n')) : sdp;
	}

	answered(channels) {
		for (const [stream, entry] of this.open) {
			const { said = null, subprotocol } = channels.get(stream) || {};

			if (said && subprotocol === entry.user.subprotocol) {
				entry.isAgreed = true;
				entry.user.agreed(said);
			} else if (!entry.isAgreed) {
				this.drop(stream);
			}
		}
	}

	offered(channels) {
		for (const [stream, { subprotocol, said }] of channels) {
			const user = this.users.find((u) => u.subprotocol === subprotocol);
			const entry = this.open.get(stream);

			if (entry)
				entry.user.agreed(said);
			else if (user && user.isFree)
				this.use(stream, user, said);
		}
	}

	/** What was offered and not agreed on goes: refused, or the offer could not be made. */
	rollBack() {
		for (const [stream, { isAgreed }] of this.open)
			if (!isAgreed)
				this.drop(stream);
	}

	drop(stream) {
		const { user, channel } = this.open.get(stream);

		this.open.delete(stream);
		user.refused();
		channel.close();
	}
}
