/* SPDX-License-Identifier: Apache-2.0 */
/* ETag, If-None-Match and If-Match of single objects. */
#include "fixture.h"

#include "common/rest/etag.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct fixture *f;
static char etag[REST_ETAG_TEXT];

static void setup(void)
{
	struct http_request *r;

	f = fixture_new();
	r = fixture_call(f, HTTP_GET, "/rest/v0/vms/" VM_DB, NULL);
	(void)snprintf(etag, sizeof etag, "%s", http_request_for_test_reply_header(r, "etag"));
	http_request_for_test_free(r);
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(etags, .init = setup, .fini = teardown);

static struct http_request *get_unless(const char *value)
{
	return fixture_call_with(f, HTTP_GET, "/rest/v0/vms/" VM_DB, NULL, "if-none-match", value);
}

static struct http_request *start_if(const char *value)
{
	return fixture_call_with(f, HTTP_POST, "/rest/v0/vms/" VM_DB "/actions/start", NULL,
				 "if-match", value);
}

Test(etags, what_has_not_changed_is_not_sent_again)
{
	char several[64];
	struct http_request *r = get_unless(etag);

	cr_expect_str_eq(http_request_for_test_reply_header(r, "etag"), etag);
	fixture_expect(r, 304, NULL);
	(void)snprintf(several, sizeof several, "\"other\" , W/%s,\"x\"", etag);
	fixture_expect(get_unless(several), 304, NULL);
	fixture_expect(get_unless("*"), 304, NULL);
	fixture_expect(get_unless("\"other\""), 200, "\"name_label\":\"db\"");
	fixture_expect(get_unless(""), 200, NULL);
	f->vms[1].vcpus_online = 9;
	r = get_unless(etag);
	cr_expect_str_neq(http_request_for_test_reply_header(r, "etag"), etag);
	fixture_expect(r, 200, NULL);
}

Test(etags, a_change_needs_what_was_seen)
{
	struct http_request *r = start_if(etag);

	cr_expect_eq(f->n_ops, 1);
	fixture_op_started(f);
	fixture_expect(r, 202, NULL);
	fixture_task_ended(f, MU_E_NONE, NULL);
	r = start_if("*");
	fixture_op_refused(f, MU_E_UNAVAILABLE, "gone");
	fixture_expect(r, 503, NULL);
	f->vms[1].vcpus_online = 9;
	r = start_if(etag);
	cr_expect_eq(f->n_ops, 2, "nothing was asked for");
	cr_expect_str_neq(http_request_for_test_reply_header(r, "etag"), etag);
	cr_expect(
	    strstr(http_request_for_test_body(r), "\"data\":{\"id\":\"" VM_DB "\",\"etag\":"));
	fixture_expect(r, 412, "has changed since it was read; hint: read it again");
}

Test(etags, of_every_kind_of_object)
{
	static const char *const paths[] = {
	    "/rest/v0/vms/" VM_WEB, "/rest/v0/vm-snapshots/" VM_SNAP,
	    "/rest/v0/srs/" SR_1,   "/rest/v0/vm-templates/" VM_TMPL,
	    "/rest/v0/vdis/" VDI_1, "/rest/v0/vdi-snapshots/" VDI_2_SNAP,
	    "/rest/v0/pbds/" PBD_1, "/rest/v0/networks/" NETWORK_1,
	    "/rest/v0/pifs/" PIF_1, "/rest/v0/hosts/" HOST_1,
	    "/rest/v0/pools/" POOL,
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(paths); i++) {
		struct http_request *r = fixture_call(f, HTTP_GET, paths[i], NULL);
		const char *tag = http_request_for_test_reply_header(r, "etag");

		cr_expect_eq(strlen(tag), REST_ETAG_TEXT - 1, "%s", paths[i]);
		http_request_for_test_free(r);
	}
}

/* --- a process's own objects --- */

static const char *keeper = "keeper";
static char own_name[16];

/* Only its keeper sees number 2. */
static struct mu_value *own_shown(struct http_request *r, const struct rest_user *user,
				  const char *id, void *ctx)
{
	struct mu_value *v;

	cr_expect_eq(ctx, &keeper);
	if (strcmp(id, "1") != 0 && (strcmp(id, "2") != 0 || strcmp(user->name, keeper) != 0))
		return NULL;
	v = mu_value_object(r->arena);
	mu_value_set_string(r->arena, v, "id", id);
	mu_value_set_string(r->arena, v, "name", own_name);
	return v;
}

static struct http_reply *own_get(struct http_request *r, const struct rest_user *user,
				  const char *id, void *ctx)
{
	return rest_reply_tagged(r, own_shown(r, user, id, ctx));
}

static struct http_reply *own_change(struct http_request *r, const struct rest_user *user,
				     const char *id, void *ctx)
{
	(void)user, (void)id, (void)ctx;
	return http_reply_empty(r, 204);
}

static struct http_request *own(enum http_method method, const char *target, const char *header,
				const char *value)
{
	return fixture_call_with(f, method, target, NULL, header, value);
}

Test(etags, of_a_processs_own_objects)
{
	static const struct rest_route routes[] = {
	    {HTTP_GET, "/rest/v0/things/{id}", REST_SIGNED_IN, own_get},
	    {HTTP_PATCH, "/rest/v0/things/{id}", REST_SIGNED_IN, own_change},
	    {HTTP_PUT, "/rest/v0/things/{id}/parts/{part}", REST_SIGNED_IN, own_change},
	    {HTTP_DELETE, "/rest/v0/bare/{id}", REST_SIGNED_IN, own_change},
	};
	static const struct rest_etagged tagged[] = {{"other", own_shown}, {"things", own_shown}};
	struct http_request *r;
	char seen[REST_ETAG_TEXT];

	rest_add_routes(f->rest, routes, MU_ARRAY_SIZE(routes), &keeper);
	rest_add_tagged(f->rest, tagged, MU_ARRAY_SIZE(tagged), &keeper);
	(void)snprintf(own_name, sizeof own_name, "before");
	r = fixture_call(f, HTTP_GET, "/rest/v0/things/1", NULL);
	(void)snprintf(seen, sizeof seen, "%s", http_request_for_test_reply_header(r, "etag"));
	fixture_expect(r, 200, "{\"id\":\"1\",\"name\":\"before\"}");
	fixture_expect(own(HTTP_GET, "/rest/v0/things/1", "if-none-match", seen), 304, NULL);
	fixture_expect(own(HTTP_PATCH, "/rest/v0/things/1", "if-match", seen), 204, NULL);
	fixture_expect(own(HTTP_PUT, "/rest/v0/things/1/parts/9", "if-match", seen), 204, NULL);
	(void)snprintf(own_name, sizeof own_name, "after");
	r = own(HTTP_PATCH, "/rest/v0/things/1", "if-match", seen);
	cr_expect_str_neq(http_request_for_test_reply_header(r, "etag"), seen);
	fixture_expect(r, 412, "1 has changed since it was read");
	fixture_expect(own(HTTP_PUT, "/rest/v0/things/1/parts/9", "if-match", seen), 412, NULL);
	fixture_expect(own(HTTP_GET, "/rest/v0/things/1", "if-none-match", seen), 200, NULL);
	/* Of what is not there, or not to be seen, no tag is told: that is the handler's. */
	fixture_expect(own(HTTP_PATCH, "/rest/v0/things/2", "if-match", seen), 204, NULL);
	fixture_expect(own(HTTP_DELETE, "/rest/v0/bare/1", "if-match", seen), 400,
		       "is no object that has an ETag");
}

Test(etags, only_of_objects)
{
	fixture_expect(
	    fixture_call_with(f, HTTP_POST, "/rest/v0/vms/actions/start", "{}", "if-match", etag),
	    400, "is no object that has an ETag");
	fixture_expect(fixture_call_with(f, HTTP_POST, "/rest/v0/calls", "{}", "if-match", etag),
		       400, "If-Match: /rest/v0/calls is no object that has an ETag");
	/* Contents are not the object, nor is an upload its host: no tag of these is compared. */
	fixture_expect(
	    fixture_call_with(f, HTTP_PUT, "/rest/v0/vdis/" VDI_1 ".raw", NULL, "if-match", etag),
	    400, "If-Match: /rest/v0/vdis/" VDI_1 ".raw is no object that has an ETag");
	fixture_expect(fixture_call_with(f, HTTP_PATCH, "/rest/v0/hosts/" HOST_1 "/uploads/" TASK_1,
					 NULL, "if-match", etag),
		       400, "is no object that has an ETag");
	fixture_expect(fixture_call_with(f, HTTP_DELETE,
					 "/rest/v0/hosts/" HOST_1 "/uploads/" TASK_1, NULL,
					 "if-match", "*"),
		       400, "is no object that has an ETag");
	fixture_expect(fixture_call_with(f, HTTP_POST, "/rest/v0/vdis/" VDI_1 "/uploads", NULL,
					 "if-match", etag),
		       412, "has changed since it was read");
	/* What is not there is said by who looks for it. */
	fixture_expect(fixture_call_with(f, HTTP_POST, "/rest/v0/vms/" NOBODY "/actions/start",
					 NULL, "if-match", etag),
		       404, "no such VM");
	fixture_expect(
	    fixture_call_with(f, HTTP_POST, "/rest/v0/vms/x/actions/start", NULL, "if-match", etag),
	    404, "no such VM");
}
