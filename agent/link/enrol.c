/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server is trusted because of the token, never on first use: its CA certificate is fetched
 * from anybody, and only if it has the fingerprint that the token carries is the secret sent, over
 * TLS verified against that CA.
 */
#include "agent/link/enrol.h"

#include "agent/link/identity.h"
#include "common/base/arena.h"
#include "common/http/client.h"
#include "common/json/json.h"
#include "common/tls/tls.h"

#include <string.h>

#define PREFIX "mj1."
#define TIMEOUT MU_SEC(30)
enum { ANSWER_MAX = 256 * 1024, HEX_SHA256 = 64 };

static bool is_hex(const char *s, size_t len)
{
	return strspn(s, "0123456789abcdef") >= len;
}

int enrol_token_check(const char *token, char *ret_fingerprint, struct mu_error *err)
{
	const char *secret = token + strlen(PREFIX);
	const char *dot;

	if (!mu_str_has_prefix(token, PREFIX))
		return mu_error_set(err, MU_E_INVALID,
				    "--token: not a join token; hint: make one with the "
				    "aggregator, it begins with " PREFIX);
	dot = strchr(secret, '.');
	if (!dot || dot == secret || !is_hex(secret, (size_t)(dot - secret)) ||
	    strlen(dot + 1) != HEX_SHA256 || !is_hex(dot + 1, HEX_SHA256))
		return mu_error_set(err, MU_E_INVALID,
				    "--token: the join token is cut short or misspelt; hint: copy "
				    "all of it");
	memcpy(ret_fingerprint, dot + 1, HEX_SHA256 + 1);
	return 0;
}

static int check_not_enrolled(const struct enrol_options *o, struct mu_error *err)
{
	MU_CLEANUP(identity_deinit) struct identity id = {.key = NULL};
	struct mu_error ignored = MU_ERROR_INIT;

	if (identity_load(o->tls_dir, &id, &ignored) < 0)
		return 0; /* none, or one that is of no use */
	return mu_error_set(
	    err, MU_E_EXISTS,
	    "this host is enrolled already, with %s; hint: to enrol it anew, remove "
	    "%s/identity.pem and use a token made to replace it",
	    id.address, o->tls_dir);
}

static int fetch_ca(const struct enrol_options *o, const char *fingerprint, char **ret_ca,
		    struct mu_error *err)
{
	MU_CLEANUP(http_client_response_deinit)
	struct http_client_response answer = HTTP_CLIENT_RESPONSE_INIT;
	MU_CLEANUP(mu_free) char *url = mu_xasprintf("%s/rest/v0/ca", o->server);
	struct http_client_request request = {
	    .url = url, .insecure = true, .timeout = TIMEOUT, .body_max = ANSWER_MAX};
	struct tls_cert_info info;

	if (http_client_call(&request, &answer, err) < 0)
		return mu_error_prefix(err, "asking for the CA");
	if (answer.status != 200 || !answer.body.data)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "%s answered %d to the request for its CA; hint: is this an "
				    "aggregator's address?",
				    o->server, answer.status);
	if (tls_cert_read(answer.body.data, &info, err) < 0)
		return mu_error_prefix(err, "the CA certificate of %s", o->server);
	if (strcmp(info.fingerprint, fingerprint))
		return mu_error_set(err, MU_E_DENIED,
				    "%s has another CA than the one the token was made for: it is "
				    "not that aggregator, or something stands between; nothing was "
				    "sent to it; hint: check the address, or make a new token",
				    o->server);
	*ret_ca = mu_str_take(&answer.body);
	return 0;
}

static void build_request(const struct enrol_options *o, const char *csr, struct mu_str *out)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *v = mu_value_object(a);
	char uuid[MU_UUID_TEXT];

	mu_value_set_string(a, v, "token", o->token);
	mu_value_set_string(a, v, "hostId", mu_uuid_format(&o->host.uuid, uuid));
	mu_value_set_string(a, v, "name", o->name);
	mu_value_set_string(a, v, "csr", csr);
	mu_json_write(out, v, false);
}

/* What the aggregator said is the best message there is. */
static int refused(const struct http_client_response *answer, struct mu_arena *a,
		   struct mu_error *err)
{
	struct mu_value *v = NULL;
	const char *text = NULL;

	if (answer->body.data &&
	    mu_json_read(a, answer->body.data, answer->body.len, &v, NULL) == 0)
		text = mu_value_as_string(mu_value_get(v, "error"));
	return mu_error_set(err, MU_E_DENIED, "the aggregator refused the enrolment (%d): %s",
			    answer->status, text ? text : "no reason was given");
}

static int take_answer(const struct http_client_response *answer, const char *ca,
		       struct identity *id, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const char *cert, *address;
	struct mu_value *v;

	if (answer->status != 200 && answer->status != 201)
		return refused(answer, a, err);
	if (mu_json_read(a, answer->body.data ? answer->body.data : "", answer->body.len, &v, err) <
	    0)
		return mu_error_prefix(err, "the aggregator's answer");
	cert = mu_value_as_string(mu_value_get(v, "certificate"));
	address = mu_value_as_string(mu_value_get(v, "fleetAddress"));
	if (!cert || !address)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "the aggregator's answer has no certificate or fleetAddress");
	id->cert = mu_xstrdup(cert);
	id->address = mu_xstrdup(address);
	id->ca = mu_xstrdup(ca);
	return tls_key_matches(id->cert, id->key, err);
}

static int ask(const struct enrol_options *o, const char *ca, struct identity *id,
	       struct mu_error *err)
{
	MU_CLEANUP(http_client_response_deinit)
	struct http_client_response answer = HTTP_CLIENT_RESPONSE_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str body = MU_STR_INIT;
	MU_CLEANUP(mu_free) char *url = mu_xasprintf("%s/rest/v0/enrol", o->server);
	MU_CLEANUP(mu_free) char *csr = NULL;
	const struct http_client_header type = {"Content-Type", "application/json"};
	struct http_client_request request = {.method = "POST",
					      .url = url,
					      .headers = &type,
					      .n_headers = 1,
					      .ca_file = o->server_ca,
					      .ca_pem = o->server_ca ? NULL : ca,
					      .timeout = TIMEOUT,
					      .body_max = ANSWER_MAX};
	char uuid[MU_UUID_TEXT];

	if (tls_key_new(&id->key, err) < 0 ||
	    tls_request_new(id->key, mu_uuid_format(&o->host.uuid, uuid), &csr, err) < 0)
		return MU_FAILED;
	build_request(o, csr, &body);
	request.body = body.data;
	request.body_len = body.len;
	if (http_client_call(&request, &answer, err) < 0)
		return mu_error_prefix(
		    err, "asking for a certificate%s",
		    err->code == MU_E_DENIED && !o->server_ca
			? " (--server-ca: if its HTTPS has one of another authority)"
			: "");
	return take_answer(&answer, ca, id, err);
}

int enrol(const struct enrol_options *o, struct mu_error *err)
{
	MU_CLEANUP(identity_deinit) struct identity id = {.key = NULL};
	MU_CLEANUP(mu_free) char *ca = NULL;
	char fingerprint[HEX_SHA256 + 1];

	if (!mu_str_has_prefix(o->server, "https://"))
		return mu_error_set(err, MU_E_INVALID, "--server: must begin with https://");
	if (enrol_token_check(o->token, fingerprint, err) < 0 || check_not_enrolled(o, err) < 0 ||
	    fetch_ca(o, fingerprint, &ca, err) < 0 || ask(o, ca, &id, err) < 0)
		return MU_FAILED;
	return identity_save(o->tls_dir, &id, err);
}
