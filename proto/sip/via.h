/* SPDX-License-Identifier: Apache-2.0 */
/* One Via element (RFC 3261 20.42, RFC 3581, RFC 6223), CSeq (20.16) and RAck (RFC 3262 7.2). */
#ifndef SIP_VIA_H
#define SIP_VIA_H

#include "proto/sip/hdr.h"
#include "proto/sip/param.h"

struct sip_via {
	struct gw_sv text;           /* the element */
	struct gw_sv transport;      /* "UDP", "WSS" ... */
	struct gw_sv sent_by;        /* host[:port] as written */
	struct gw_sv host;
	uint16_t port;               /* 0 = absent */
	struct gw_sv params;
	struct gw_sv branch, received;
	bool has_rport, has_keep;    /* keep without a value: the sender asks (RFC 6223) */
	uint16_t rport;              /* 0 = no value */
};

enum gw_err sip_via_parse(struct gw_sv element, struct sip_via *out) GW_NODISCARD;

struct sip_cseq {
	uint32_t number;
	struct gw_sv method_name;
	enum sip_method method;
};

enum gw_err sip_cseq_parse(struct gw_sv value, struct sip_cseq *out) GW_NODISCARD;

struct sip_rack {
	uint32_t rseq;
	struct sip_cseq cseq;
};

enum gw_err sip_rack_parse(struct gw_sv value, struct sip_rack *out) GW_NODISCARD;

#endif
