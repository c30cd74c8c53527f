/* SPDX-License-Identifier: Apache-2.0 */
/* Route sets: ours, the core's, and where a request towards the core goes next. Control thread only. */
#ifndef CP_ROUTE_H
#define CP_ROUTE_H

#include "control/sip/route_token.h"
#include "control/sip/stack.h"

#define CP_ROUTE_PARAM "w2rs"   /* URI parameter of our Record-Route on W2: the core's route set, sealed */

struct cp_binding;

/** Is this URI one of ours: our host on Mw with our port, or our W2 host? */
bool cp_core_is_us(const struct cp_sip *s, struct gw_sv uri);
/** One of ours on Mw, as Path and Record-Route show it: <sip:TOKEN@HOST:PORT;lr>, with ob when the flow is of RFC 5626. */
void cp_core_put_mw_entry(const struct cp_sip *s, struct gw_buf *b, const char *token, bool has_ob);
/**
 * The Record-Route entries of the core: of a request to a WIC all of them; of a response to one those above the entries
 * of this leg, which are our last, reversed (RFC 3261 12.1). A call between two of our WICs passes us twice.
 * @return how many, max at most; slices of m
 */
unsigned cp_core_entries(const struct cp_sip *s, const struct sip_msg *m, bool is_reversed, struct gw_sv *list, unsigned max);
/** Take our own entries off the Route. @return the flow token of the last one, or empty */
struct gw_sv cp_core_pop_routes(struct cp_sip *s, struct sip_msg *m);

/** Both Record-Route entries of ours (W2-WS-09); towards W2 with the core's route set, which may be all it shows. */
void cp_core_record_route(struct cp_sip *s, struct sip_msg *m, const struct cp_binding *b, enum cp_side to);
/** A response of a WIC gets the Record-Route the core sent us back, with ours as it would be without a seal. */
void cp_core_restore_record_route(struct cp_uas *u, struct sip_msg *m, const struct cp_binding *b);
/** A response to a WIC: the core's route set goes into our entry; icid: charging identifier of the dialog. */
void cp_core_seal_record_route(struct cp_sip *s, struct sip_msg *m, struct gw_sv icid);

enum cp_route_verdict {
	CP_ROUTE_OK,
	CP_ROUTE_FOREIGN,        /* not the Service-Route, and we are strict: 400 (W2-ERR-22) */
	CP_ROUTE_UNKNOWN         /* in a dialog we cannot route: 481 */
};
/**
 * Give a request of a WIC the route set the core has made for it (W2-SIP-03).
 * @param icid  out: charging identifier of its dialog; empty: none yet. Valid as long as m
 */
enum cp_route_verdict cp_core_enforce_route(struct cp_sip *s, struct sip_msg *m, const struct cp_binding *b,
	struct gw_sv *icid);

/**
 * Where a request towards the core goes that has been at `tried` already: the first Route or the Request-URI when it
 * is the address of a node of the core, a Route by name when DNS leads to one, else an entry point (RFC 3263).
 * @return as cp_entry_next; *to has CP_PROTO_NONE unless GW_OK
 */
enum gw_err cp_route_next(struct cp_sip *s, const struct sip_msg *m, const struct cp_peer *tried, unsigned n_tried,
	struct cp_peer *to) GW_NODISCARD;
/** The first target; CP_PROTO_NONE: there is none, and cp_sip_send will say so. */
void cp_sip_core_hop(struct cp_sip *s, const struct sip_msg *m, struct cp_peer *to);

#endif
