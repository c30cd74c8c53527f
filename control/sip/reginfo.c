/* SPDX-License-Identifier: Apache-2.0 */
/* reginfo+xml by expat. */
#include "control/sip/reginfo.h"

#include <string.h>

#include <expat.h>

#include "proto/base/buf.h"

#define NS "urn:ietf:params:xml:ns:reginfo"
#define NS_SEP ' '	/* between namespace and name; no URI holds it */

/* Where the reader is; IN_OTHER: in an element nobody knows, until skip_depth is left. */
enum place { IN_DOCUMENT, IN_REGINFO, IN_REGISTRATION, IN_CONTACT, IN_URI, IN_PARAM, IN_OTHER };

struct reader {
	XML_Parser xml;
	struct cp_reginfo *out;
	struct gw_arena *arena;
	enum gw_err err;
	enum place place, skipped_in;
	unsigned depth, skip_depth;
	char text[CP_REGINFO_TEXT_BYTES];
	struct gw_buf value;
};

static const char *const event_names[] = {
	[CP_REGINFO_REGISTERED] = "registered", [CP_REGINFO_CREATED] = "created", [CP_REGINFO_REFRESHED] = "refreshed",
	[CP_REGINFO_SHORTENED] = "shortened", [CP_REGINFO_EXPIRED] = "expired",
	[CP_REGINFO_DEACTIVATED] = "deactivated", [CP_REGINFO_PROBATION] = "probation",
	[CP_REGINFO_UNREGISTERED] = "unregistered", [CP_REGINFO_REJECTED] = "rejected", [CP_REGINFO_OTHER] = "other",
};

const char *cp_reginfo_event_name(enum cp_reginfo_event e)
{
	return event_names[e];
}

static void stop(struct reader *r, enum gw_err err)
{
	if (r->err)
		return;
	r->err = err;
	XML_StopParser(r->xml, XML_FALSE);
}

/* The local name of an element of reginfo or of no namespace; NULL: somebody else's. */
static const char *own_name(const char *name)
{
	const char *sep = strchr(name, NS_SEP);

	if (!sep)
		return name;
	return gw_sv_eq(gw_sv(name, (size_t)(sep - name)), GW_SV(NS)) ? sep + 1 : NULL;
}

static struct gw_sv attribute(const XML_Char **atts, const char *name)
{
	for (; *atts; atts += 2)
		if (strcmp(atts[0], name) == 0)
			return gw_sv_trim(gw_sv_cstr(atts[1]));
	return GW_SV_NONE;
}

static bool read_state(const XML_Char **atts, enum cp_reginfo_state *out)
{
	struct gw_sv v = attribute(atts, "state");

	if (gw_sv_eq(v, GW_SV("active")))
		*out = CP_REGINFO_ACTIVE;
	else if (gw_sv_eq(v, GW_SV("terminated")))
		*out = CP_REGINFO_TERMINATED;
	else if (gw_sv_eq(v, GW_SV("init")))
		*out = CP_REGINFO_INIT;
	else
		return false;
	return true;
}

static bool start_reginfo(struct reader *r, const XML_Char **atts)
{
	struct gw_sv state = attribute(atts, "state");

	r->out->is_full = gw_sv_eq(state, GW_SV("full"));
	if (gw_sv_u32(attribute(atts, "version"), &r->out->version) ||
		(!r->out->is_full && !gw_sv_eq(state, GW_SV("partial"))))
		stop(r, GW_EBADMSG);
	r->place = IN_REGINFO;
	return true;
}

static void start_registration(struct reader *r, const XML_Char **atts)
{
	struct cp_reginfo *o = r->out;
	struct cp_reginfo_registration *g = &o->registrations[o->n_registrations];

	if (o->n_registrations == CP_REGINFO_REGISTRATIONS) {
		stop(r, GW_ELIMIT);
		return;
	}
	*g = (struct cp_reginfo_registration){ .aor = gw_arena_sv(r->arena, attribute(atts, "aor")),
		.first = o->n_contacts };
	if (g->aor.len == 0 || !read_state(atts, &g->state))
		stop(r, GW_EBADMSG);
	o->n_registrations++;
	r->place = IN_REGISTRATION;
}

static void start_contact(struct reader *r, const XML_Char **atts)
{
	struct cp_reginfo *o = r->out;
	struct cp_reginfo_contact *c = &o->contacts[o->n_contacts];
	struct gw_sv event = attribute(atts, "event");

	if (o->n_contacts == CP_REGINFO_CONTACTS) {
		stop(r, GW_ELIMIT);
		return;
	}
	*c = (struct cp_reginfo_contact){ .event = CP_REGINFO_REGISTERED };
	while (c->event < CP_REGINFO_OTHER && !gw_sv_eq(event, gw_sv_cstr(event_names[c->event])))
		c->event++;
	c->has_expires = gw_sv_u32(attribute(atts, "expires"), &c->expires_s) == GW_OK;
	if (event.len == 0 || !read_state(atts, &c->state) || c->state == CP_REGINFO_INIT)
		stop(r, GW_EBADMSG);
	o->n_contacts++;
	o->registrations[o->n_registrations - 1].n_contacts++;
	r->place = IN_CONTACT;
}

static void start_text(struct reader *r, enum place place)
{
	r->value = gw_buf(r->text, sizeof(r->text));
	r->place = place;
}

/* @return is it an element we read, here? */
static bool start_known(struct reader *r, const char *name, const XML_Char **atts)
{
	switch (r->place) {
	case IN_DOCUMENT:
		return strcmp(name, "reginfo") == 0 && start_reginfo(r, atts);
	case IN_REGINFO:
		if (strcmp(name, "registration"))
			return false;
		start_registration(r, atts);
		return true;
	case IN_REGISTRATION:
		if (strcmp(name, "contact"))
			return false;
		start_contact(r, atts);
		return true;
	case IN_CONTACT:
		if (strcmp(name, "uri") == 0)
			start_text(r, IN_URI);
		else if (strcmp(name, "unknown-param") == 0 && gw_sv_ieq(attribute(atts, "name"), GW_SV("reg-id")))
			start_text(r, IN_PARAM);
		else
			return false;
		return true;
	case IN_URI:
	case IN_PARAM:
	case IN_OTHER:
		break;
	}
	return false;
}

static void XMLCALL on_start(void *user, const XML_Char *full_name, const XML_Char **atts)
{
	struct reader *r = user;
	const char *name = own_name(full_name);

	if (++r->depth > CP_REGINFO_DEPTH)
		stop(r, GW_ELIMIT);
	if (r->err || r->place == IN_OTHER)
		return;
	if (name && start_known(r, name, atts))
		return;
	if (r->place == IN_DOCUMENT) {	/* some other document */
		stop(r, GW_EBADMSG);
		return;
	}
	r->skipped_in = r->place;
	r->skip_depth = r->depth;
	r->place = IN_OTHER;
}

static struct gw_sv take_text(struct reader *r)
{
	struct gw_sv v = gw_sv_trim(gw_buf_sv(&r->value));

	if (r->value.overflow)
		stop(r, GW_ELIMIT);
	if (v.len > 1 && v.p[0] == '"' && v.p[v.len - 1] == '"')
		v = gw_sv_sub(v, 1, v.len - 1);
	return gw_arena_sv(r->arena, v);
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
	struct reader *r = user;
	struct cp_reginfo_contact *c = r->out->n_contacts ? &r->out->contacts[r->out->n_contacts - 1] : NULL;

	(void)name;
	r->depth--;
	if (r->err)
		return;
	switch (r->place) {
	case IN_OTHER:
		if (r->depth < r->skip_depth)
			r->place = r->skipped_in;
		break;
	case IN_URI:
		c->uri = take_text(r);
		r->place = IN_CONTACT;
		break;
	case IN_PARAM:
		c->reg_id = take_text(r);
		r->place = IN_CONTACT;
		break;
	case IN_CONTACT:
		if (c->uri.len == 0)
			stop(r, GW_EBADMSG);
		r->place = IN_REGISTRATION;
		break;
	case IN_REGISTRATION:
		r->place = IN_REGINFO;
		break;
	case IN_REGINFO:
	case IN_DOCUMENT:
		r->place = IN_DOCUMENT;
		break;
	}
}

static void XMLCALL on_text(void *user, const XML_Char *s, int len)
{
	struct reader *r = user;

	if (r->place == IN_URI || r->place == IN_PARAM)
		gw_buf_put(&r->value, gw_sv(s, (size_t)len));
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
	int has_internal_subset)
{
	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_internal_subset;
	stop(user, GW_EBADMSG);
}

enum gw_err cp_reginfo_parse(struct cp_reginfo *out, struct gw_arena *arena, struct gw_sv xml)
{
	struct reader r = { .out = out, .arena = arena, .place = IN_DOCUMENT };

	out->version = 0;
	out->is_full = false;
	out->n_registrations = out->n_contacts = 0;
	if (xml.len > CP_REGINFO_BYTES)
		return GW_ELIMIT;
	r.xml = XML_ParserCreateNS(NULL, NS_SEP);
	if (!r.xml)
		return GW_ENOMEM;
	XML_SetUserData(r.xml, &r);
	XML_SetElementHandler(r.xml, on_start, on_end);
	XML_SetCharacterDataHandler(r.xml, on_text);
	XML_SetStartDoctypeDeclHandler(r.xml, on_doctype);
	if (XML_Parse(r.xml, xml.p, (int)xml.len, 1) != XML_STATUS_OK && !r.err)
		r.err = XML_GetErrorCode(r.xml) == XML_ERROR_NO_MEMORY ? GW_ENOMEM : GW_EBADMSG;
	XML_ParserFree(r.xml);
	return arena->failed ? GW_ENOMEM : r.err;
}
