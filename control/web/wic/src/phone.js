/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phone without its face: registration and one call at a time on JsSIP, media facts, events.
 * The page draws it; scripts drive it as window.phone.
 */
import JsSIP from 'jssip';

import { Channels } from './channels.js';
import { Data } from './data.js';
import { Msrp } from './msrp.js';
import { Recovery } from './recovery.js';
import { readStats } from './stats.js';
import { Text } from './text.js';
import { Listener } from './tone.js';
import { Video, offersVideo } from './video.js';

const AUDIBLE_DB = -55;
const WATCH_MS = 20;
const PICTURE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 24, max: 30 } };

/* RFC 5626 4.1: the instance outlives the page, so a reload replaces its own binding; each tab is its own phone. */
function instanceId() {
	const key = 'w2gw.instance';
	let id = sessionStorage.getItem(key);

	if (!id) {
		id = crypto.randomUUID();
		sessionStorage.setItem(key, id);
	}
	return id;
}

/* The camera is ours to open: where there is none, the call goes on without. */
const SOUND = { mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } };

function idleCall() {
	return {
		state: 'idle', direction: '', peer: '', peerName: '', muted: false, held: false,
		heldByPeer: false, cause: '', code: 0, reason: '', originator: '',
		ice: '', dtls: '', media: 'none', setupMs: null, mediaMs: null, ringMs: null,
		startedAt: 0, answeredAt: 0,
		data: 'none', text: 'none',
		video: { offered: false, own: false, far: false, trouble: '' },	/* trouble: 'no camera', 'refused' */
	};
}

export class Phone extends EventTarget {
	/** @param {HTMLAudioElement} audio plays the far end */
	constructor(audio) {
		super();
		this.audio = audio;
		this.ua = null;
		this.session = null;
		this.account = null;
		this.registration = { state: 'idle', code: 0, reason: '' };
		this.transport = 'closed';
		this.current = idleCall();
		this.lastStats = null;
		this.picture = PICTURE;
		this.video = new Video(PICTURE);
		this.carrier = null;	/* of messages and files: 'relay', 'msrp' */
		this.makeData();
	}

	/* By what the node carries (config.json). */
	makeData() {
		const changed = () => this.followData();

		this.data = this.carrier === 'msrp' ? new Msrp(changed) : new Data(changed);
		this.text = new Text(() => this.followText());
		this.channels = new Channels(this.text, ...(this.carrier === 'msrp' ? [this.data] : []));
	}

	/* ---- what others may ask --------------------------------------------------------------------- */

	state() {
		return {
			registration: { ...this.registration }, transport: this.transport,
			call: { ...this.current },
		};
	}

	async stats() {
		const connection = this.session && this.session.connection;

		if (connection && connection.signalingState !== 'closed')
			this.lastStats = await readStats(connection);
		return this.lastStats;
	}

	/** MediaStreams to show, null where there is none. */
	pictures() {
		return { own: this.video.own, far: this.video.far };
	}

	/** Share (0..1) of hz in what is heard ('in') or spoken ('out'). */
	toneLevel(hz, direction = 'in') {
		const listener = direction === 'in' ? this.hearing : this.speaking;

		return listener ? listener.tone(hz) : 0;
	}

	/** dBFS, -100 is silence. */
	levels() {
		return {
			in: this.hearing ? this.hearing.level() : -100,
			out: this.speaking && !this.current.muted ? this.speaking.level() : -100,
		};
	}

	/* ---- registration ---------------------------------------------------------------------------- */

	/**
	 * @param {{server, impu, impi, password, token, name, expires}} account
	 * With a token (scenarios 2 and 3) every request carries it (RFC 8898); without, SIP digest (scenario 1).
	 */
	register(account) {
		this.stop();
		this.wakeAudio();
		this.account = account;
		this.setRegistration('connecting');
		try {
			this.ua = new JsSIP.UA({
				sockets: [new JsSIP.WebSocketInterface(account.server)],
				uri: account.impu,
				...(account.token ? { authorization_jwt: `Bearer ${account.token}` } :
					{ authorization_user: account.impi, password: account.password }),
				display_name: account.name || undefined,
				register: true,
				register_expires: account.expires || 600,
				instance_id: instanceId(),
				connection_recovery_min_interval: 1,
				connection_recovery_max_interval: 8,
				no_answer_timeout: 90,
				user_agent: 'w2gw-wic',
			});
		} catch (e) {
			this.setRegistration('refused', 0, `not usable: ${e.message}`);
			return;
		}
		this.listenToAgent(this.ua);
		this.ua.start();
	}

	/** Sends a REGISTER before its time: proves that the binding still works. */
	refresh() {
		if (this.ua)
			this.ua.register();
	}

	/** A fresh token: goes into everything sent from now on, and the registration is renewed with it. */
	setToken(token) {
		if (!this.ua)
			return;
		this.account.token = token;
		this.ua.set('authorization_jwt', `Bearer ${token}`);
		if (this.registration.state === 'registered')
			this.ua.register();
	}

	unregister() {
		if (!this.ua)
			return;
		this.setRegistration('leaving');
		this.ua.unregister();
	}

	stop() {
		const ua = this.ua;

		this.ua = null;
		if (ua)
			ua.stop();
		this.transport = 'closed';
	}

	listenToAgent(ua) {
		const on = (name, f) => ua.on(name, (e) => {
			if (this.ua === ua)	/* events of a user agent that was replaced say nothing */
				f(e);
		});

		on('connecting', () => this.setTransport('connecting'));
		on('connected', () => {
			this.setTransport('open');
			this.setRegistration('registering');
		});
		on('disconnected', (e) => {
			this.setTransport('lost', e.reason || '');
			if (e.code === 1000 && e.reason === 'replaced') {	/* to come back would throw the other out in turn */
				this.stop();
				ua.transport.disconnect();	/* stop() leaves it a while to end its calls: it would reconnect */
				this.setRegistration('replaced');
				return;
			}
			if (!['refused', 'gone'].includes(this.registration.state))
				this.setRegistration('lost', e.code || 0, e.reason || 'connection lost');
		});
		on('registered', () => this.setRegistration('registered', 200));
		on('unregistered', (e) => {
			if (this.registration.state !== 'lost' && e && e.response)
				this.setRegistration('gone');
		});
		on('registrationFailed', (e) => {
			const r = e.response;

			if (r)
				this.setRegistration('refused', r.status_code, r.reason_phrase);
			else
				this.setRegistration('lost', 0, e.cause || '');
		});
		on('newRTCSession', (e) => {
			if (e.originator === 'remote')
				this.incoming(e.session, e.request);
		});
	}

	/* ---- calls ----------------------------------------------------------------------------------- */

	/** @return {Promise<boolean>} it is on its way; without a camera as a call of sound only */
	async call(target, { video = false, data = false, text = false, audio = true } = {}) {
		if (!this.ua || this.isBusy())
			return false;
		this.wakeAudio();
		this.begin('out', target, '');
		if (video && !await this.openCamera())
			return false;
		try {
			this.session = this.ua.call(target, { ...SOUND, mediaConstraints: { audio, video: false } });
		} catch (e) {
			this.video.end();
			this.setCall({ state: 'ended', cause: `cannot call: ${e.message}` });
			return false;
		}
		this.listenToSession(this.session);
		this.session.on('connecting', () => {
			this.video.send(this.session.connection);
			if (data)
				this.addData();
			if (text)
				this.channels.add(this.text);
		});
		return true;
	}

	/* A call that waits for its camera has no session yet. */
	isBusy() {
		return Boolean(this.session) || this.current.state === 'starting';
	}

	/* @return {Promise<boolean>} the call is still wanted */
	async openCamera() {
		const { video } = this;

		if (!await video.open() && !video.isOver)
			this.setVideo({ trouble: 'no camera' });
		return !video.isOver;
	}

	incoming(session, request) {
		const from = session.remote_identity;

		if (this.isBusy()) {
			session.terminate({ status_code: 486 });
			return;
		}
		this.session = session;
		this.begin('in', from.uri.toString(), from.display_name || '');
		this.setVideo({ offered: offersVideo(request.body) });
		this.listenToSession(session);
		this.setCall({ state: 'ringing' });
	}

	/** With video: the offered line is taken, and our camera sent where there is one; without: it is refused. */
	async answer({ video = false, audio = true } = {}) {
		const { session } = this;

		if (!session || this.current.direction !== 'in' || this.current.state !== 'ringing')
			return;
		this.wakeAudio();
		this.clock = performance.now();
		this.setCall({ state: 'answering' });
		if (video && this.current.video.offered && !await this.openCamera())
			return;
		session.on('connecting', () => {
			if (video)
				this.video.send(session.connection);
			else
				this.video.refuse(session.connection);
		});
		session.answer({ ...SOUND, mediaConstraints: { audio, video: false } });
	}

	/** Ends, cancels or declines, whatever the call's state asks for. */
	hangup(code) {
		if (this.session) {
			this.session.terminate(code ? { status_code: code } : undefined);
		} else if (this.current.state === 'starting') {
			this.video.end();
			this.setCall({ state: 'ended', cause: 'Canceled', originator: 'local' });
		}
	}

	mute(on) {
		if (!this.session)
			return;
		if (on)
			this.session.mute({ audio: true });
		else
			this.session.unmute({ audio: true });
		this.setCall({ muted: on });
	}

	/** A re-INVITE (RFC 3264 8.4); the page shows it once the session says so. @return {boolean} it is on its way */
	hold(on) {
		if (!this.session)
			return false;
		return on ? this.session.hold() : this.session.unhold();
	}

	/** Our picture joins the call or leaves it, by a re-INVITE. @return {Promise<boolean>} it did */
	async camera(on) {
		const { session, video } = this;

		if (!session || this.current.state !== 'active' || !session.isReadyToReOffer())
			return false;
		this.setVideo({ trouble: '' });
		if (!on)
			video.close();
		else if (!await this.openCamera() || !video.own)
			return false;
		video.send(session.connection);
		return this.renegotiate(session, () => {
			this.video.close();
			this.video.send(session.connection);
			this.setVideo({ ...this.video.follow(session.connection), trouble: 'refused' });
		});
	}

	/** A data line joins the call, by a re-INVITE. @return {Promise<boolean>} it was answered */
	async openData() {
		const { session, data } = this;

		if (!session || this.current.state !== 'active' || ['opening', 'open'].includes(data.state) ||
			!session.isReadyToReOffer())
			return false;
		this.addData();
		if (this.carrier !== 'msrp' && session.connection.sctp && session.connection.sctp.state === 'connected')
			return true;	/* the line is there: a channel more */
		return this.renegotiate(session, () => (this.carrier === 'msrp' ? this.channels.rollBack() : data.refused()));
	}

	/* Before an offer: it gets a data line, or a channel of it. */
	addData() {
		if (this.carrier === 'msrp')
			this.channels.add(this.data);
		else
			this.data.open();
	}

	/** Text joins the call, by a re-INVITE. @return {Promise<boolean>} it was answered */
	async openText() {
		const { session, text } = this;

		if (!session || this.current.state !== 'active' || ['opening', 'open'].includes(text.state) || !session.isReadyToReOffer())
			return false;
		this.channels.add(text);
		return this.renegotiate(session, () => this.channels.rollBack());
	}

	followText() {
		if (this.current.text !== this.text.state)
			this.setCall({ text: this.text.state });
		else
			this.changed();
	}

	followData() {
		if (this.current.data !== this.data.state)
			this.setCall({ data: this.data.state });
		else
			this.changed();
	}

	/* JsSIP ends a call whose re-INVITE was refused. It goes on as it was (RFC 3261 14.1): only this wish is dropped. */
	renegotiate(session, undo, options = {}) {
		const { terminate } = session;

		return new Promise((resolve) => {
			const done = (ok) => {
				session.terminate = terminate;
				resolve(ok);
			};

			session.terminate = async (options) => {
				if (!options || options.cause !== JsSIP.C.causes.WEBRTC_ERROR) {
					done(false);
					terminate.call(session, options);
					return;
				}
				const { connection } = session;

				if (connection.signalingState === 'have-local-offer')
					await connection.setLocalDescription({ type: 'rollback' });
				undo();
				done(false);
			};
			if (!session.renegotiate(options, () => done(true)))
				done(false);
		});
	}

	/** New candidates and credentials on the old call. @return {boolean} it has begun */
	restartIce() {
		const { session } = this;

		if (!session || this.current.state !== 'active' || this.transport !== 'open' || !session.isReadyToReOffer())
			return false;
		this.log('ICE restart');
		this.renegotiate(session, () => {}, { rtcOfferConstraints: { iceRestart: true } });
		return true;
	}

	/** RFC 4733 events in the media, not SIP INFO. */
	dtmf(keys) {
		const connection = this.session && this.session.connection;
		const sender = connection && connection.getSenders().find((s) => s.dtmf);

		if (!sender || !sender.dtmf.canInsertDTMF)
			return false;
		sender.dtmf.insertDTMF(keys, 120, 70);
		this.log(`sent ${keys}`);
		return true;
	}

	begin(direction, peer, peerName) {
		this.clock = performance.now();
		this.current = {
			...idleCall(), state: 'starting', direction, peer, peerName, startedAt: Date.now(),
		};
		this.video = new Video(this.picture);
		this.data.forget();
		this.makeData();
		this.lastStats = null;
		this.heard = false;
		this.changed();
	}

	listenToSession(session) {
		const since = () => Math.round(performance.now() - this.clock);

		session.on('sending', () => {
			this.clock = performance.now();	/* the INVITE leaves now: set-up times start here */
			this.setCall({ state: 'calling' });
		});
		session.on('sdp', (e) => this.channels.describe(e));
		session.on('peerconnection', (e) => this.listenToConnection(e.peerconnection));
		session.on('progress', (e) => {
			if (e.originator === 'remote' && this.current.direction === 'out')
				this.setCall({ state: 'ringing', ringMs: this.current.ringMs || since() });
		});
		session.on('accepted', () => this.setCall({
			state: 'active', setupMs: since(), answeredAt: Date.now(),
		}));
		for (const on of [true, false])
			session.on(on ? 'hold' : 'unhold', (e) => {
				this.log(`${e.originator} ${on ? 'hold' : 'resume'}`);
				this.setCall(e.originator === 'local' ? { held: on } : { heldByPeer: on });
			});
		session.on('ended', (e) => this.end(session, e));
		session.on('failed', (e) => this.end(session, e));
		session.on('getusermediafailed', () => this.log('no microphone: allow it and try again'));
		if (session.connection)
			this.listenToConnection(session.connection);
	}

	listenToConnection(connection) {
		this.data.listen(connection);
		this.channels.listen(connection);
		this.recovery = new Recovery(connection, () => this.restartIce());
		const states = () => this.setCall({
			ice: connection.iceConnectionState, dtls: this.dtlsState(connection),
		});

		connection.addEventListener('iceconnectionstatechange', states);
		connection.addEventListener('connectionstatechange', states);
		connection.addEventListener('signalingstatechange', () => {
			const transport = this.dtlsTransport(connection);

			if (transport && transport !== this.watchedTransport) {
				this.watchedTransport = transport;
				transport.addEventListener('statechange', states);
			}
			this.listenToMicrophone(connection);
			if (connection.signalingState === 'stable')
				this.negotiated(connection);
		});
		connection.addEventListener('track', (e) => {
			if (e.track.kind !== 'audio')
				return;
			const stream = e.streams[0] || new MediaStream([e.track]);

			this.audio.srcObject = stream;
			this.audio.play().catch(() => this.log('tap anywhere to hear the call'));
			if (this.hearing)	/* the track of a call that was on hold comes anew */
				this.hearing.close();
			this.hearing = new Listener(this.context, stream);
			if (this.current.mediaMs === null)
				this.watchMedia();
		});
	}

	negotiated(connection) {
		const before = this.video.own;
		const now = this.video.follow(connection);

		this.data.follow();
		this.setVideo(before && !now.own ? { ...now, trouble: 'refused' } : now);
	}

	dtlsTransport(connection) {
		const sender = connection.getSenders()[0];

		return sender ? sender.transport : null;
	}

	dtlsState(connection) {
		const transport = this.dtlsTransport(connection);

		return transport ? transport.state : '';
	}

	listenToMicrophone(connection) {
		const sender = connection.getSenders().find((s) => s.track && s.track.kind === 'audio');

		if (sender && !this.speaking)
			this.speaking = new Listener(this.context, new MediaStream([sender.track]));
	}

	/* Looks often until the first sound is there, because its time is one of the figures we report. */
	watchMedia() {
		clearInterval(this.watch);
		this.watch = setInterval(() => {
			const audible = this.hearing && this.hearing.level() > AUDIBLE_DB;

			if (!audible)
				return;
			clearInterval(this.watch);
			this.setCall({ media: 'heard', mediaMs: Math.round(performance.now() - this.clock) });
		}, WATCH_MS);
		this.setCall({ media: 'waiting' });
	}

	end(session, e) {
		const m = e.message;
		const reason = m && m.getHeader ? m.getHeader('Reason') || '' : '';

		if (session !== this.session)
			return;
		clearInterval(this.watch);
		for (const listener of [this.hearing, this.speaking])
			if (listener)
				listener.close();
		this.hearing = this.speaking = this.watchedTransport = null;
		this.session = null;
		this.audio.srcObject = null;
		if (this.recovery)
			this.recovery.end();
		this.video.end();
		this.data.end();
		this.text.end();
		this.setCall({
			state: 'ended', cause: e.cause || '', code: m && m.status_code ? m.status_code : 0, reason,
			originator: e.originator || '', media: 'none', muted: false, held: false, heldByPeer: false,
			video: idleCall().video,
		});
	}

	/* ---- small things ---------------------------------------------------------------------------- */

	/* Browsers let sound out only after a touch of the user: every entry point calls this. */
	wakeAudio() {
		if (!this.context)
			this.context = new AudioContext({ latencyHint: 'interactive' });
		if (this.context.state === 'suspended')
			this.context.resume();
	}

	setTransport(state, detail = '') {
		this.transport = state;
		this.log(`WebSocket ${state}${detail ? `: ${detail}` : ''}`);
		this.changed();
	}

	setRegistration(state, code = 0, reason = '') {
		this.registration = { state, code, reason };
		this.log(`registration ${state}${code ? ` ${code}` : ''} ${reason}`.trim());
		this.changed();
	}

	setCall(change) {
		const before = this.current.state;

		Object.assign(this.current, change);
		if (this.current.state !== before)
			this.log(['call', this.current.state, this.current.originator, this.current.code || '', this.current.cause,
				this.current.reason].filter(Boolean).join(' '));
		this.changed();
	}

	setVideo(change) {
		this.setCall({ video: { ...this.current.video, ...change } });
	}

	log(text) {
		this.dispatchEvent(new CustomEvent('log', { detail: text }));
	}

	changed() {
		this.dispatchEvent(new Event('change'));
	}
}
