/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration of epcscf: YAML file -> const struct. Every key is described in docs/config.md. */
#ifndef CP_CONF_H
#define CP_CONF_H

#include <stdio.h>

#include "net/iq_net.h"
#include "proto/base/addr.h"
#include "proto/base/log.h"

#define CP_GATEWAYS_MAX 64u      /* bits of a mask */

struct cp_conf_gateway {
	char *name;               /* for logs and metrics */
	struct gw_addr address;   /* its H.248 port; default port 2944 */
	char *mid;                /* expected mId ("[192.0.2.10]:2944", "<agw1.example>"); empty: any from address */
	unsigned weight;                /* its share of new calls, 100 */
	char *access_realm, *core_realm; /* its names for them; default: those of media */
	char *telemetry;          /* its telemetry socket on this host; empty: none */
};

/** IMPUs a WWSF may hand out in scenario 3 (W2-TOK-08): URIs, with one "*" or "{FIRST..LAST}" in the user part. */
struct cp_conf_pool {
	char *wwsf_id;
	char **impus;
	unsigned n_impus;
	bool has_users;           /* the same WWSF also speaks for individual users (scenario 2) */
};

/** A WAF whose access tokens are taken (W2-TOK-05). */
struct cp_conf_issuer {
	char *name;               /* iss */
	char *keys;               /* "own" (the WAF of this process), a JWKS file, or its https URL; empty: introspection */
	char *introspection;      /* https URL (RFC 7662); empty: keys */
	char *client_file;        /* "id:secret" for the introspection endpoint */
	char *ca_file;            /* PEM of the CA of its https; empty: those of the system */
	char **audience;          /* one of them has to be in aud */
	unsigned n_audience;
	char *scope;              /* has to be among the scopes */
	char *claim_impi, *claim_impu, *claim_waf_id, *claim_wwsf_id, *claim_scope; /* names (W2-TOK-06) */
	unsigned cache_s;         /* an introspection answer counts so long at most, 60 */
	struct cp_conf_pool *pools;
	unsigned n_pools;
};

enum cp_scenario { CP_SCENARIO_DIGEST, CP_SCENARIO_AKA, CP_SCENARIO_WEB, CP_SCENARIO_POOL, CP_SCENARIO_COUNT };

/** What an Origin may register by (W2-REG-02). scenarios: bits 1 << enum cp_scenario. */
struct cp_conf_access {
	char *origin;
	unsigned scenarios;
};

/** An OAuth client of the embedded WAF, or a resource server that may ask for the state of tokens. */
struct cp_conf_client {
	char *id;
	char *secret;             /* empty: a public client, known by PKCE and its redirect URIs only */
	char **redirect_uris;     /* compared byte by byte (RFC 9700 4.1.3) */
	unsigned n_redirect_uris;
	bool may_introspect;      /* RFC 7662; needs a secret */
};

/** The embedded WWSF and WAF (control/waf); times in seconds. */
struct cp_conf_waf {
	bool is_enabled;
	char *issuer;             /* https://host[:port], no path; RFC 8414 2 */
	char *audience;           /* "aud" of access tokens: this eP-CSCF */
	char *scope;              /* the one scope it grants */
	char *waf_id, *wwsf_id;   /* W2-TOK-06 */
	char *users_db, *state_db, *signing_keys; /* files; each is made at the first start, mode 0600 */
	unsigned code_s, access_token_s, refresh_token_s, session_s, max_sessions;
	unsigned key_rotation_s, key_overlap_s;
	struct cp_conf_client *clients;
	unsigned n_clients;
	char **guest_impus;       /* the WWSF's pool (scenario 3): "sip:guest{1..100}@home1.example"; none: no guests */
	unsigned n_guest_impus;
};

/** A node of the core: an address, or a name that DNS leads to (RFC 3263). */
struct cp_conf_node {
	char *text;               /* as written, for logs */
	char *uri;                /* as a SIP URI */
	char *host;               /* IPv6 without brackets */
	struct gw_addr addr;      /* family 0: host is a name */
	uint16_t port;            /* 0: none given */
	const char *transport;    /* "udp", "tcp", or "": by DNS, else mw.transport */
};

enum cp_foreign { CP_FOREIGN_OVERWRITE, CP_FOREIGN_REFUSE }; /* what a WIC claims and is not its own */
enum cp_anonymous { CP_ANONYMOUS_REFUSE, CP_ANONYMOUS_ALLOW }; /* emergency calls without registration, W2-EMG-04 */
enum cp_bundle { CP_BUNDLE_STRICT, CP_BUNDLE_SHARE };        /* W2-BUN-01, -02; W2-BUN-03, -04 */
/* Data lines: refused; W2-DC-19; or bits: whose channels end at the gateway (W2-DC-11, -16). */
enum cp_data { CP_DATA_NONE = 0, CP_DATA_RELAY = 1, CP_DATA_MSRP = 2, CP_DATA_T140 = 4 };
enum cp_core_srtp { CP_SRTP_OFF, CP_SRTP_OPTIONAL, CP_SRTP_REQUIRED };   /* as enum sdp_core_srtp, W2-SDP-42 */
enum cp_dtls_role { CP_DTLS_ACTIVE, CP_DTLS_PASSIVE };       /* answer to actpass, W2-SEC-05 */
enum cp_state_backend { CP_STATE_SQLITE, CP_STATE_REDIS, CP_STATE_NONE };
enum cp_early_media { CP_EARLY_OPEN, CP_EARLY_CLOSED };      /* without P-Early-Media, W2-EM-02 */

/** All strings are NUL-terminated, owned by the struct; lists are counted. Times in seconds. */
struct cp_conf {
	struct {
		struct gw_addr *listen;         /* wss + https listeners */
		unsigned n_listen;
		char *certificate, *key;        /* PEM; made (self-signed, P-256) when both files are absent */
		char *host;                     /* in Record-Route towards W2; an IPv6 address has its brackets */
		char *host_name;                /* the same without brackets, as sip_uri_parse gives it */
		char *path;                     /* request path of the WebSocket, default "/w2"; "/" also upgrades */
		char **origins;                 /* exact origins allowed; none: only the origin https://<Host header> */
		unsigned n_origins;
		bool allow_no_origin;           /* native clients (W2-WS-03) */
		bool insecure_ws;               /* lab only: plain ws/http on listen (W2-WS-01) */
		unsigned ping_interval_s, first_register_s, handshake_s; /* 30, 30, 10 */
		unsigned max_message_bytes;     /* 65536 */
		unsigned max_connections, max_connections_per_source; /* 10000, 200 */
		unsigned max_messages_per_s;    /* a connection; 50 */
		unsigned connections_per_s_source, connections_per_s_prefix; /* 50, 500; 0: no limit */
		unsigned requests_per_s_source, requests_per_s_user; /* outside dialogs; 500, 20; 0: no limit */
		unsigned message_s;             /* from its first frame to its last; 30 (threat W4) */
		unsigned send_queue_bytes;      /* 262144, then closed (threat W4) */
		unsigned t1_ms;                 /* W2-REG-80: 2000 */
	} w2;
	struct {
		char *wic_dir;                  /* static pages; empty: none */
		char *metrics_allow;            /* prefix allowed to read /metrics, default 127.0.0.0/8 */
		struct gw_addr admin_listen;    /* loopback; port 0: none (admin.h) */
		unsigned connections;           /* 256 */
		bool sign_in_oauth, sign_in_digest; /* what the page offers */
		char *authorization_server;     /* issuer the page signs in at; the embedded one or a third party's; or empty */
		char *client_id;                /* of the page there */
		char *scope;                    /* the page asks for */
		struct cp_conf_waf waf;
	} web;
	struct {
		struct gw_addr bind;            /* UDP and TCP, default port 5060 */
		char *host;                     /* sent-by and URI host towards the core, IPv6 in brackets; default: bind */
		char *host_name;                /* the same without brackets, as sip_uri_parse gives it */
		char *transport;                /* "udp" or "tcp" for requests towards the entry point; default "udp" */
		char *home_domain;              /* Request-URI domain of REGISTER served, realm */
		struct cp_conf_node *entry;     /* entry points, tried in order (W2-REG-17); default: the home domain */
		unsigned n_entry;
		char *visited_network_id, *orig_ioi;
		unsigned udp_max_bytes;         /* 1300: longer requests go by TCP (RFC 3261 18.1.1) */
		unsigned t1_ms, timer_c_s;      /* 500, 180 */
		unsigned min_se_s;              /* RFC 4028 5: 90 */
		char **trusted;                 /* prefixes Mw requests are accepted from; none: the entry points */
		unsigned n_trusted;
		char **pass_headers;            /* header fields let through in both directions besides the standard ones */
		unsigned n_pass_headers;
		char *dns;                      /* servers "ip[:port],..."; empty: those of resolv.conf */
		enum cp_foreign foreign_route;  /* not the Service-Route: overwritten, or 400 (W2-SIP-03) */
		enum cp_foreign foreign_identity; /* From or P-Preferred-Identity: default identity, or 403 (W2-ERR-17) */
		bool hide_topology;             /* towards W2 (W2-HDR-07) */
		bool prack;                     /* for WICs that cannot (W2-SIP-35) */
		bool mmtel;                     /* names the service of INVITEs that name none (W2-HDR-09) */
		bool response_source;           /* in failure responses of our own (W2-HDR-10) */
		char *access_network_info;      /* network-provided P-Access-Network-Info; empty: none (W2-REG-14) */
		unsigned probe_s, probe_timeout_ms; /* OPTIONS to silent entry points; 10 (0: none), 4000 */
	} mw;
	struct {
		struct cp_conf_issuer *issuers;
		unsigned n_issuers;
		char *scope;                    /* in challenges; default "ims" */
		char *authz_server;             /* in challenges; empty: left out */
		unsigned max_skew_s, min_life_s; /* 60 (W2-TOK-05), 60 (W2-TOK-14) */
		unsigned cache_entries;         /* verdicts kept, 20000 */
		unsigned negative_s;            /* a refused token is not looked at again so long, 10 */
		unsigned refresh_s, refetch_s;  /* JWKS by https: 3600; for an unknown kid not before 30 */
		unsigned timeout_s;             /* https, 3 */
		bool is_strict;                 /* a token in every request (W2-TOK-04); default false */
		bool share_pool;                /* two instances may hold one IMPU of a pool (W2-TOK-08); default false */
		bool omit_empty;                /* no nonce="" and response="" in auth-done; default false */
		unsigned refused_status;        /* when the core challenges all the same (W2-TOK-17): 403 or 500 */
		char *waf_header, *wwsf_header; /* names of headers that tell the core (W2-TOK-12); empty: none */
		unsigned scenarios;             /* bits, for origins not in access; default all */
		struct cp_conf_access *access;
		unsigned n_access;
		char **aka_algorithms;          /* AKAv2-SHA-256 */
		unsigned n_aka_algorithms;
		char *visited[CP_SCENARIO_COUNT]; /* P-Visited-Network-ID (W2-REG-12); default mw.visited_network_id */
	} tokens;
	struct {
		enum iq_transport transport;    /* UDP */
		char *socket;                   /* UNIX; default /run/w2gw/iq.sock */
		struct gw_addr bind;            /* default 127.0.0.1:2944 */
		char *mid;                      /* default: bind address in brackets */
		char **profiles;                /* accepted profile names */
		unsigned n_profiles;
		struct cp_conf_gateway *gateways;
		unsigned n_gateways;
		bool long_tokens;
		unsigned heartbeat_s;           /* hangterm timerx asked for, 600 */
		unsigned audit_s;               /* empty AuditValue ROOT when silent, 10 */
	} iq;
	struct {
		char *access_realm, *core_realm; /* names configured at the gateway */
		enum cp_bundle bundle;
		enum cp_dtls_role dtls_role;
		char **codecs;                   /* towards the core, in order of preference to keep */
		unsigned n_codecs;
		char **video;                    /* the same of video lines; none: they are refused */
		unsigned n_video;
		unsigned data;                   /* enum cp_data bits */
		enum cp_core_srtp core_srtp;
		char **core_suites;              /* of it, in order of preference */
		unsigned n_core_suites;
		bool opus_to_core;
		unsigned dscp;                   /* 46 */
		enum cp_early_media early_media;
		bool is_ice_full;                /* gateways are ordered to send checks and to ask for consent (F-59, F-64) */
		unsigned ice_timeout_s;          /* W2-ICE-13: 20 */
		unsigned consent_grace_s;        /* W2-ICE-12: 10 */
	} media;
	struct {
		unsigned guard_s;                /* W2-REG-65: 60 */
		unsigned max_bindings;           /* 100000 */
		unsigned max_calls;              /* 10000 */
		unsigned flows_per_instance;     /* W2-REG-52: 2 */
		unsigned users_per_connection;   /* W2-REG-23: 1 */
		unsigned max_per_s;              /* new registrations, W2-REG-68: 2000; 0: no limit */
		bool guard_deregister;           /* W2-REG-65: the core is told at the end of the guard (TNA only) */
		unsigned token_key_h;            /* flow tokens get a new key every so many hours: 24 */
		char *service_route;             /* used when the core gives none (W2-REG-42); empty: refused */
		bool subscribe;                  /* to reg-event at the core (W2-REG-70) */
		unsigned subscribe_expires_s;    /* 600000 */
		bool close_when_ended;           /* the socket too, whatever the reason the network gives */
	} reg;
	struct {
		unsigned lag_ms;                 /* of the event loop; 200 */
		unsigned transactions;           /* server transactions without a final response; 10000 */
		unsigned iq_requests;            /* without a reply; 500 */
		unsigned retry_after_s;          /* 5; answers say once to twice as much */
		unsigned hold_ms;                /* who comes back sooner is not read for so long; 4000; 0: always read */
	} overload;
	struct {
		enum cp_state_backend backend;
		char *file;                      /* SQLite; /var/lib/w2gw/epcscf.db */
		char *node;                      /* Redis: whose records these are; default "epcscf" */
		struct gw_addr node_address;     /* where other nodes reach its Mw; port 0: it shares nothing */
		unsigned lease_s;                /* a node that was not heard of for so long is dead; 6 */
		struct gw_addr redis_address;
		char *redis_password_file;       /* empty: no password */
	} state;
	struct {
		char **numbers;                  /* called for help, besides urn:service:sos (W2-EMG-01) */
		unsigned n_numbers;
		struct cp_conf_node *ecscf;      /* E-CSCF; none: emergency requests are answered 380 (W2-EMG-03) */
		unsigned n_ecscf;                /* 0 or 1 */
		enum cp_anonymous anonymous;     /* callers who are not registered (W2-EMG-04); refuse */
		unsigned anonymous_calls;        /* of those at a time; 50 */
		char *reason;                    /* text of the 380's body */
	} emergency;
	struct {
		enum gw_log_level level;
		char *file;                      /* "-" = stderr */
	} log;
	struct {
		char *file;                      /* a JSON line a call; empty: none */
		unsigned recent_calls;           /* whose ladders are kept, 1 KB each; 4096 */
	} records;
	char *control_socket;                    /* UNIX socket of w2gwctl; default /run/w2gw/epcscf.sock */
};

/**
 * Read and check a file. Errors go to err as one line each: "FILE:LINE: key: what is wrong".
 * @return GW_OK with a new object; GW_EINVAL (reported); GW_ENOMEM
 */
enum gw_err cp_conf_load(const char *path, FILE *err, struct cp_conf **out) GW_NODISCARD;
/** Accepts NULL. */
void cp_conf_free(struct cp_conf *conf);

#endif
