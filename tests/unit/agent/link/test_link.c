/* SPDX-License-Identifier: Apache-2.0 */
/* What the link writes reads back as it was meant: messages by common/wire, the identity's files.
 */
#include "agent/app/agent.h"
#include "agent/link/enrol.h"
#include "agent/link/identity.h"
#include "agent/link/message.h"
#include "common/os/file.h"
#include "common/wire/wire.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static Muster__V1__AgentMessage *unpack(struct mu_arena *a, struct message m)
{
	struct mu_error err = MU_ERROR_INIT;
	Muster__V1__AgentMessage *out = NULL;

	cr_assert_eq(wire_unpack_agent_message(a, m.data, m.len, &out, &err), 0, "%s", err.text);
	return out;
}

Test(message, hello)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct host_id host = {{{0xab}}};
	struct message_hello h = {
	    .host = &host, .boot_id = "boot", .state_epoch = 7, .acked_seq = 8, .metric_epoch = 9};
	Muster__V1__AgentMessage *m = unpack(a, message_hello(a, &h));

	cr_assert_eq(m->kind_case, MUSTER__V1__AGENT_MESSAGE__KIND_HELLO);
	cr_assert_eq(m->hello->protocol, 1);
	cr_assert_str_eq(m->hello->host_id, "ab000000-0000-0000-0000-000000000000");
	cr_assert_str_eq(m->hello->boot_id, "boot");
	cr_assert_str_eq(m->hello->agent_version, MUSTER_VERSION);
	cr_assert(m->hello->state_epoch == 7 && m->hello->last_acked_seq == 8 &&
		  m->hello->metric_epoch == 9);
}

Test(message, metrics)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct metric_series series[2] = {
	    {.object = {{1}}, .name = "cpu", .kind = METRIC_GAUGE, .unit = METRIC_RATIO},
	    {.object = {{2}},
	     .name = "vif_0_rx",
	     .kind = METRIC_RATE,
	     .unit = METRIC_BYTES_PER_S,
	     .since = 1790000000123},
	};
	float values[2] = {0.5f, NAN};
	struct window_dictionary d = {.generation = 3, .n = 2, .series = series};
	const int64_t counted[2] = {-1, WINDOW_UNKNOWN};
	struct window_batches b = {
	    .generation = 3,
	    .ack_later = true,
	    .n = 2,
	    .batch = {{.seq = 4,
		       .time = 5000,
		       .n = 2,
		       .value = values,
		       .base = true,
		       .n_counted = 2,
		       .counted = counted},
		      {.seq = 5, .time = 10000, .n = 2, .value = values}},
	};
	const Muster__V1__MetricBatch *first;
	Muster__V1__AgentMessage *m = unpack(a, message_dictionary(a, &d));

	cr_assert_eq(m->metric_dictionary->n_series, 2);
	cr_assert_str_eq(m->metric_dictionary->series[1]->name, "vif_0_rx");
	cr_assert_str_eq(m->metric_dictionary->series[1]->unit, "bytes/s");
	cr_assert_eq(m->metric_dictionary->series[1]->kind,
		     MUSTER__V1__METRIC_KIND__METRIC_KIND_RATE);
	cr_assert_eq(m->metric_dictionary->series[0]->kind,
		     MUSTER__V1__METRIC_KIND__METRIC_KIND_GAUGE);
	cr_assert_eq(m->metric_dictionary->series[0]->object_id.data[0], 1);
	cr_assert_eq(m->metric_dictionary->series[0]->counted_since_ms, 0);
	cr_assert_eq(m->metric_dictionary->series[1]->counted_since_ms, 1790000000123);
	m = unpack(a, message_batches(a, &b));
	cr_assert(m->metric_batches->generation == 3 && m->metric_batches->ack_later &&
		  m->metric_batches->n_batch == 2);
	first = m->metric_batches->batch[0];
	cr_assert(first->seq == 4 && first->time_ms == 5000 && first->n_value == 2);
	cr_assert(first->value[0] == 0.5f && isnan(first->value[1]));
	cr_assert(first->counted_base && first->n_counted == 2);
	cr_assert(first->counted[0] == -1 && first->counted[1] == INT64_MIN);
	cr_assert(m->metric_batches->batch[1]->seq == 5 &&
		  !m->metric_batches->batch[1]->counted_base);
}

Test(message, results)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct journal_entry e = {.task = {{1}},
				  .kind = JOURNAL_DEFINE,
				  .op = _VM_OP_COUNT,
				  .vm = {{{2}}},
				  .status = TASK_SUCCESS,
				  .finished_at = 77};
	struct mu_error err = {.code = MU_E_UNSUPPORTED, .text = "no"};
	struct task_line lines[] = {{.at = 8, .text = (char[]){"one"}},
				    {.at = 9, .warning = true, .text = (char[]){"two"}}};
	struct task_lines said = {.lines = lines, .n = 2};
	Muster__V1__AgentMessage *m = unpack(a, message_result(a, &e));

	cr_assert_eq(m->result->status, MUSTER__V1__COMMAND_STATUS__COMMAND_STATUS_SUCCESS);
	cr_assert(m->result->vm_id.len == 16 && m->result->vm_id.data[0] == 2);
	cr_assert_eq(m->result->finished_at_ms, 77);
	cr_assert_str_empty(m->result->error_code);
	e.kind = JOURNAL_ACTION;
	e.status = TASK_INTERRUPTED;
	e.err = err;
	m = unpack(a, message_result(a, &e));
	cr_assert_eq(m->result->status, MUSTER__V1__COMMAND_STATUS__COMMAND_STATUS_INTERRUPTED);
	cr_assert_eq(m->result->vm_id.len, 0);
	cr_assert_str_eq(m->result->error_code, "UNSUPPORTED");
	cr_assert_str_eq(m->result->error_text, "no");
	m = unpack(a, message_refusal(a, &e.task, &err, 5));
	cr_assert_eq(m->result->status, MUSTER__V1__COMMAND_STATUS__COMMAND_STATUS_FAILURE);
	m = unpack(a, message_progress(a, &e.task, 40));
	cr_assert_eq(m->progress->percent, 40);
	m = unpack(a, message_lines(a, &e.task, &said));
	cr_assert_eq(m->task_lines->n_line, 2);
	cr_assert_str_eq(m->task_lines->line[1]->text, "two");
	cr_assert(m->task_lines->line[1]->warning && m->task_lines->line[1]->at_ms == 9);
	m = unpack(a, message_certificate_request(a, "csr"));
	cr_assert_str_eq(m->certificate_request->csr, "csr");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* A whole agent on a simulated host, for what it says of itself. */

static struct app *agent_new(struct mu_loop *loop, const char *dir)
{
	struct agent_config config = {.state = dir,
				      .hypervisor = "sim",
				      .name = "host",
				      .sim_seed = 1,
				      .sim_cpus = 2,
				      .sim_memory_mib = 1024,
				      .sim_foreign = 2};
	struct mu_error err = MU_ERROR_INIT;
	struct app *app;

	cr_assert_eq(app_new(loop, &config, &app, &err), 0, "%s", err.text);
	return app;
}

static void agent_stop(struct mu_loop *loop, struct app *app, const char *dir)
{
	app_stop(app, (mu_loop_cb)mu_loop_stop, loop);
	mu_loop_run(loop);
	mu_loop_free(loop);
	cr_assert_eq(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static struct model_object vdi(unsigned n)
{
	struct model_object o;

	model_object_init(&o, OBJECT_VDI);
	memcpy(o.id.bytes, &n, sizeof n);
	o.id.bytes[15] = o.vdi.sr.bytes[15] = 7;
	memset(o.description, 'd', MODEL_TEXT_MAX);
	return o;
}

struct heard {
	unsigned n[3];
	char name[MODEL_NAME_MAX + 1];
};

static void on_object(void *ctx, enum app_change what, const struct model_object *o)
{
	struct heard *heard = ctx;

	heard->n[what]++;
	memcpy(heard->name, o->name, sizeof heard->name);
}

Test(message, a_snapshot_that_is_too_large_names_the_rest)
{
	enum { N = 14000 }; /* of 300 bytes: more than one message holds */
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	char dir[] = "/tmp/muster-message-XXXXXX";
	struct mu_loop *loop = mu_loop_new();
	struct sync_delta delta = {.seq = 5, .n_changed = 2, .n_removed = 1};
	struct heard heard = {.n = {0}};
	struct app_listener listener = {.object = on_object, .ctx = &heard};
	Muster__V1__AgentMessage *m;
	struct message_later later;
	struct model_object o;
	struct message packed;
	struct app *app;
	size_t n_vms = 0, n_own = 0; /* the simulated host's cards and bridges */

	cr_assert_not_null(mkdtemp(dir));
	app = agent_new(loop, dir);
	for (size_t i = 0; app_object_next(app, _OBJECT_KIND_COUNT, &i);)
		n_own++;
	app_listen(app, &listener);
	for (unsigned n = 0; n < N; n++) {
		o = vdi(n);
		app_object_set(app, &o);
	}
	app_object_set(app, &o);
	cr_assert(heard.n[APP_ADDED] == N && heard.n[APP_UPDATED] == 0, "the same is no news");
	for (size_t i = 0; app_vm_next(app, &i);)
		n_vms++;
	packed = message_snapshot(a, app, 9, 4, &later);
	m = unpack(a, packed);
	cr_assert(m->snapshot->epoch == 9 && m->snapshot->seq == 4 && m->snapshot->host);
	cr_assert_eq(m->snapshot->n_vms, n_vms);
	cr_assert_gt(later.n, 0);
	cr_assert_eq(m->snapshot->n_objects + later.n, N + n_own);
	cr_assert_eq(m->snapshot->n_later, later.n);
	cr_assert_arr_eq(m->snapshot->later[later.n - 1].data, later.ids[later.n - 1].bytes, 16);
	cr_assert_gt(packed.len, WIRE_MESSAGE_MAX / 2, "room is used");
	/* A delta brings it: what is gone meanwhile is left out. */
	delta.changed[0] = later.ids[0];
	delta.changed[1] = (struct mu_uuid){{99}};
	delta.removed[0] = o.id;
	m = unpack(a, message_delta(a, app, &delta));
	cr_assert(m->delta->n_vms == 0 && m->delta->n_objects == 1 && m->delta->n_removed == 1);
	cr_assert_arr_eq(m->delta->objects[0]->id.data, later.ids[0].bytes, 16);
	(void)snprintf(o.name, sizeof o.name, "renamed");
	app_object_set(app, &o);
	app_object_remove(app, &o.id);
	app_object_remove(app, &o.id);
	cr_assert(heard.n[APP_UPDATED] == 1 && heard.n[APP_REMOVED] == 1);
	cr_assert_str_eq(heard.name, "renamed");
	cr_assert_null(app_object_find(app, &o.id));
	app_unlisten(&listener);
	agent_stop(loop, app, dir);
}

static void remove_all(const char *dir)
{
	static const char *const names[] = {"identity.pem", "ca.crt", "fleet-address"};
	char path[256];

	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		(void)remove(path);
	}
	(void)remove(dir);
}

static char *certificate(const char *key)
{
	struct mu_error err = MU_ERROR_INIT;
	char *cert = NULL;

	cr_assert_eq(tls_ca_new(key, "name", 1000000000000, MU_SEC(3600), &cert, &err), 0, "%s",
		     err.text);
	return cert;
}

Test(identity, saved_loaded_and_renewed)
{
	MU_CLEANUP(identity_deinit) struct identity id = {.key = NULL};
	MU_CLEANUP(identity_deinit) struct identity back = {.key = NULL};
	MU_CLEANUP(mu_free) char *other = NULL;
	char dir[] = "/tmp/muster-identity-XXXXXX";
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_not_null(mkdtemp(dir));
	cr_assert_lt(identity_load(dir, &back, &err), 0);
	cr_assert_eq(err.code, MU_E_NOT_FOUND, "not enrolled is no other error");
	cr_assert_eq(tls_key_new(&id.key, &err), 0);
	id.cert = certificate(id.key);
	id.ca = mu_xstrdup(id.cert);
	id.address = mu_xstrdup("host:1\n");
	cr_assert_eq(identity_save(dir, &id, &err), 0, "%s", err.text);
	cr_assert_eq(identity_load(dir, &back, &err), 0, "%s", err.text);
	cr_assert_str_eq(back.key, id.key);
	cr_assert_str_eq(back.cert, id.cert);
	cr_assert_str_eq(back.address, "host:1");
	cr_assert_str_eq(back.info.common_name, "name");
	/* A key that is another certificate's. */
	identity_deinit(&back);
	cr_assert_eq(tls_key_new(&other, &err), 0);
	cr_assert_eq(identity_save_cert(dir, other, id.cert, &err), 0);
	cr_assert_lt(identity_load(dir, &back, &err), 0);
	cr_assert(strstr(err.text, "enrol this host anew"), "%s", err.text);
	cr_assert_eq(identity_save_cert(dir, "", id.cert, &err), 0);
	cr_assert_lt(identity_load(dir, &back, &err), 0);
	remove_all(dir);
}

Test(enrol, a_token_has_a_form)
{
	static const char good[] =
	    "mj1.00112233445566778899aabbccddeeff."
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const char *const bad[] = {"", "mj2.00.11", "mj1.", "mj1.00", "mj1.0g.11"};
	struct mu_error err = MU_ERROR_INIT;
	char fingerprint[65];

	cr_assert_eq(enrol_token_check(good, fingerprint, &err), 0);
	cr_assert_str_eq(fingerprint, good + 37);
	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		cr_assert_lt(enrol_token_check(bad[i], fingerprint, &err), 0);
		cr_assert_eq(err.code, MU_E_INVALID);
	}
}
