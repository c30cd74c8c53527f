/* SPDX-License-Identifier: Apache-2.0 */
/* What RTCPeerConnection.getStats() says about one audio call, as one flat object. */

function codecName(report, rtp) {
	const codec = rtp && report.get(rtp.codecId);

	return codec ? `${codec.mimeType.replace('audio/', '')}/${codec.clockRate}` : '';
}

function addressOf(candidate) {
	if (!candidate || !candidate.address)
		return '';
	return candidate.address.includes(':') ?
		`[${candidate.address}]:${candidate.port}` : `${candidate.address}:${candidate.port}`;
}

export async function readStats(connection) {
	const report = await connection.getStats();
	const one = {};
	let pair;

	report.forEach((s) => {
		if (s.type === 'inbound-rtp' && s.kind === 'audio')
			one.in = s;
		else if (s.type === 'outbound-rtp' && s.kind === 'audio')
			one.out = s;
		else if (s.type === 'remote-inbound-rtp' && s.kind === 'audio')
			one.far = s;
		else if (s.type === 'transport')
			one.transport = s;
	});
	if (one.transport && one.transport.selectedCandidatePairId)
		pair = report.get(one.transport.selectedCandidatePairId);
	return {
		packetsIn: one.in ? one.in.packetsReceived : 0,
		bytesIn: one.in ? one.in.bytesReceived : 0,
		lostIn: one.in ? one.in.packetsLost : 0,
		jitterInMs: one.in ? Math.round(one.in.jitter * 10000) / 10 : 0,
		concealedShare: one.in && one.in.totalSamplesReceived ?
			one.in.concealedSamples / one.in.totalSamplesReceived : 0,
		packetsOut: one.out ? one.out.packetsSent : 0,
		bytesOut: one.out ? one.out.bytesSent : 0,
		lostOut: one.far ? one.far.packetsLost : 0,
		jitterOutMs: one.far ? Math.round(one.far.jitter * 10000) / 10 : 0,
		roundTripMs: one.far && one.far.roundTripTime !== undefined ?
			Math.round(one.far.roundTripTime * 1000) : null,
		codecIn: codecName(report, one.in),
		codecOut: codecName(report, one.out),
		ice: connection.iceConnectionState,
		dtls: one.transport ? one.transport.dtlsState : 'new',
		dtlsRole: one.transport && one.transport.dtlsRole ? one.transport.dtlsRole : '',
		srtpCipher: one.transport && one.transport.srtpCipher ? one.transport.srtpCipher : '',
		tlsVersion: one.transport && one.transport.tlsVersion ? one.transport.tlsVersion : '',
		local: pair ? addressOf(report.get(pair.localCandidateId)) : '',
		remote: pair ? addressOf(report.get(pair.remoteCandidateId)) : '',
	};
}
