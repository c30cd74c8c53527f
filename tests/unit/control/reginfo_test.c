/* SPDX-License-Identifier: Apache-2.0 */
/* reginfo+xml: what RFC 3680 writes is read, what does harm is refused. */
#include "control/sip/reginfo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proto/base/buf.h"

#define HEAD "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"7\" state=\"full\">"
#define REG "<registration aor=\"sip:alice@home1.example\" id=\"a7\" state=\"active\">"
#define CONTACT(attributes) "<contact id=\"76\" " attributes "><uri>sip:x81hq@k2b7.invalid;transport=ws</uri></contact>"
#define TAIL "</registration></reginfo>"

static struct cp_reginfo doc;

static enum gw_err parse_sv(struct gw_arena *a, struct gw_sv xml)
{
	*a = (struct gw_arena)GW_ARENA_INIT(1u << 18);
	return cp_reginfo_parse(&doc, a, xml);
}

static enum gw_err parse(const char *xml)
{
	struct gw_arena a;
	enum gw_err err = parse_sv(&a, gw_sv_cstr(xml));

	gw_arena_reset(&a);
	return err;
}

static void full_state_is_read(void **state)
{
	static const char xml[] = HEAD
		REG "<contact id=\"76\" state=\"active\" event=\"shortened\" expires=\"36001\" duration-registered=\"7322\" "
		    "q=\"0.8\" callid=\"c@x\" cseq=\"3\"><uri> sip:x81hq@k2b7.invalid;transport=ws\n</uri>"
		    "<display-name>A &amp; B</display-name>"
		    "<unknown-param name=\"+sip.instance\">\"&lt;urn:uuid:0f0f&gt;\"</unknown-param>"
		    "<unknown-param name=\"reg-id\">2</unknown-param><unknown-param name=\"audio\"/></contact>"
		    CONTACT("state=\"terminated\" event=\"rejected\"") "</registration>"
		"<registration aor=\"tel:+15551230001\" id=\"a8\" state=\"terminated\"/></reginfo>\n";
	struct gw_arena a;

	(void)state;
	assert_int_equal(parse_sv(&a, gw_sv_cstr(xml)), GW_OK);
	assert_int_equal(doc.version, 7);
	assert_true(doc.is_full);
	assert_int_equal(doc.n_registrations, 2);
	assert_int_equal(doc.n_contacts, 2);
	assert_true(gw_sv_eq(doc.registrations[0].aor, GW_SV("sip:alice@home1.example")));
	assert_int_equal(doc.registrations[0].state, CP_REGINFO_ACTIVE);
	assert_int_equal(doc.registrations[0].first, 0);
	assert_int_equal(doc.registrations[0].n_contacts, 2);
	assert_int_equal(doc.registrations[1].state, CP_REGINFO_TERMINATED);
	assert_int_equal(doc.registrations[1].n_contacts, 0);
	assert_int_equal(doc.contacts[0].state, CP_REGINFO_ACTIVE);
	assert_int_equal(doc.contacts[0].event, CP_REGINFO_SHORTENED);
	assert_true(doc.contacts[0].has_expires);
	assert_int_equal(doc.contacts[0].expires_s, 36001);
	assert_true(gw_sv_eq(doc.contacts[0].uri, GW_SV("sip:x81hq@k2b7.invalid;transport=ws")));
	assert_true(gw_sv_eq(doc.contacts[0].reg_id, GW_SV("2")));
	assert_int_equal(doc.contacts[1].event, CP_REGINFO_REJECTED);
	assert_false(doc.contacts[1].has_expires);
	gw_arena_reset(&a);
}

static void elements_of_others_are_passed_over(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD "<x:note xmlns:x=\"urn:x\"><contact/><y><uri>sip:a@b</uri></y></x:note>" REG
		"<x:contact xmlns:x=\"urn:x\" state=\"nonsense\"/>" CONTACT("state=\"active\" event=\"sunny\"")
		"<contact state=\"active\" event=\"created\"><uri>sip:a@<x:b xmlns:x=\"urn:x\">skipped</x:b>c</uri>"
		"</contact>" TAIL), GW_OK);
	assert_int_equal(doc.n_registrations, 1);
	assert_int_equal(doc.n_contacts, 2);
	assert_int_equal(doc.contacts[0].event, CP_REGINFO_OTHER);
	assert_int_equal(doc.contacts[1].event, CP_REGINFO_CREATED);
}

static void namespace_may_be_missing_but_not_wrong(void **state)
{
	(void)state;
	assert_int_equal(parse("<reginfo version=\"0\" state=\"partial\"/>"), GW_OK);
	assert_false(doc.is_full);
	assert_int_equal(parse("<reginfo xmlns=\"urn:other\" version=\"0\" state=\"partial\"/>"), GW_EBADMSG);
}

static void document_types_are_refused(void **state)
{
	(void)state;
	assert_int_equal(parse("<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>"
		"<reginfo version=\"0\" state=\"full\"><registration aor=\"&b;\" id=\"1\" state=\"init\"/></reginfo>"),
		GW_EBADMSG);
	assert_int_equal(parse("<!DOCTYPE r SYSTEM \"file:///etc/passwd\"><reginfo version=\"0\" state=\"full\"/>"),
		GW_EBADMSG);
	assert_int_equal(parse(HEAD REG "<contact state=\"active\" event=\"created\"><uri>&undefined;</uri></contact>"
		TAIL), GW_EBADMSG);
}

static void what_is_required_is_missed(void **state)
{
	static const char *const bad[] = {
		"", "   ", "no xml", "<reginfo", "<presence/>", "<reginfo/>", "<reginfo version=\"0\"/>",
		"<reginfo version=\"-1\" state=\"full\"/>", "<reginfo version=\"4294967296\" state=\"full\"/>",
		"<reginfo version=\"1\" state=\"half\"/>", "<reginfo version=\"1\" state=\"full\"></presence>",
		"<reginfo version=\"1\" state=\"full\"/><reginfo version=\"2\" state=\"full\"/>",
		HEAD "<registration id=\"1\" state=\"active\"/></reginfo>",
		HEAD "<registration aor=\"\" id=\"1\" state=\"active\"/></reginfo>",
		HEAD "<registration aor=\"sip:a@b\" id=\"1\"/></reginfo>",
		HEAD "<registration aor=\"sip:a@b\" id=\"1\" state=\"idle\"/></reginfo>",
		HEAD REG CONTACT("event=\"created\"") TAIL, HEAD REG CONTACT("state=\"active\"") TAIL,
		HEAD REG CONTACT("state=\"init\" event=\"created\"") TAIL,
		HEAD REG "<contact state=\"active\" event=\"created\"/>" TAIL,
		HEAD REG "<contact state=\"active\" event=\"created\"><uri> </uri></contact>" TAIL,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i]) != GW_EBADMSG)
			fail_msg("accepted: %s", bad[i]);
}

static enum gw_err parse_repeated(const char *head, const char *piece, unsigned n, const char *tail)
{
	static char text[2 * CP_REGINFO_BYTES];
	struct gw_buf b = gw_buf(text, sizeof(text));
	enum gw_err err;
	struct gw_arena a;

	gw_buf_puts(&b, head);
	for (unsigned i = 0; i < n; i++)
		gw_buf_puts(&b, piece);
	gw_buf_puts(&b, tail);
	assert_false(b.overflow);
	err = parse_sv(&a, gw_buf_sv(&b));
	gw_arena_reset(&a);
	return err;
}

static void limits_hold(void **state)
{
	static const char contact[] = CONTACT("state=\"active\" event=\"created\"");
	static const char registration[] = "<registration aor=\"sip:a@b\" id=\"1\" state=\"init\"/>";

	(void)state;
	assert_int_equal(parse_repeated(HEAD REG, contact, CP_REGINFO_CONTACTS, TAIL), GW_OK);
	assert_int_equal(parse_repeated(HEAD REG, contact, CP_REGINFO_CONTACTS + 1, TAIL), GW_ELIMIT);
	assert_int_equal(parse_repeated(HEAD, registration, CP_REGINFO_REGISTRATIONS, "</reginfo>"), GW_OK);
	assert_int_equal(parse_repeated(HEAD, registration, CP_REGINFO_REGISTRATIONS + 1, "</reginfo>"), GW_ELIMIT);
	assert_int_equal(parse_repeated(HEAD, "<a>", CP_REGINFO_DEPTH, ""), GW_ELIMIT);
	assert_int_equal(parse_repeated(HEAD REG "<contact state=\"active\" event=\"created\"><uri>", "a",
		CP_REGINFO_TEXT_BYTES, "</uri></contact>" TAIL), GW_OK);
	assert_int_equal(parse_repeated(HEAD REG "<contact state=\"active\" event=\"created\"><uri>", "a",
		CP_REGINFO_TEXT_BYTES + 1, "</uri></contact>" TAIL), GW_ELIMIT);
	assert_int_equal(parse_repeated(HEAD, " ", CP_REGINFO_BYTES, "</reginfo>"), GW_ELIMIT);
}

static void a_small_arena_is_an_error_not_a_crash(void **state)
{
	struct gw_arena a = GW_ARENA_INIT(32);

	(void)state;
	assert_int_equal(cp_reginfo_parse(&doc, &a, gw_sv_cstr(HEAD REG CONTACT("state=\"active\" event=\"created\"")
		TAIL)), GW_ENOMEM);
	gw_arena_reset(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_state_is_read),
		cmocka_unit_test(elements_of_others_are_passed_over),
		cmocka_unit_test(namespace_may_be_missing_but_not_wrong),
		cmocka_unit_test(document_types_are_refused),
		cmocka_unit_test(what_is_required_is_missed),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(a_small_arena_is_an_error_not_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
