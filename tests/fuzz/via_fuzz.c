/* SPDX-License-Identifier: Apache-2.0 */
/* Via and CSeq: slices stay inside the text, and the transaction key fits. */
#include <stdlib.h>

#include "proto/sip/txn.h"
#include "tests/fuzz/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_sv all = gw_sv(data, size), key;
	char room[SIP_TXN_KEY_BYTES];
	struct sip_msg m = { .is_request = true, .method = SIP_INVITE, .method_name = GW_SV("INVITE") };
	struct sip_cseq c;
	struct sip_rack r;

	if (sip_cseq_parse(all, &c) == GW_OK) {
		inside(all, c.method_name);
		if (c.number > INT32_MAX || c.method_name.len == 0)
			abort();
	}
	if (sip_rack_parse(all, &r) == GW_OK) {
		inside(all, r.cseq.method_name);
		if (r.rseq == 0)
			abort();
	}
	if (sip_via_parse(all, &m.via))
		return 0;
	inside(all, m.via.transport);
	inside(all, m.via.host);
	inside(all, m.via.branch);
	inside(all, m.via.received);
	if (m.via.host.len == 0 || m.via.transport.len == 0)
		abort();
	key = sip_txn_key(&m, true, room);
	if (key.len == 0 || key.len > sizeof(room))
		abort();
	(void)sip_txn_key(&m, false, room);
	return 0;
}
