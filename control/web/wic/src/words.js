/* SPDX-License-Identifier: Apache-2.0 */
/* What the page says to people: SIP's answers in plain words (the codes are in Events), texts that break well. */

const LOCAL_END = {
	Terminated: 'You hung up', Canceled: 'You hung up', Rejected: 'You declined', 'No Answer': 'Missed call',
};
const REMOTE_END = {
	Terminated: 'The other side hung up', Canceled: 'The caller hung up', Busy: 'Busy', Rejected: 'Declined',
	Unavailable: 'Not available', 'Not Found': 'No such name or number', 'Address Incomplete': 'The number is incomplete',
	'Incompatible SDP': 'The two phones have no codec in common',
	'SIP Failure Code': 'The network could not set up the call',
};
const CODE_END = { 403: 'The network does not allow this call', 408: 'No answer' };
const ANY_END = {
	'User Denied Media Access': 'No microphone: allow it and try again', 'Request Timeout': 'The network did not answer',
	'Connection Error': 'The connection was lost', 'RTP Timeout': 'The sound was lost', 'No Answer': 'No answer',
	'WebRTC Error': 'The browser could not set up the call',
};

export function withoutScheme(uri) {
	return uri.replace(/^(sips?|tel):/, '');
}

/** Nodes of a text that may break before an @ and behind _ and : rather than within a word. */
export function breakable(text) {
	const parts = text.match(/@?[^@_:]*[_:]*/g).filter(Boolean);

	return parts.flatMap((part, i) => (i ? [document.createElement('wbr'), part] : [part]));
}

/* RFC 3326: who ended the call for the user says why; a plain hang-up has no reason or one with a 200. */
function reasonText(header) {
	const text = /;\s*text="([^"]*)"/i.exec(header);
	const code = /;\s*cause=(\d+)/i.exec(header);

	if (/^\s*SIP/i.test(header) && code && code[1] === '200')
		return /elsewhere/i.test(header) ? 'Answered elsewhere' : '';
	return text && /^\s*SIP/i.test(header) ? text[1] : '';
}

/** @param call phone.state().call in state "ended" */
export function endOfCall({ cause, code, reason, originator }) {
	const why = reasonText(reason);

	if (originator === 'remote' && why && cause === 'Terminated')
		return `The network ended the call: ${why}`;
	if (originator === 'remote' && why && cause === 'Canceled')
		return why;
	return CODE_END[code] || (originator === 'local' ? LOCAL_END : REMOTE_END)[cause] || ANY_END[cause] ||
		(cause ? `Call ended: ${cause}` : 'Call ended');
}

/** @return '' when the registration was not refused */
export function refusal({ state, code, reason }, account) {
	if (state === 'replaced')
		return 'This phone was taken over by another tab. Sign in to use it here.';
	if (state !== 'refused')
		return '';
	if (!code)
		return `The identity or the address is ${reason}`;
	if ([401, 403, 404].includes(code))
		return account && account.token ? 'The network does not accept this sign-in' : 'Identity or password is wrong';
	return `The network cannot register you now: ${reason || code}`;
}

const DATA = {
	opening: 'Connecting', refused: 'The other side takes no messages', lost: 'The connection for messages was lost',
};

/** @param {string} state phone.state().call.data; '' when nothing is to be said */
export function dataState(state) {
	return DATA[state] || '';
}

const TEXT = {
	opening: 'Connecting', open: 'Each letter is sent as you type it', refused: 'The other side takes no text', lost: 'The connection for text was lost',
};

export function textState(state, hasGaps) {
	return `${TEXT[state] || ''}${hasGaps ? '. Where \ufffd stands, text was lost on its way' : ''}`;
}

function bytes(n) {
	return n < 10000 ? `${n} bytes` : n < 1e7 ? `${Math.round(n / 1000)} kB` : `${Math.round(n / 1e6)} MB`;
}

/** @param item a file of phone.data.items */
export function fileState({ size, done, state }) {
	if (state === 'failed')
		return 'not complete: the connection was lost';
	if (state === 'too large')
		return `${bytes(size)}: too large, not taken`;
	return state === 'done' ? bytes(size) : `${bytes(done)} of ${bytes(size)}`;
}

/** @param {{trouble}} video phone.state().call.video */
export function videoTrouble({ trouble }) {
	return { 'no camera': 'No camera, or it may not be used: the call goes on with sound',
		refused: 'The other side takes no picture: the call goes on with sound' }[trouble] || '';
}
