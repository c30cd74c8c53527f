/* SPDX-License-Identifier: Apache-2.0 */
/* What a REGISTER asks for, and what its 2xx grants (RFC 3261 10, RFC 5626). */
#ifndef SIP_REGISTER_H
#define SIP_REGISTER_H

#include "proto/sip/msg.h"

struct sip_register {
	struct sip_addr to, contact;
	bool has_reg_id;             /* outbound */
};

/**
 * Read a REGISTER and write the key of the binding it means: AOR, instance, reg-id; without an instance the
 * Contact (W2-REG-51, -53).
 * @return GW_OK; GW_EBADMSG: not exactly one Contact, or "*" with anything but Expires 0 (W2-REG-19)
 */
enum gw_err sip_register_read(const struct sip_msg *m, struct sip_register *out, struct gw_buf *key) GW_NODISCARD;
/** Does a REGISTER end the binding of its one Contact, or of all ("*")? */
bool sip_register_is_end(const struct sip_msg *m);
/**
 * Seconds a 2xx grants this contact; 0: it does not list it. Two flows may share a URI: reg_id tells them apart
 * where the registrar repeats it (empty: any).
 * @param out   the contact as the 2xx lists it, with pub-gruu and temp-gruu; may be NULL
 */
uint32_t sip_register_granted(const struct sip_msg *m, struct gw_sv contact, struct gw_sv reg_id,
	struct sip_addr *out);

#endif
