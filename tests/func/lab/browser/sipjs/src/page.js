/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A face for the programs of docs/w2.md that the lab's driver can use: the elements and the window.phone of the browser
 * phone, so that the same scenarios run with either library. Everything that is SIP is in the document.
 */
import { readStats } from '@wic/stats.js';
import { Listener } from '@wic/tone.js';

const AUDIBLE_DB = -55;
const $ = (id) => document.getElementById(id);

class Page extends EventTarget {
	constructor(api) {
		super();
		this.api = api;
		this.registration = { state: 'idle', code: 0 };
		this.transport = 'closed';
		this.current = { state: 'idle', media: 'none' };
	}

	state() {
		return { registration: { ...this.registration }, transport: this.transport, call: { ...this.current } };
	}

	changed(part, change) {
		Object.assign(part, change);
		this.dispatchEvent(new Event('change'));
	}

	/* ---- what the programs tell ------------------------------------------------------------------ */

	/* Of the newest client only: one that was replaced says nothing any more. */
	events() {
		const turn = this.turn = (this.turn || 0) + 1;
		const all = {
			transport: (isOpen) => {
				this.transport = isOpen ? 'open' : 'lost';
				this.changed(this.registration, {});
			},
			registration: (state, code) => this.changed(this.registration, { state, code }),
			incoming: (call, peer) => this.begin(call, 'in', peer, 'ringing'),
			call: (call, state, code) => {
				if (call !== this.call)
					return;
				const setupMs = state === 'active' ? this.since() : this.current.setupMs;

				this.changed(this.current, { state, code, setupMs });
				if (state === 'ended')
					this.end();
			},
			media: (call, connection) => {
				this.connection = connection;
				connection.addEventListener('track', (e) => this.listen(e));
				this.api.surviveNetworkChange(connection, () => this.api.restartIce(call));
			},
		};

		return Object.fromEntries(Object.entries(all).map(([name, tell]) =>
			[name, (...args) => (turn === this.turn ? tell(...args) : undefined)]));
	}

	begin(call, direction, peer, state) {
		this.call = call;
		this.began = performance.now();
		this.current = { direction, peer, media: 'none', code: 0, setupMs: null, mediaMs: null, ringMs: null };
		this.changed(this.current, { state });
	}

	since() {
		return Math.round(performance.now() - this.began);
	}

	listen(e) {
		const stream = e.streams[0] || new MediaStream([e.track]);

		$('far').srcObject = stream;
		this.hearing = new Listener(this.context, stream);
		this.changed(this.current, { media: 'waiting' });
		this.watch = setInterval(() => {
			if (this.hearing.level() < AUDIBLE_DB)
				return;
			clearInterval(this.watch);
			this.changed(this.current, { media: 'heard', mediaMs: this.since() });
		}, 20);
	}

	end() {
		clearInterval(this.watch);
		if (this.hearing)
			this.hearing.close();
		this.hearing = this.call = null;
		$('far').srcObject = null;
	}

	/* ---- what the driver asks -------------------------------------------------------------------- */

	async stats() {
		if (this.connection && this.connection.signalingState !== 'closed')
			this.lastStats = await readStats(this.connection);
		return this.lastStats;
	}

	/* Of the way the media takes now; another one after an ICE restart. */
	async ufrag() {
		const report = await this.connection.getStats();
		let found = '';

		report.forEach((s) => {
			const pair = s.type === 'transport' && report.get(s.selectedCandidatePairId);

			if (pair)
				found = report.get(pair.localCandidateId).usernameFragment;
		});
		return found;
	}

	toneLevel(hz) {
		return this.hearing ? this.hearing.tone(hz) : 0;
	}

	register() {
		const old = this.client;

		this.context ||= new AudioContext();
		this.client = this.api.connect({
			server: $('server').value, impu: $('impu').value, impi: $('impi').value, password: $('password').value,
			token: $('token').value,
		}, this.events());
		if (old)
			this.api.disconnect(old);
	}

	dial() {
		this.begin(null, 'out', $('target').value, 'calling');
		this.call = this.api.call(this.client, `sip:${$('target').value}@${$('impu').value.split('@')[1]}`);
	}

	setToken(token) { return this.api.setToken(this.client, token); }
	refresh() { return this.api.register(this.client); }
	hold(on) { return this.api.hold(this.call, on); }
	restartIce() { return this.api.restartIce(this.call); }
	dtmf(keys) {
		this.api.dtmf(this.call, keys);
		return true;
	}
}

export async function show(api) {
	const page = new Page(api);
	const config = await (await fetch('config.json')).json();

	$('register').onclick = () => page.register();
	$('leave').onclick = () => api.unregister(page.client);
	$('call').onclick = () => page.dial();
	$('answer').onclick = () => api.answer(page.call);
	$('decline').onclick = () => api.decline(page.call, 603);
	$('hangup').onclick = () => api.hangUp(page.call);
	window.phone = page;
	$('server').value = `wss://${location.host}${config.wsPath}`;
}
