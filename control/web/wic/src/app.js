/* SPDX-License-Identifier: Apache-2.0 */
/* The face of the phone: shows what phone.js says, passes on what the user does. */
import { OAuth } from './oauth.js';
import { Phone } from './phone.js';
import { Plot } from './plot.js';
import { breakable, dataState, endOfCall, fileState, refusal, textState, videoTrouble, withoutScheme } from './words.js';

const $ = (id) => document.getElementById(id);
const KEYS = [['1', ''], ['2', 'ABC'], ['3', 'DEF'], ['4', 'GHI'], ['5', 'JKL'], ['6', 'MNO'], ['7', 'PQRS'],
	['8', 'TUV'], ['9', 'WXYZ'], ['*', ''], ['0', '+'], ['#', '']];
const REGISTRATION = {
	idle: ['', 'not registered'], connecting: ['busy', 'connecting'], registering: ['busy', 'registering'],
	registered: ['ok', 'registered'], refused: ['bad', 'refused'], lost: ['busy', 'reconnecting'],
	leaving: ['busy', 'signing out'], gone: ['', 'not registered'],
	replaced: ['', 'used elsewhere'],
};
const CALL = {
	starting: 'Preparing', calling: 'Calling', ringing: 'Ringing', answering: 'Answering', active: 'In call',
};
const LOG_LINES = 200;
const ENDED_SHOWN_MS = 2500;
const RENEWAL_MS = 30000;

const phone = new Phone($('far'));
const plot = new Plot($('plot'));
let endedTimer = 0;
let domain = '';
let offered = '';	/* the private identity that we proposed */
let oauth = null;
let signInError = '';
let hasVideo = false;	/* the gateway carries it */
let hasData = false;
let hasText = false;

/* ---- account ------------------------------------------------------------------------------------------ */

async function fillAccount() {
	let config = { wsPath: '/w2', domain: '', signIn: ['digest'] };

	try {
		config = { ...config, ...await (await fetch('config.json')).json() };
	} catch {
		note('config.json is not there: fill in the addresses yourself');
	}
	const scheme = location.protocol === 'http:' ? 'ws' : 'wss';
	const saved = JSON.parse(localStorage.getItem('w2gw.account') || '{}');

	$('server').value = `${scheme}://${location.host}${config.wsPath}`;
	domain = config.domain;
	hasVideo = Boolean(config.video && navigator.mediaDevices);
	hasData = Boolean(config.data);
	phone.carrier = config.data;
	hasText = Boolean(config.text);
	$('impu').value = saved.impu || '';
	$('impi').value = saved.impi || '';
	offered = privateIdentity();
	$('impu').placeholder = `sip:name@${config.domain || 'home1.example'}`;
	$('account-form').hidden = !config.signIn.includes('digest');
	$('sign-in').hidden = !config.signIn.includes('oauth');
	$('or-password').hidden = $('account-form').hidden || $('sign-in').hidden;
	if (config.signIn.includes('oauth'))
		await startOAuth(config.oauth);
}

/* ---- signing in at the authorization server ------------------------------------------------------------- */

function registerWithToken() {
	const { impu, impi, access } = oauth.tokens;

	phone.register({ server: $('server').value, impu, impi, token: access });
}

async function signIn(prompt) {
	signInError = '';
	try {
		await oauth.begin(prompt);
	} catch (e) {
		signInError = e.message;
		draw();
	}
}

async function startOAuth(config) {
	oauth = new OAuth(config);
	oauth.addEventListener('token', () => {
		note('fresh access token');
		phone.setToken(oauth.tokens.access);
	});
	oauth.addEventListener('end', () => {
		signInError = 'The sign-in has ended';
		phone.stop();
		phone.setRegistration('gone');
	});
	try {
		if (await oauth.finish())
			registerWithToken();
		else if (oauth.wasSignedIn)	/* the page was loaded again: the server may still know us */
			await oauth.begin('none');
	} catch (e) {
		signInError = e.message;
	}
}

let lastRenewal = -Infinity;

/* The network takes our token no more: perhaps a fresh one helps; if there is none the sign-in has ended. */
async function renewToken() {
	if (performance.now() - lastRenewal < RENEWAL_MS)
		return;
	lastRenewal = performance.now();
	if (await oauth.refresh())
		registerWithToken();
}

$('sign-in').addEventListener('click', () => signIn());

/* The core of the matter is over first: a token that is revoked could not de-register any more. */
phone.addEventListener('change', () => {
	const { state, code } = phone.state().registration;

	if (!oauth || !oauth.tokens || !phone.account || !phone.account.token)
		return;
	if (state === 'gone')
		oauth.signOut().catch((e) => note(`sign-out: ${e.message}`));
	else if (state === 'refused' && code === 401)
		renewToken();
});

/* "alice" is enough where the domain is known. */
function publicIdentity() {
	const impu = $('impu').value.trim();

	if (!impu || /^(sips?|tel):/.test(impu))
		return impu;
	return `sip:${impu}${domain && !impu.includes('@') ? `@${domain}` : ''}`;
}

function privateIdentity() {
	return publicIdentity().replace(/^sips?:/, '');
}

/*
 * The private identity is usually the public one without its scheme: offered while that is typed, until the user has
 * put another one there. Not when the field is left: by then autofill may already be writing into the next one.
 */
$('impu').addEventListener('input', () => {
	const untouched = ['', offered].includes($('impi').value);

	offered = privateIdentity();
	if (untouched)
		$('impi').value = offered;
});
$('impu').addEventListener('change', () => {
	$('impu').value = publicIdentity();
});

$('account-form').addEventListener('submit', (e) => {
	e.preventDefault();
	const account = {
		server: $('server').value.trim(), impu: $('impu').value.trim(), impi: $('impi').value.trim(),
		password: $('password').value,
	};

	localStorage.setItem('w2gw.account', JSON.stringify({ impu: account.impu, impi: account.impi }));
	phone.register(account);
});

$('leave').addEventListener('click', () => phone.unregister());

/* ---- dialling ------------------------------------------------------------------------------------------ */

function makePad(box, press) {
	for (const [key, letters] of KEYS) {
		const button = document.createElement('button');
		const small = document.createElement('small');

		button.type = 'button';
		button.textContent = key;
		button.setAttribute('aria-label', key === '*' ? 'star' : key === '#' ? 'hash' : key);
		small.textContent = letters;
		button.append(small);
		button.addEventListener('click', () => press(key));
		box.append(button);
	}
}

makePad($('pad'), (key) => {
	$('target').value += key;
});
makePad($('incall-pad'), (key) => phone.dtmf(key));

$('erase').addEventListener('click', () => {
	$('target').value = $('target').value.slice(0, -1);
});
function dial(options) {
	const target = $('target').value.trim();

	if (target)
		phone.call(target, options);
	else
		$('target').focus();
}

$('dial-form').addEventListener('submit', (e) => {
	e.preventDefault();
	dial({});
});
$('call-video').addEventListener('click', () => dial({ video: true }));
$('answer-video').addEventListener('click', () => phone.answer({ video: true }));
$('camera').addEventListener('click', async () => {
	$('camera').disabled = true;	/* one re-INVITE at a time */
	await phone.camera(!phone.state().call.video.own);
	$('camera').disabled = false;
	draw();
});
$('talk-open').addEventListener('click', async () => {
	$('talk-open').disabled = true;	/* one re-INVITE at a time */
	await phone.openData();
	draw();
	$('talk-text').focus();
});
$('talk-form').addEventListener('submit', (e) => {
	e.preventDefault();
	if (phone.data.say($('talk-text').value.trim()))
		$('talk-text').value = '';
});
$('talk-file').addEventListener('change', () => {
	for (const file of $('talk-file').files)
		phone.data.send(file);
	$('talk-file').value = '';
});
$('rtt-open').addEventListener('click', async () => {
	$('rtt-open').disabled = true;	/* one re-INVITE at a time */
	await phone.openText();
	draw();
	$('rtt-own').focus();
});
$('rtt-own').addEventListener('input', () => phone.text.type($('rtt-own').value));
$('answer').addEventListener('click', () => phone.answer());
$('decline').addEventListener('click', () => phone.hangup(603));
$('hangup').addEventListener('click', () => phone.hangup());
$('mute').addEventListener('click', () => phone.mute(!phone.state().call.muted));
$('hold').addEventListener('click', () => phone.hold(!phone.state().call.held));
document.addEventListener('pointerdown', () => phone.wakeAudio());
document.addEventListener('keydown', (e) => {
	if (phone.state().call.state === 'active' && !e.target.closest('input, textarea') && /^[0-9*#]$/.test(e.key))
		phone.dtmf(e.key);
});

/* ---- drawing ------------------------------------------------------------------------------------------- */

function setStep(id, name, ok, bad) {
	const step = $(id);

	step.className = ok ? 'ok' : bad ? 'bad' : 'busy';
	step.setAttribute('aria-label', `${step.textContent}: ${name || 'waiting'}`);
}

function show(element, stream) {
	if (element.srcObject !== stream)
		element.srcObject = stream;
	element.hidden = !stream;
}

/* A picture takes the room of the keypad; that can be opened again. */
function drawPictures(call) {
	const { own, far } = phone.pictures();
	const seen = call.state === 'active' && (call.video.own || call.video.far);
	const wasSeen = !$('pictures').hidden;

	show($('far-picture'), seen && call.video.far ? far : null);
	show($('own-picture'), seen ? own : null);
	$('no-far-picture').hidden = call.video.far;
	$('pictures').hidden = !seen;
	document.querySelector('main').classList.toggle('seeing', seen);
	if (seen !== wasSeen)
		$('keypad').open = !seen;
	$('video-note').textContent = videoTrouble(call.video);
	$('video-note').hidden = !$('video-note').textContent;
	$('camera').hidden = !hasVideo || call.state !== 'active';
	$('camera').disabled = call.held || call.heldByPeer;
	$('camera').setAttribute('aria-pressed', String(call.video.own));
}

/* Drawn anew only where something has changed: a screen reader is told of what is added. */
function drawItem(line, item) {
	const link = item.url ? document.createElement('a') : null;

	line.className = item.own ? 'own' : '';
	if (item.text !== undefined) {
		line.textContent = item.text;
		return;
	}
	if (link) {
		link.href = item.url;
		link.download = item.name;
		link.textContent = `Save ${item.name}`;
	}
	line.replaceChildren(link || item.name, document.createElement('br'), fileState(item));
	if (['going', 'coming'].includes(item.state)) {
		const bar = document.createElement('progress');

		bar.max = item.size || 1;
		bar.value = item.done;
		bar.setAttribute('aria-label', item.name);
		line.append(bar);
	}
}

function drawData(call) {
	const { items } = phone.data;
	const list = $('messages');
	const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;

	$('talk').hidden = !(call.state === 'active' && (hasData || call.data !== 'none'));
	$('talk-state').textContent = dataState(call.data);
	$('talk-open').hidden = !hasData || ['opening', 'open'].includes(call.data);
	$('talk-open').disabled = call.held || call.heldByPeer;
	$('talk-form').hidden = call.data !== 'open';
	while (list.childElementCount > items.length)
		list.firstChild.remove();
	for (let i = list.childElementCount; i < items.length; i++)
		list.append(document.createElement('li'));
	items.forEach((item, i) => {
		const line = list.children[i];
		const look = JSON.stringify(item);

		if (line.dataset.look !== look)
			drawItem(line, item);
		line.dataset.look = look;
	});
	if (items.length && isAtEnd)
		list.scrollTop = list.scrollHeight;
	if (items.length !== drawData.seen && items.length && !items[items.length - 1].own)
		$('talk').open = true;
	drawData.seen = items.length;
}

function drawText(call) {
	const { text } = phone;
	const far = $('rtt-far');
	const isOpen = call.text === 'open';

	$('rtt').hidden = !(call.state === 'active' && (hasText || call.text !== 'none'));
	$('rtt-state').textContent = textState(call.text, text.hasGaps);
	$('rtt-open').hidden = !hasText || ['opening', 'open'].includes(call.text);
	$('rtt-open').disabled = call.held || call.heldByPeer;
	$('rtt-box').hidden = !(isOpen || text.own || text.far);
	$('rtt-own').disabled = !isOpen;
	if (far.textContent !== text.far) {
		far.textContent = text.far;
		far.scrollTop = far.scrollHeight;
	}
	if (isOpen && drawText.was !== 'open')
		$('rtt').open = true;
	if (call.state === 'starting')
		$('rtt-own').value = '';
	drawText.was = call.text;
}

function drawCall(call) {
	const incoming = call.direction === 'in' && call.state === 'ringing';
	const ended = call.state === 'ended';
	const active = call.state === 'active';
	const held = call.held ? 'On hold' : call.heldByPeer ? 'The other side holds the call' : '';

	$('call-state').textContent = incoming ? call.video.offered ? 'Incoming video call' : 'Incoming call' : ended ? endOfCall(call) : held || CALL[call.state] || '';
	$('peer').replaceChildren(...breakable(call.peerName || withoutScheme(call.peer)));
	$('answer').hidden = $('decline').hidden = !incoming;
	$('answer-video').hidden = !(incoming && hasVideo && call.video.offered);
	$('answer-text').textContent = $('answer-video').hidden ? 'Answer' : 'Sound only';
	$('hangup').hidden = incoming || ended;
	$('mute').hidden = $('hold').hidden = $('keypad').hidden = !active;
	$('mute').setAttribute('aria-pressed', String(call.muted));
	$('hold').setAttribute('aria-pressed', String(call.held));
	$('steps').hidden = incoming || ended;
	setStep('step-ice', call.ice, ['connected', 'completed'].includes(call.ice), call.ice === 'failed');
	setStep('step-dtls', call.dtls, call.dtls === 'connected', call.dtls === 'failed');
	setStep('step-media', call.media, call.media === 'heard', false);
}

function draw() {
	const { registration, call } = phone.state();
	const [look, text] = REGISTRATION[registration.state];
	const inCall = !['idle', 'ended'].includes(call.state) || endedTimer;
	const signedOut = ['idle', 'refused', 'gone', 'replaced'].includes(registration.state);

	$('registration').className = `chip ${look}`;
	$('registration-text').textContent = text;
	const error = signInError ? `Not signed in: ${signInError}` : refusal(registration, phone.account);

	$('account-error').hidden = !error;
	$('account-error').textContent = error;
	$('account').hidden = inCall || !(signedOut || ['connecting', 'registering'].includes(registration.state) &&
		!draw.wasRegistered);
	$('register').disabled = $('sign-in').disabled = ['connecting', 'registering'].includes(registration.state);
	if (registration.state === 'registered')
		draw.wasRegistered = true;
	if (signedOut)
		draw.wasRegistered = false;
	$('dialer').hidden = inCall || !$('account').hidden;
	$('call-video').hidden = !hasVideo;
	$('call').disabled = $('call-video').disabled = registration.state !== 'registered';
	$('incall').hidden = !inCall;
	$('me').replaceChildren(...breakable(phone.account ? withoutScheme(phone.account.impu) : ''));
	drawPictures(call);
	drawData(call);
	drawText(call);
	if (inCall)
		drawCall(call);
}

function note(text) {
	const line = document.createElement('li');
	const time = document.createElement('time');

	time.textContent = new Date().toISOString().slice(11, 23);
	line.append(time, text);
	$('log').prepend(line);
	while ($('log').childElementCount > LOG_LINES)
		$('log').lastChild.remove();
}

function drawFigures(s) {
	const { call } = phone.state();
	const ms = (v) => (v === null || v === undefined ? '–' : `${v} ms`);
	const rows = [
		['Answered after', ms(call.setupMs)], ['First sound after', ms(call.mediaMs)],
		['Packets in', s.packetsIn], ['Packets out', s.packetsOut],
		['Lost in / out', `${s.lostIn} / ${s.lostOut}`],
		['Jitter in / out', `${s.jitterInMs} / ${s.jitterOutMs} ms`], ['Round trip', ms(s.roundTripMs)],
		['Codec in / out', `${s.codecIn || '–'} / ${s.codecOut || '–'}`], ['Cipher', s.srtpCipher || '–'],
		['Gateway', s.remote || '–'],
	];

	const v = s.video;

	if (v)
		rows.push(['Picture in / out', `${v.sizeIn || '–'} / ${v.sizeOut || '–'}`],
			['Frames a second', `${v.framesIn} / ${v.framesOut}`],
			['Video codec', `${v.codecIn || '–'} / ${v.codecOut || '–'}`], ['Video lost', `${v.lostIn} / ${v.lostOut}`],
			['Key frames', `${v.keyFramesDecoded} / ${v.keyFramesSent}`],
			['Asked again', `${v.nacksSent + v.plisSent} / ${v.nacksGot + v.plisGot}`]);
	$('figures').replaceChildren(...rows.map(([name, value]) => {
		const box = document.createElement('div');
		const dt = document.createElement('dt');
		const dd = document.createElement('dd');

		dt.textContent = name;
		dd.append(...breakable(String(value)));
		box.append(dt, dd);
		return box;
	}));
}

const wide = matchMedia('(min-width: 48rem)');

/* On a small screen the figures are in the way of who only wants to dial; the user may still open them. */
function foldMedia(inCall) {
	$('media-box').open = inCall || wide.matches;
}

wide.addEventListener('change', () => foldMedia(!['idle', 'ended'].includes(phone.state().call.state)));

let ringing = null;

/* Two short tones every two seconds while somebody calls; silent where sound is not allowed yet. */
function ring(on) {
	const context = phone.context;

	if (!on || !context) {
		clearInterval(ringing);
		ringing = null;
		return;
	}
	if (ringing)
		return;
	const burst = () => {
		for (const hz of [440, 480]) {
			const tone = context.createOscillator();
			const gain = context.createGain();

			tone.frequency.value = hz;
			gain.gain.value = 0.05;
			tone.connect(gain).connect(context.destination);
			tone.start();
			tone.stop(context.currentTime + 0.8);
		}
	};

	burst();
	ringing = setInterval(burst, 2000);
}

let lastState = 'idle';

phone.addEventListener('change', () => {
	const { call } = phone.state();

	if (call.state !== lastState) {
		if (call.state === 'ended') {
			clearTimeout(endedTimer);
			endedTimer = setTimeout(() => {
				endedTimer = 0;
				foldMedia(false);
				draw();
			}, ENDED_SHOWN_MS);
		} else if (call.state === 'starting') {
			clearTimeout(endedTimer);
			endedTimer = 0;
			plot.reset();
			foldMedia(true);
		}
		ring(call.direction === 'in' && call.state === 'ringing');
		lastState = call.state;
	}
	draw();
});
phone.addEventListener('log', (e) => note(e.detail));

setInterval(() => {
	const { in: heard, out: spoken } = phone.levels();

	$('level-in').value = heard;
	$('level-out').value = spoken;
}, 100);

setInterval(async () => {
	const { call } = phone.state();

	if (call.state === 'active') {
		const seconds = Math.floor((Date.now() - call.answeredAt) / 1000);
		const stats = await phone.stats();

		$('clock').textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
		if (stats) {
			plot.add(stats);
			drawFigures(stats);
		}
	} else {
		$('clock').textContent = '';
	}
}, 1000);

drawFigures({
	packetsIn: 0, packetsOut: 0, lostIn: 0, lostOut: 0, jitterInMs: 0, jitterOutMs: 0, roundTripMs: null,
});
foldMedia(false);
window.phone = phone;
fillAccount().then(draw);
