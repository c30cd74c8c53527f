/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration of eimsagw: YAML file -> const struct. Every key is described in docs/config.md. */
#ifndef DP_CONF_H
#define DP_CONF_H

#include <stdio.h>

#include "dataplane/app/eal.h"
#include "dataplane/app/engine.h"
#include "dataplane/ctx/iq_server.h"
#include "dataplane/slow/dtls.h"
#include "dataplane/slow/neigh.h"

struct dp_conf_realm {
	char *name;
	unsigned port;                         /* index into ports */
	uint16_t vlan;
	struct gw_addr addrs[DP_REALM_ADDRS_MAX];
	uint8_t prefixes[DP_REALM_ADDRS_MAX];
	unsigned n_addrs;
	uint16_t first_port, last_port;
};

struct dp_conf_route {
	struct gw_addr net, via;
	uint8_t prefix;
	unsigned realm, addr;                  /* it leaves from this address of this realm */
};

struct dp_conf {
	struct gw_arena arena;                 /* owns every string */
	struct dp_eal_conf eal;
	bool adaptive_idle, count_stages;
	struct gw_addr metrics;                /* family 0: none */
	unsigned max_contexts;
	struct gw_addr msrp_address;           /* for TCP to the core; family 0: no channel of MSRP ends here */
	unsigned msrp_sessions;                /* and of these at once, each with its TCP connection */
	struct dp_prefix *msrp_peers;          /* NULL: the networks of the realm */
	unsigned n_msrp_peers;
	unsigned channel_associations;         /* SCTP associations that end here; 0: none does */
	unsigned channels_per_context;
	unsigned max_data_associations;        /* DTLS associations of data lines on the workers */
	unsigned max_sdes_streams;             /* with SRTP keys by a=crypto */
	char **port_names;
	unsigned n_ports;
	struct dp_conf_realm realms[DP_REALMS_MAX];
	unsigned n_realms;
	unsigned n_addrs;                      /* of all realms */
	struct dp_conf_route routes[DP_ROUTES_MAX];
	unsigned n_routes;
	struct dp_iq_conf iq;
	struct dp_dtls_conf dtls;
	unsigned consent_timeout_ms;
	bool is_ice_full;
	enum dp_engine engine;
	char *crypto_device;
	enum dp_gcm_tables gcm_tables;
	unsigned replay_window, max_ssrc;
	unsigned dtls_keep_s;
	enum gw_log_level log_level;
	char *log_file;
};

/** Errors go to err, one line each. GW_OK; GW_EINVAL (reported); GW_ENOMEM. */
enum gw_err dp_conf_load(const char *path, FILE *err, struct dp_conf **out) GW_NODISCARD;
void dp_conf_free(struct dp_conf *c);

#endif
