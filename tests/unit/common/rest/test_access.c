/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets in, which routes there are. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <string.h>

static struct fixture *f;

static void setup(void)
{
	f = fixture_new();
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(access, .init = setup, .fini = teardown);

/* base64 of "any:secret", "x:look:only", "nocolon" */
#define BASIC_SECRET "Basic YW55OnNlY3JldA=="
#define BASIC_COLON "Basic eDpsb29rOm9ubHk="
#define BASIC_NO_COLON "Basic bm9jb2xvbg=="

Test(access, tokens_are_taken_from_where_clients_put_them)
{
	static const struct {
		const char *header;
		const char *value;
		int status;
	} table[] = {
	    {"authorization", "Bearer secret", 200},
	    {"authorization", "bearer  secret", 200},
	    {"authorization", "Bearer wrong", 401},
	    {"authorization", "Bearer", 400},
	    {"authorization", BASIC_SECRET, 200},
	    {"authorization", BASIC_COLON, 200},
	    {"authorization", BASIC_NO_COLON, 401},
	    {"authorization", "Basic ****", 401},
	    {"authorization", "Digest secret", 401},
	    {"authorization", "", 400},
	    {"authorization", "Basic", 400},
	    {"authorization", "Bearer   ", 400},
	    {"authorization", "Bearersecret", 400},
	    {"authorization", "Basic YW55OnNlY3JldA", 200},    /* without its padding */
	    {"authorization", "Basic YW55OnNlY3JldA==x", 401}, /* something behind it */
	    {"authorization", "Basic YW55OnNl=Y3JldA", 401},
	    {"authorization", "Basic YW55OnNlY3JldAA=", 401}, /* a NUL behind it */
	    {"authorization", "Basic =", 401},
	    {"cookie", "authenticationToken=secret", 200},
	    {"cookie", "a=b; authenticationToken=secret; c=d", 200},
	    {"cookie", "token=secret", 200},
	    {"cookie", "token=wrong", 401},
	    {"cookie", "xtoken=secret", 401},
	    {"cookie", "=;;token", 401},
	    {"cookie", "token=secret; authenticationToken=wrong", 401},
	    {"cookie", "authenticationToken=", 401},
	    {NULL, NULL, 401},
	};

	struct rest_counts counts;

	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++) {
		struct http_request *r =
		    fixture_call_as(f, HTTP_GET, "/rest/v0/vms", table[i].header, table[i].value);

		cr_expect_eq(http_request_for_test_status(r), table[i].status, "%s: %s",
			     table[i].header, table[i].value);
		if (table[i].status == 401)
			cr_expect(strstr(http_request_for_test_reply_header(r, "www-authenticate"),
					 "Bearer"));
		http_request_for_test_free(r);
	}
	rest_counts(f->rest, &counts);
	cr_assert_eq(counts.n_requests[HTTP_GET], MU_ARRAY_SIZE(table));
	cr_assert_eq(counts.n_refused, 19);
}

Test(access, a_header_and_a_cookie)
{
	static const char *const headers[] = {"Bearer secret", "Bearer wrong", BASIC_SECRET};
	static const char *const cookies[] = {"token=secret", "a=b; authenticationToken=x"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(headers); i++)
		for (size_t k = 0; k < MU_ARRAY_SIZE(cookies); k++) {
			struct http_request *r =
			    http_request_for_test(HTTP_GET, "/rest/v0/vms", NULL);

			http_request_for_test_header(r, "authorization", headers[i]);
			http_request_for_test_header(r, "cookie", cookies[k]);
			http_request_for_test_replied(r, rest_handle(r, f->rest));
			fixture_expect(r, 400, "hint: send one");
		}
	fixture_expect(
	    fixture_call_with(f, HTTP_GET, "/rest/v0/vms", NULL, "cookie", "other=thing"), 200,
	    VM_WEB);
}

Test(access, open_routes_need_no_token)
{
	fixture_expect(fixture_call_as(f, HTTP_GET, "/rest/v0/ping", NULL, NULL), 200, "pong");
	fixture_expect(fixture_call_as(f, HTTP_GET, "/rest/v0", NULL, NULL), 200, "/rest/v0/vms");
}

Test(access, strangers_do_not_learn_paths)
{
	fixture_expect(fixture_call_as(f, HTTP_GET, "/nothing", NULL, NULL), 401, "token");
	fixture_expect(fixture_call_as(f, HTTP_PUT, "/rest/v0/vms", NULL, NULL), 401, "token");
}

Test(access, unknown_paths_and_methods)
{
	struct http_request *r =
	    fixture_call(f, HTTP_DELETE, "/rest/v0/hosts/" HOST_1 "/vms", NULL);

	cr_expect_str_eq(http_request_for_test_reply_header(r, "allow"), "POST");
	fixture_expect(r, 405, "DELETE is not possible here");
	r = fixture_call(f, HTTP_OTHER, "/rest/v0/vms/" VM_WEB, NULL);
	cr_expect_str_eq(http_request_for_test_reply_header(r, "allow"), "GET, PATCH, DELETE");
	fixture_expect(r, 405, NULL);
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/nothing", NULL), 404, "no such path");
	fixture_expect(fixture_call(f, HTTP_GET, "/", NULL), 404, "no such path");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/vms/", NULL), 404, "no such path");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/vmsx", NULL), 404, "no such path");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/vms/" VM_WEB "/x/y/z", NULL), 404, NULL);
}

Test(access, viewers_may_not_change)
{
	fixture_expect(fixture_call_as(f, HTTP_GET, "/rest/v0/vms", "authorization", BASIC_COLON),
		       200, VM_WEB);
	fixture_expect(fixture_call_as(f, HTTP_POST, "/rest/v0/vms/" VM_DB "/actions/start",
				       "authorization", BASIC_COLON),
		       403, "viewer has no privilege vm:start for");
	cr_expect_eq(f->n_ops, 0);
}

static struct http_reply *show_id(struct http_request *r, const struct rest_user *user,
				  const char *id, void *ctx)
{
	struct mu_value *v = mu_value_object(r->arena);

	cr_expect_eq(ctx, f);
	mu_value_set_string(r->arena, v, "user", user ? user->name : NULL);
	mu_value_set_string(r->arena, v, "id", id);
	return http_reply_json(r, 200, v);
}

Test(access, further_routes)
{
	static const struct rest_route more[] = {
	    {HTTP_POST, "/rest/v0/enrol", REST_OPEN, show_id},
	    {HTTP_GET, "/rest/v0/join-tokens/{id}", "host:join", show_id},
	};
	struct http_request *r;

	rest_add_routes(f->rest, more, MU_ARRAY_SIZE(more), f);
	fixture_expect(fixture_call_as(f, HTTP_POST, "/rest/v0/enrol", NULL, NULL), 200,
		       "{\"user\":null,\"id\":null}");
	fixture_expect(fixture_call(f, HTTP_GET, "/rest/v0/join-tokens/7", NULL), 200,
		       "{\"user\":\"admin\",\"id\":\"7\"}");
	fixture_expect(fixture_call_as(f, HTTP_GET, "/rest/v0/join-tokens/7", NULL, NULL), 401,
		       NULL);
	r = fixture_call(f, HTTP_POST, "/rest/v0/join-tokens/7", NULL);
	cr_expect_str_eq(http_request_for_test_reply_header(r, "allow"), "GET");
	fixture_expect(r, 405, NULL);
}
