/* SPDX-License-Identifier: Apache-2.0 */
/* application/reginfo+xml, the body of a NOTIFY for the event "reg" (RFC 3680 5). Pure: bytes in, structs out. */
#ifndef CP_REGINFO_H
#define CP_REGINFO_H

#include "proto/base/arena.h"
#include "proto/base/sv.h"

#define CP_REGINFO_BYTES 65536       /* of a document */
#define CP_REGINFO_DEPTH 16
#define CP_REGINFO_REGISTRATIONS 64  /* an implicit registration set has a handful */
#define CP_REGINFO_CONTACTS 256
#define CP_REGINFO_TEXT_BYTES 1024   /* of a URI or a parameter */

enum cp_reginfo_state { CP_REGINFO_INIT, CP_REGINFO_ACTIVE, CP_REGINFO_TERMINATED };

enum cp_reginfo_event {
	CP_REGINFO_REGISTERED, CP_REGINFO_CREATED, CP_REGINFO_REFRESHED, CP_REGINFO_SHORTENED, CP_REGINFO_EXPIRED,
	CP_REGINFO_DEACTIVATED, CP_REGINFO_PROBATION, CP_REGINFO_UNREGISTERED, CP_REGINFO_REJECTED,
	CP_REGINFO_OTHER,            /* of a later standard */
};

struct cp_reginfo_contact {
	enum cp_reginfo_state state; /* active or terminated */
	enum cp_reginfo_event event;
	struct gw_sv uri;
	struct gw_sv reg_id;         /* unknown-param "reg-id", without quotes; empty: not told */
	bool has_expires;
	uint32_t expires_s;
};

struct cp_reginfo_registration {
	struct gw_sv aor;
	enum cp_reginfo_state state;
	unsigned first, n_contacts;  /* of cp_reginfo.contacts */
};

struct cp_reginfo {
	uint32_t version;
	bool is_full;
	struct cp_reginfo_registration registrations[CP_REGINFO_REGISTRATIONS];
	unsigned n_registrations;
	struct cp_reginfo_contact contacts[CP_REGINFO_CONTACTS];
	unsigned n_contacts;
};

/**
 * Read a document. Elements and attributes nobody knows are passed over, as RFC 3680 5 asks; a document type
 * declaration is refused, so there are no entities to expand.
 *
 * @param out   strings live in the arena
 * @return GW_OK; GW_EBADMSG (no XML, no reginfo, something required is missing, a DOCTYPE); GW_ELIMIT (above one
 *         of the limits); GW_ENOMEM
 */
enum gw_err cp_reginfo_parse(struct cp_reginfo *out, struct gw_arena *arena, struct gw_sv xml) GW_NODISCARD;
/** As the document spells it. */
const char *cp_reginfo_event_name(enum cp_reginfo_event e);

#endif
