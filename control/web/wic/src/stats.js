/* SPDX-License-Identifier: Apache-2.0 */
/* What RTCPeerConnection.getStats() says about one call, as one flat object; its video, where there is some, under video. */

function codecName(report, rtp) {
	const codec = rtp && report.get(rtp.codecId);

	return codec ? `${codec.mimeType.replace(/^\w+\//, '')}/${codec.clockRate}` : '';
}

function addressOf(candidate) {
	if (!candidate || !candidate.address)
		return '';
	return candidate.address.includes(':') ?
		`[${candidate.address}]:${candidate.port}` : `${candidate.address}:${candidate.port}`;
}

function size(rtp) {
	return rtp && rtp.frameWidth ? `${rtp.frameWidth}x${rtp.frameHeight}` : '';
}

function readVideo(report, { in: got, out: sent, far }) {
	const of = (rtp, name) => (rtp && rtp[name]) || 0;

	if (!got && !sent)
		return null;
	return {
		packetsIn: of(got, 'packetsReceived'), lostIn: of(got, 'packetsLost'),
		framesDecoded: of(got, 'framesDecoded'), keyFramesDecoded: of(got, 'keyFramesDecoded'),
		framesIn: of(got, 'framesPerSecond'), freezes: of(got, 'freezeCount'), sizeIn: size(got),
		plisSent: of(got, 'pliCount'), nacksSent: of(got, 'nackCount'), firsSent: of(got, 'firCount'),
		packetsOut: of(sent, 'packetsSent'), lostOut: of(far, 'packetsLost'),
		framesSent: of(sent, 'framesSent'), keyFramesSent: of(sent, 'keyFramesEncoded'),
		framesOut: of(sent, 'framesPerSecond'), sizeOut: size(sent),
		plisGot: of(sent, 'pliCount'), nacksGot: of(sent, 'nackCount'), firsGot: of(sent, 'firCount'),
		codecIn: codecName(report, got), codecOut: codecName(report, sent),
	};
}

export async function readStats(connection) {
	const report = await connection.getStats();
	const kinds = { audio: {}, video: {} };
	const one = kinds.audio;
	let transport, pair;

	report.forEach((s) => {
		const of = kinds[s.kind];

		if (s.type === 'inbound-rtp' && of)
			of.in = s;
		else if (s.type === 'outbound-rtp' && of)
			of.out = s;
		else if (s.type === 'remote-inbound-rtp' && of)
			of.far = s;
	});
	/* each line has a transport of its own: the figures are those of the sound */
	if (one.in || one.out)
		transport = report.get((one.in || one.out).transportId);
	if (transport && transport.selectedCandidatePairId)
		pair = report.get(transport.selectedCandidatePairId);
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
		dtls: transport ? transport.dtlsState : 'new',
		dtlsRole: transport && transport.dtlsRole ? transport.dtlsRole : '',
		srtpCipher: transport && transport.srtpCipher ? transport.srtpCipher : '',
		tlsVersion: transport && transport.tlsVersion ? transport.tlsVersion : '',
		local: pair ? addressOf(report.get(pair.localCandidateId)) : '',
		video: readVideo(report, kinds.video),
		remote: pair ? addressOf(report.get(pair.remoteCandidateId)) : '',
	};
}
