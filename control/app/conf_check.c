/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of single configuration values. */
#include "control/app/conf_check.h"

#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "control/token/impus.h"
#include "control/waf/pool.h"
#include "proto/base/addr.h"
#include "proto/sdp/crypto.h"
#include "proto/sip/uri.h"

#define NAME_MAX_BYTES 253	/* RFC 1035 2.3.4, without the root */

static bool is_alnum(char c)
{
	char l = gw_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9');
}

static bool consists_of(struct gw_sv v, const char *also)
{
	for (size_t i = 0; i < v.len; i++)
		if (!is_alnum(v.p[i]) && !(v.p[i] && strchr(also, v.p[i])))
			return false;
	return v.len > 0;
}

static bool is_printable_but(struct gw_sv v, const char *not)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] < ' ' || v.p[i] > '~' || strchr(not, v.p[i]))
			return false;
	return v.len > 0;
}

static bool is_bracketed_ip(struct gw_sv v)
{
	struct gw_addr a;

	return v.len > 2 && v.p[0] == '[' && v.p[v.len - 1] == ']' &&
		gw_addr_parse_ip(gw_sv_sub(v, 1, v.len - 1), &a) == GW_OK;
}

bool cp_conf_is_domain(struct gw_sv v)
{
	return v.len <= NAME_MAX_BYTES && consists_of(v, "-._") && is_alnum(v.p[0]) &&
		gw_sv_find(v, GW_SV("..")) == v.len;
}

bool cp_conf_is_host(struct gw_sv v)
{
	struct gw_addr a;

	return cp_conf_is_domain(v) || gw_addr_parse_ip(v, &a) == GW_OK || is_bracketed_ip(v);
}

bool cp_conf_is_token(struct gw_sv v)
{
	return consists_of(v, "-.!%*_+`'~");
}

bool cp_conf_is_quotable(struct gw_sv v)
{
	return is_printable_but(v, "\"\\");
}

bool cp_conf_is_path(struct gw_sv v)
{
	return v.len && v.p[0] == '/' && is_printable_but(v, " \"<>?#");
}

bool cp_conf_is_route(struct gw_sv v)
{
	struct sip_addr a;

	return v.len > 2 && v.p[0] == '<' && v.p[v.len - 1] == '>' && is_printable_but(v, " \"\\,") &&
		sip_addr_parse(v, &a) == GW_OK && a.uri.scheme <= SIP_SCHEME_SIPS && a.uri.host.len &&
		sip_uri_has_param(&a.uri, GW_SV("lr"));
}

static bool is_port(struct gw_sv v)
{
	uint32_t n;

	return gw_sv_uint_max(v, UINT16_MAX, &n) == GW_OK && n > 0;
}

bool cp_conf_is_mid(struct gw_sv v)
{
	char close = v.len && v.p[0] == '[' ? ']' : '>';
	size_t end = gw_sv_chr(v, close, 0);
	struct gw_sv name = gw_sv_sub(v, 1, end), rest = gw_sv_sub(v, end + 1, v.len);
	struct gw_addr a;

	if (v.len == 0)
		return false;
	if (v.p[0] != '[' && v.p[0] != '<')
		return v.len <= 64 && consists_of(v, "_-/.$*@");
	if (end == v.len || !(close == ']' ? gw_addr_parse_ip(name, &a) == GW_OK : cp_conf_is_domain(name)))
		return false;
	return rest.len == 0 || (rest.p[0] == ':' && is_port(gw_sv_sub(rest, 1, rest.len)));
}

static bool is_default_port(struct gw_sv scheme, struct gw_sv port)
{
	return (gw_sv_eq(scheme, GW_SV("https")) && gw_sv_eq(port, GW_SV("443"))) ||
		(gw_sv_eq(scheme, GW_SV("http")) && gw_sv_eq(port, GW_SV("80")));
}

bool cp_conf_is_origin(struct gw_sv v)
{
	size_t at = gw_sv_find(v, GW_SV("://")), colon;
	struct gw_sv scheme = gw_sv_sub(v, 0, at), host = gw_sv_sub(v, at + 3, v.len), port;

	for (size_t i = 0; i < v.len; i++)
		if (gw_lower(v.p[i]) != v.p[i])
			return false;
	if (at == v.len || !consists_of(scheme, "+-."))
		return false;
	colon = host.len && host.p[0] == '[' ? gw_sv_chr(host, ']', 0) + 1 : gw_sv_chr(host, ':', 0);
	if (colon > host.len)
		return false;
	port = gw_sv_sub(host, colon, host.len);
	host = gw_sv_sub(host, 0, colon);
	if (host.len == 0 || !(host.p[0] == '[' ? is_bracketed_ip(host) : cp_conf_is_domain(host)))
		return false;
	if (port.len == 0)
		return true;
	port = gw_sv_sub(port, 1, port.len);
	return is_port(port) && !is_default_port(scheme, port);
}

bool cp_conf_is_issuer(struct gw_sv v)
{
	return gw_sv_starts(v, GW_SV("https://")) && cp_conf_is_origin(v);
}

bool cp_conf_is_redirect(struct gw_sv v)
{
	size_t colon = gw_sv_chr(v, ':', 0);
	struct gw_sv scheme = gw_sv_sub(v, 0, colon), rest = gw_sv_sub(v, colon + 1, v.len);

	if (!consists_of(scheme, "+-.") || !is_printable_but(rest, " \"<>\\^`{|}#*;,"))
		return false;
	if (gw_sv_eq(scheme, GW_SV("http")))	/* RFC 8252 7.3: a native program of the user's own machine */
		return gw_sv_starts(rest, GW_SV("//127.0.0.1:")) || gw_sv_starts(rest, GW_SV("//[::1]:"));
	return gw_sv_eq(scheme, GW_SV("https")) ? gw_sv_starts(rest, GW_SV("//")) && rest.len > 2 :
		gw_sv_chr(scheme, '.', 0) < scheme.len;	/* RFC 8252 7.1: never javascript: or data: */
}

bool cp_conf_is_server(struct gw_sv v)
{
	return gw_sv_starts(v, GW_SV("https://")) && cp_conf_is_redirect(v) && gw_sv_chr(v, '?', 0) == v.len &&
		v.p[v.len - 1] != '/';
}

bool cp_conf_is_impu_pattern(struct gw_sv v)
{
	struct cp_pool_range r;

	/* as the verifier reads it, or guests would not be taken for guests; a pool has a size, so no "*" */
	return cp_impus_pattern_ok(v) && gw_sv_chr(v, '*', 0) == v.len && cp_pool_parse(v, &r) == GW_OK;
}

bool cp_conf_is_prefix(struct gw_sv v)
{
	struct gw_addr a;
	uint8_t prefix;

	return gw_addr_parse_prefix(v, &a, &prefix) == GW_OK;
}

bool cp_conf_is_servers(struct gw_sv v)
{
	struct gw_sv one;
	struct gw_addr a;
	bool has_one = false;

	while (v.len) {
		gw_sv_cut(v, ',', &one, &v);
		if (gw_addr_parse(one, 53, &a))
			return false;
		has_one = true;
	}
	return has_one;
}

bool cp_conf_is_access(struct gw_sv v)
{
	return consists_of(v, "-.;=") && is_alnum(v.p[0]);
}

bool cp_conf_is_number(struct gw_sv v)
{
	for (size_t i = 0; i < v.len; i++)
		if (!(v.p[i] >= '0' && v.p[i] <= '9') && v.p[i] != '*' && v.p[i] != '#')
			return false;
	return v.len > 0;
}

bool cp_conf_is_plain(struct gw_sv v)
{
	return is_printable_but(v, "<>&\"'");
}

static bool is_one_of(struct gw_sv v, const struct gw_sv known[4])
{
	for (size_t i = 0; i < 4; i++)
		if (gw_sv_ieq(v, known[i]))
			return true;
	return false;
}

bool cp_conf_is_codec(struct gw_sv v)
{
	static const struct gw_sv known[] = { GW_SV_INIT("PCMU"), GW_SV_INIT("PCMA"), GW_SV_INIT("G722"),
		GW_SV_INIT("opus") };

	return is_one_of(v, known);
}

bool cp_conf_is_video(struct gw_sv v)
{
	static const struct gw_sv known[] = { GW_SV_INIT("H264"), GW_SV_INIT("VP8"), GW_SV_INIT("VP9"),
		GW_SV_INIT("AV1") };

	return is_one_of(v, known);
}

bool cp_conf_is_suite(struct gw_sv v)
{
	return sdp_suite_of(v) != SDP_SUITE_NONE;
}

const char *cp_conf_check_pair(const char *certificate, const char *key, bool *is_key)
{
	bool has_certificate = access(certificate, F_OK) == 0, has_key = access(key, F_OK) == 0;
	const char *wrong = NULL;
	SSL_CTX *s;

	*is_key = has_certificate && !has_key;
	if (!has_certificate && !has_key)
		return NULL;
	if (has_certificate != has_key)
		return "the file is missing, but the other of the pair is there";
	if (access(certificate, R_OK))
		return "the file cannot be read";
	if (access(key, R_OK)) {
		*is_key = true;
		return "the file cannot be read";
	}
	s = SSL_CTX_new(TLS_server_method());
	if (!s)
		return NULL;	/* no statement about the files; the start will tell */
	if (SSL_CTX_use_certificate_chain_file(s, certificate) != 1) {
		wrong = "not a certificate in PEM";
	} else if (SSL_CTX_use_PrivateKey_file(s, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(s) != 1) {
		*is_key = true;
		wrong = "not the private key, in PEM, of the certificate";
	}
	SSL_CTX_free(s);
	ERR_clear_error();
	return wrong;
}
