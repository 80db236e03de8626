/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store against real files: upgrades, damage, a full disk, refused rows, order. SQLite is
 * also used directly here, to look at the file and to prepare it.
 */
#include "fixture.h"

#include "aggregator/store/access.h"
#include "aggregator/store/alarms.h"
#include "aggregator/store/hosts.h"
#include "aggregator/store/metrics.h"
#include "aggregator/store/tasks.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/os/file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct host_id alpha = {{{0x0a, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1}}};
static const struct host_id beta = {{{0x0a, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 2}}};
static const struct host_id gamma_ = {{{0x0a, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 9}}};

TestSuite(store, .init = setup, .fini = teardown);

/* --- what the store said --- */

struct outcome {
	int n_done;
	int n_failed;
	int n_health_bad;
	int n_health_good;
	int wanted;
	struct mu_error err;
	char order[64];
};

static struct outcome seen;

static void on_health(void *ctx, const struct mu_error *err)
{
	(void)ctx;
	if (err) {
		seen.n_health_bad++;
		seen.err = *err;
	} else {
		seen.n_health_good++;
	}
	if (seen.wanted == 0)
		mu_loop_stop(loop);
}

static void open_store(unsigned page_limit)
{
	struct store_options options = {
	    .path = path, .on_health = on_health, .page_limit = page_limit};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(store_open(loop, &options, &store, &err), 0, "%s", err.text);
}

static int try_open(struct mu_error *err)
{
	struct store_options options = {.path = path};
	int r = store_open(loop, &options, &store, err);

	if (r < 0)
		store = NULL;
	return r;
}

static void done(void *ctx, const struct mu_error *err)
{
	const char *name = ctx;
	size_t len = strlen(seen.order);

	if (err) {
		seen.n_failed++;
		seen.err = *err;
	}
	seen.n_done++;
	if (name && len + 1 < sizeof seen.order)
		seen.order[len] = err ? '!' : name[0];
	if (seen.n_done == seen.wanted)
		mu_loop_stop(loop);
}

/* `done` appends the first letter to seen.order. */
static void *named(const char *name)
{
	return (void *)(uintptr_t)name;
}

static void wait_for(int n)
{
	seen.wanted = n;
	if (seen.n_done < n)
		mu_loop_run(loop);
	cr_assert_eq(seen.n_done, n);
}

/* --- rows --- */

static struct store_host host_row(const struct host_id *id, uint64_t seq)
{
	return (struct store_host){.id = *id,
				   .name = "h",
				   .enrolled_at = 5,
				   .last_seen = 6,
				   .state_epoch = 1,
				   .state_seq = seq,
				   .state = {"x", 1}};
}

static void enrol(const struct host_id *id, enum store_promise promise)
{
	struct store_tx *tx = store_begin(store);
	struct store_host h = host_row(id, 0);

	store_hosts_enrol(tx, &h);
	store_commit(tx, promise, done, NULL);
}

static struct store_host found;
static int n_hosts;

static int find_host(const struct store_host *h, void *arg, struct mu_error *err)
{
	(void)err;
	n_hosts++;
	if (mu_uuid_equal(&h->id.uuid, &((const struct host_id *)arg)->uuid))
		found = *h;
	return 0;
}

static void read_host(const struct host_id *id)
{
	struct mu_error err = MU_ERROR_INIT;

	n_hosts = 0;
	memset(&found, 0, sizeof found);
	cr_assert_eq(store_hosts_list(store, find_host, (void *)(uintptr_t)id, &err), 0, "%s",
		     err.text);
}

static int count_vm(const struct store_vm *vm, void *arg, struct mu_error *err)
{
	(void)vm, (void)err;
	++*(int *)arg;
	return 0;
}

static int n_vms(void)
{
	int n = 0;

	cr_assert_eq(store_vms_list(store, count_vm, &n, NULL), 0);
	return n;
}

static struct store_object last_object;
static char last_state[16];

static int count_object(const struct store_object *o, void *arg, struct mu_error *err)
{
	(void)err;
	last_object = *o;
	snprintf(last_state, sizeof last_state, "%.*s", (int)o->state.len,
		 (const char *)o->state.data);
	++*(int *)arg;
	return 0;
}

static int n_objects(void)
{
	int n = 0;

	cr_assert_eq(store_objects_list(store, count_object, &n, NULL), 0);
	return n;
}

/* --- the file, from outside --- */

static void sql_on_file(const char *sql)
{
	sqlite3 *db;
	char *text = NULL;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &text), SQLITE_OK, "%s", text);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

static int collect(void *ctx, int n, char **values, char **names)
{
	(void)n, (void)names;
	mu_str_add(ctx, values[0] ? values[0] : "");
	mu_str_add(ctx, ";\n");
	return 0;
}

static char *schema_of_file(void)
{
	struct mu_str s = MU_STR_INIT;
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db,
				  "SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
				  " ORDER BY type, name",
				  collect, &s, NULL),
		     SQLITE_OK);
	sqlite3_close(db);
	return mu_str_take(&s);
}

/* The stored dump of an older version. */
static void make_old(int version)
{
	struct mu_str sql = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	char dump[sizeof STORE_DATA + 16];

	snprintf(dump, sizeof dump, "%s/v%d.sql", STORE_DATA, version);
	cr_assert_eq(mu_file_read(dump, 1 << 20, &sql, &err), 0, "%s", err.text);
	sql_on_file(sql.data);
	mu_str_deinit(&sql);
}

/* --- versions --- */

Test(store, a_new_database_is_private_and_empty)
{
	struct stat st;

	open_store(0);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	read_host(&alpha);
	cr_assert_eq(n_hosts, 0);
}

static int keep_task(const struct model_task *t, const char *arguments, void *arg,
		     struct mu_error *err)
{
	struct model_task *tasks = arg;

	(void)err;
	cr_assert_null(arguments);
	cr_assert_lt(t->id.bytes[15], 4);
	tasks[t->id.bytes[15]] = *t;
	return 0;
}

static void check_join(const struct store_join *j, void *arg)
{
	++*(int *)arg;
	if (!strcmp(j->name, "rack 2")) { /* since version 2 */
		cr_assert(mu_uuid_equal(&j->replaces.uuid, &beta.uuid));
		return;
	}
	cr_assert_str_eq(j->name, "rack 1");
	cr_assert_eq(j->used_at, 1794000000000);
	cr_assert(mu_uuid_equal(&j->used_by.uuid, &alpha.uuid));
	cr_assert(mu_uuid_is_nil(&j->replaces.uuid));
}

static void check_cert(const struct store_cert *c, void *arg)
{
	++*(int *)arg;
	cr_assert_eq(c->revoked_at != 0, c->fingerprint[63] == '2');
}

static void check_token(const struct store_token *t, void *arg)
{
	++*(int *)arg;
	cr_assert_str_eq(t->user, "admin");
}

static void check_upgrade(int version, int n_joins)
{
	struct model_task tasks[4] = {{.progress = 0}};
	char copy[80];
	int n = 0;

	make_old(version);
	open_store(0);
	read_host(&alpha);
	cr_assert_eq(n_hosts, 2);
	cr_assert_eq(n_vms(), 3);
	/* What the older program did not keep, the hosts have to say again. */
	cr_assert_eq(found.state_epoch, 0);
	cr_assert_eq(found.state_seq, 0);
	cr_assert_eq(n_objects(), 0);
	cr_assert_eq(store_tasks_list(store, keep_task, tasks, NULL), 0);
	cr_assert_eq(tasks[1].status, TASK_SUCCESS);
	cr_assert_eq(tasks[2].err.code, MU_E_STATE);
	cr_assert_str_eq(tasks[2].err.text, "the VM is Halted");
	cr_assert_eq(tasks[3].status, TASK_PENDING);
	cr_assert_eq(tasks[3].op, VM_OP_CLEAN_SHUTDOWN);
	cr_assert_eq(store_joins_list(store, check_join, &n, NULL), 0);
	cr_assert_eq(store_certs_list(store, check_cert, &n, NULL), 0);
	cr_assert_eq(store_tokens_list(store, check_token, &n, NULL), 0);
	cr_assert_eq(n, 3 + n_joins);
	snprintf(copy, sizeof copy, "%s.v%d", path, version);
	cr_assert_eq(access(copy, F_OK), 0, "the old database was not copied aside");
	unlink(copy);
}

Test(store, upgrade_of_version_1_keeps_everything_and_a_copy)
{
	check_upgrade(1, 1);
}

Test(store, upgrade_of_version_2_keeps_everything_and_a_copy)
{
	check_upgrade(2, 2);
}

/* Both ways from the stored dump of each older version. */
Test(store, every_step_from_its_own_dump)
{
	for (int version = 1; version <= 2; version++) {
		MU_CLEANUP(mu_free) char *old = NULL;
		MU_CLEANUP(mu_free) char *back = NULL;
		struct mu_error err = MU_ERROR_INIT;

		unlink(path);
		make_old(version);
		old = schema_of_file();
		cr_assert_eq(store_migrate(path, version + 1, &err), 0, "%s", err.text);
		cr_assert_eq(store_migrate(path, version, &err), 0, "%s", err.text);
		back = schema_of_file();
		cr_assert_str_eq(old, back, "version %d", version);
		open_store(0);
		read_host(&alpha);
		cr_assert_eq(n_hosts, 2);
		close_store();
	}
}

Test(store, every_step_down_undoes_the_step_up)
{
	enum { NEWEST = 12 };
	struct mu_error err = MU_ERROR_INIT;
	char *schemas[NEWEST + 1] = {NULL};

	make_old(1);
	for (int v = 1; v <= NEWEST; v++) {
		cr_assert_eq(store_migrate(path, v, &err), 0, "%s", err.text);
		schemas[v] = schema_of_file();
		cr_assert(v == 1 || strcmp(schemas[v], schemas[v - 1]) != 0);
	}
	for (int v = NEWEST; v >= 1; v--) {
		MU_CLEANUP(mu_free) char *again = NULL;

		cr_assert_eq(store_migrate(path, v, &err), 0, "%s", err.text);
		again = schema_of_file();
		cr_assert_str_eq(again, schemas[v]);
	}
	open_store(0);
	read_host(&alpha);
	cr_assert_eq(n_hosts, 2, "going back and forth loses no host");
	close_store();
	schemas[0] = schema_of_file();
	cr_assert_str_eq(schemas[0], schemas[NEWEST], "the store opens the newest one");
	free(schemas[0]);
	cr_assert_eq(store_migrate(path, 0, &err), 0, "%s", err.text);
	schemas[0] = schema_of_file();
	cr_assert_str_eq(schemas[0], "");
	cr_assert_lt(store_migrate(path, NEWEST + 1, &err), 0);
	cr_assert_eq(err.code, MU_E_INVALID);
	for (int v = 0; v <= NEWEST; v++)
		free(schemas[v]);
}

Test(store, a_schema_made_step_by_step_is_the_stored_one)
{
	MU_CLEANUP(mu_free) char *made = NULL;
	MU_CLEANUP(mu_free) char *kept = NULL;

	open_store(0);
	close_store();
	cr_assert_eq(store_migrate(path, 1, NULL), 0);
	made = schema_of_file();
	unlink(path);
	make_old(1);
	kept = schema_of_file();
	cr_assert_str_eq(made, kept, "version 1 is released: its step must not change");
}

Test(store, newer_and_foreign_databases_are_refused)
{
	struct mu_error err = MU_ERROR_INIT;

	open_store(0);
	close_store();
	sql_on_file("PRAGMA user_version = 99");
	cr_assert_lt(try_open(&err), 0);
	cr_assert_eq(err.code, MU_E_UNSUPPORTED);
	cr_assert(strstr(err.text, "version 99") && strstr(err.text, "hint:"), "%s", err.text);
	unlink(path);
	sql_on_file("CREATE TABLE somebody_elses(x)");
	cr_assert_lt(try_open(&err), 0);
	cr_assert(strstr(err.text, "not a database of muster-aggregator"), "%s", err.text);
}

/* --- damage --- */

static void scribble(off_t at, size_t len)
{
	MU_CLEANUP(mu_free) char *junk = mu_xmalloc(len);
	int fd = open(path, O_WRONLY);

	memset(junk, 0x5a, len);
	cr_assert_geq(fd, 0);
	cr_assert_eq(pwrite(fd, junk, len, at), (ssize_t)len);
	close(fd);
}

Test(store, a_damaged_database_is_refused_with_advice)
{
	struct mu_error err = MU_ERROR_INIT;

	make_old(1);
	scribble(4096, 4096);
	cr_assert_lt(try_open(&err), 0);
	cr_assert(strstr(err.text, "damaged") && strstr(err.text, "restore a backup"), "%s",
		  err.text);
	cr_assert(strstr(err.text, path), "%s", err.text);
	scribble(0, 64);
	cr_assert_lt(try_open(&err), 0);
	cr_assert(strstr(err.text, "damaged"), "%s", err.text);
}

/* --- writing --- */

Test(store, what_is_done_is_on_disk)
{
	struct store_tx *tx;
	struct store_host h = host_row(&gamma_, 12);
	struct vm_id id = {{{1}}};
	struct store_vm vm = {
	    .host = gamma_, .id = id, .name = "v", .power = "Running", .state = {"abc", 3}};

	open_store(0);
	enrol(&gamma_, STORE_OR_FAIL);
	tx = store_begin(store);
	store_hosts_put_state(tx, &h);
	store_vms_put(tx, &vm);
	store_commit(tx, STORE_KEEP, done, NULL);
	wait_for(2);
	cr_assert_eq(seen.n_failed, 0, "%s", seen.err.text);
	close_store();
	open_store(0);
	read_host(&gamma_);
	cr_assert_eq(found.state_seq, 12);
	cr_assert_eq(n_vms(), 1);
}

Test(store, done_comes_in_order_of_commit)
{
	open_store(0);
	for (int i = 0; i < 8; i++) {
		static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
		struct store_tx *tx = store_begin(store);

		store_setting_put(tx, "x", names[i]);
		store_commit(tx, (enum store_promise)(i % _STORE_PROMISE_COUNT), done,
			     named(names[i]));
	}
	wait_for(8);
	cr_assert_str_eq(seen.order, "abcdefgh");
}

Test(store, lazy_ones_are_written_without_company)
{
	open_store(0);
	enrol(&gamma_, STORE_KEEP_LAZY);
	wait_for(1);
	read_host(&gamma_);
	cr_assert_eq(n_hosts, 1);
}

Test(store, a_refused_transaction_takes_no_neighbour_along)
{
	struct store_cert orphan = {.fingerprint = "ff", .host = alpha, .serial = "1"};
	struct store_tx *tx;

	open_store(0);
	enrol(&gamma_, STORE_OR_FAIL);
	tx = store_begin(store);
	store_setting_put(tx, "left", "behind");
	store_certs_add(tx, &orphan); /* its host is not there */
	store_commit(tx, STORE_OR_FAIL, done, NULL);
	tx = store_begin(store);
	store_setting_put(tx, "after", "it");
	store_commit(tx, STORE_OR_FAIL, done, NULL);
	wait_for(3);
	cr_assert_eq(seen.n_failed, 1);
	cr_assert_eq(seen.err.code, MU_E_STATE);
	cr_assert_eq(seen.n_health_bad, 0, "the disk is fine");
	{
		char *value = NULL;

		cr_assert_eq(store_setting_get(store, "left", &value, NULL), 0);
		cr_assert_null(value, "half of a refused transaction was kept");
		cr_assert_eq(store_setting_get(store, "after", &value, NULL), 0);
		cr_assert_str_eq(value, "it");
		free(value);
	}
}

Test(store, a_join_token_is_used_once)
{
	struct store_join j = {.id = {{3}}, .secret_hash = "aa", .expires_at = 10};
	struct store_tx *tx;

	open_store(0);
	tx = store_begin(store);
	store_joins_add(tx, &j);
	store_commit(tx, STORE_OR_FAIL, done, named("+"));
	for (int i = 0; i < 2; i++) {
		tx = store_begin(store);
		store_joins_use(tx, &j.id, 5, &alpha);
		store_commit(tx, STORE_OR_FAIL, done, named("u"));
	}
	wait_for(3);
	cr_assert_str_eq(seen.order, "+u!");
	cr_assert_eq(seen.err.code, MU_E_STATE);
}

Test(store, a_removed_host_takes_its_rows_along)
{
	struct store_tx *tx;

	make_old(1);
	open_store(0);
	tx = store_begin(store);
	store_hosts_delete(tx, &alpha);
	store_commit(tx, STORE_OR_FAIL, done, NULL);
	wait_for(1);
	read_host(&alpha);
	cr_assert_eq(n_hosts, 1);
	cr_assert_eq(n_vms(), 1);
	/* State that was on its way for it is refused, quietly for all others. */
	tx = store_begin(store);
	store_hosts_put_state(tx, &(struct store_host){.id = alpha, .name = "", .state = {"", 0}});
	store_commit(tx, STORE_KEEP, done, NULL);
	wait_for(2);
	cr_assert_eq(seen.err.code, MU_E_STATE);
}

/* --- a full disk --- */

static void put_big(const char *name, size_t len, enum store_promise promise, const char *label)
{
	struct store_tx *tx = store_begin(store);
	MU_CLEANUP(mu_free) char *text = mu_xmalloc(len + 1);

	memset(text, 'x', len);
	text[len] = '\0';
	store_setting_put(tx, name, text);
	store_commit(tx, promise, done, named(label));
}

static void on_tick(void *ctx)
{
	(void)ctx;
	mu_loop_stop(loop);
}

Test(store, full_disk_fails_who_waits_and_keeps_what_was_promised)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_timer *tick;

	open_store(80);
	put_big("ballast", 100000, STORE_OR_FAIL, "b");
	wait_for(1);
	cr_assert_eq(seen.n_failed, 0, "%s", seen.err.text);
	put_big("kept", 150000, STORE_KEEP, "k");
	put_big("asked", 10, STORE_OR_FAIL, "a");
	seen.wanted = 2;
	mu_loop_run(loop);
	cr_assert_str_eq(seen.order, "b!", "only the one that waits hears of it");
	cr_assert_eq(seen.err.code, MU_E_EXHAUSTED);
	cr_assert(strstr(seen.err.text, "disk is full"), "%s", seen.err.text);
	cr_assert_eq(seen.n_health_bad, 1);
	cr_assert(store_failing(store, &err));
	/* It is tried again, in vain, and told once only. */
	tick = mu_timer_new(loop, on_tick, NULL);
	mu_timer_set(tick, 2500);
	mu_loop_run(loop);
	cr_assert_eq(seen.n_done, 2);
	cr_assert_eq(seen.n_health_bad, 1);
	/* Room again, made by one who asks: then everything goes through, in order. */
	close_store();
	mu_timer_free(tick);
	cr_assert_eq(seen.n_done, 3);
	cr_assert_str_eq(seen.order, "b!!", "closing gives up what could not be stored");
	memset(&seen, 0, sizeof seen);
	open_store(140);
	put_big("kept", 150000, STORE_KEEP, "k");
	put_big("asked", 10, STORE_OR_FAIL, "a");
	wait_for(2);
	cr_assert_str_eq(seen.order, "ka");
}

static void delete_ballast(sqlite3 *db)
{
	cr_assert_eq(sqlite3_exec(db, "UPDATE settings SET value = '' WHERE name = 'ballast'", NULL,
				  NULL, NULL),
		     SQLITE_OK);
}

Test(store, storing_goes_on_by_itself_when_there_is_room)
{
	sqlite3 *db;

	open_store(100);
	put_big("ballast", 100000, STORE_OR_FAIL, "b");
	wait_for(1);
	put_big("one", 150000, STORE_KEEP, "1");
	put_big("two", 10, STORE_KEEP, "2");
	seen.wanted = 0;
	mu_loop_run(loop); /* until the store says that it fails */
	cr_assert_eq(seen.n_health_bad, 1);
	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	delete_ballast(db);
	sqlite3_close(db);
	seen.wanted = 3;
	mu_loop_run(loop);
	cr_assert_str_eq(seen.order, "b12");
	cr_assert_eq(seen.n_health_good, 1);
	cr_assert_eq(seen.n_failed, 0);
}

/* --- objects --- */

static void put_object(const struct host_id *host, const struct mu_uuid *id, const char *state)
{
	struct store_tx *tx = store_begin(store);
	const struct store_object o = {
	    .host = *host, .id = *id, .kind = "sr", .name = "n", .state = {state, strlen(state)}};

	store_objects_put(tx, &o);
	store_commit(tx, STORE_KEEP, done, NULL);
}

Test(store, objects_are_kept_per_host)
{
	const struct mu_uuid sr = {{5}}, vdi = {{6}};
	struct store_tx *tx;

	open_store(0);
	enrol(&alpha, STORE_KEEP);
	enrol(&beta, STORE_KEEP);
	put_object(&alpha, &sr, "old");
	put_object(&alpha, &vdi, "v");
	put_object(&beta, &sr, "other");
	put_object(&alpha, &sr, "new");
	tx = store_begin(store);
	store_objects_delete(tx, &alpha, &vdi);
	store_objects_delete(tx, &beta, &vdi);
	store_commit(tx, STORE_KEEP, done, NULL);
	wait_for(7);
	close_store();
	open_store(0);
	cr_assert_eq(n_objects(), 2);
	tx = store_begin(store);
	store_objects_delete_all(tx, &beta);
	store_commit(tx, STORE_KEEP, done, NULL);
	wait_for(8);
	cr_assert_eq(n_objects(), 1);
	cr_assert(mu_uuid_equal(&last_object.host.uuid, &alpha.uuid));
	cr_assert(mu_uuid_equal(&last_object.id, &sr));
	cr_assert_str_eq(last_state, "new");
	/* They go with their host. */
	tx = store_begin(store);
	store_hosts_delete(tx, &alpha);
	store_commit(tx, STORE_KEEP, done, NULL);
	wait_for(9);
	cr_assert_eq(n_objects(), 0);
}

/* --- the metrics' catalogue --- */

static int count_metric(const struct store_metric_object *o, void *arg, struct mu_error *err)
{
	(void)err;
	++*(int *)arg;
	cr_assert(mu_uuid_equal(&o->id, &alpha.uuid));
	cr_assert(mu_uuid_equal(&o->host, &beta.uuid));
	cr_assert_eq(o->last, UINT32_MAX - 1);
	cr_assert_eq(o->series.len, 2);
	cr_assert_arr_eq(o->series.data, "b\0", 2);
	return 0;
}

static int n_metrics(void)
{
	int n = 0;

	cr_assert_eq(store_metrics_list(store, count_metric, &n, NULL), 0);
	return n;
}

/* Its host need not be there (any more). */
Test(store, metric_objects_are_kept_replaced_and_dropped)
{
	struct store_metric_object o = {.id = alpha.uuid, .host = gamma_.uuid, .series = {"a", 1}};
	struct store_tx *tx;

	open_store(0);
	tx = store_begin(store);
	store_metrics_put(tx, &o);
	o.host = beta.uuid;
	o.last = UINT32_MAX - 1;
	o.series = (struct store_blob){"b\0", 2};
	store_metrics_put(tx, &o);
	store_commit(tx, STORE_OR_FAIL, done, NULL);
	wait_for(1);
	cr_assert_eq(seen.n_failed, 0, "%s", seen.err.text);
	cr_assert_eq(n_metrics(), 1);
	tx = store_begin(store);
	store_metrics_delete(tx, &alpha.uuid);
	store_commit(tx, STORE_KEEP, done, NULL);
	wait_for(2);
	cr_assert_eq(n_metrics(), 0);
}

struct alarm_rows {
	int n_rules;
	int n_targets;
	int n_alarms;
	char text[64];
	struct alarm alarm;
};

static void see_rule(const struct mu_uuid *id, const char *json, void *arg)
{
	struct alarm_rows *rows = arg;

	cr_assert(mu_uuid_equal(id, &alpha.uuid));
	rows->n_rules++;
	snprintf(rows->text, sizeof rows->text, "%s", json);
}

static void see_target(const struct mu_uuid *id, const char *json, void *arg)
{
	struct alarm_rows *rows = arg;

	cr_assert(mu_uuid_equal(id, &beta.uuid));
	cr_assert_str_eq(json, "{\"b\":1}");
	rows->n_targets++;
}

static void see_alarm(const struct alarm *a, void *arg)
{
	struct alarm_rows *rows = arg;

	rows->alarm = *a;
	rows->n_alarms++;
}

static struct alarm_rows alarm_rows(void)
{
	struct alarm_rows rows = {0};

	cr_assert_eq(store_alarm_rules_list(store, see_rule, &rows, NULL), 0);
	cr_assert_eq(store_alarm_targets_list(store, see_target, &rows, NULL), 0);
	cr_assert_eq(store_alarms_list(store, see_alarm, &rows, NULL), 0);
	return rows;
}

Test(store, alarms_their_rules_and_targets)
{
	struct alarm a = {.id = gamma_.uuid,
			  .rule = alpha.uuid,
			  .object = beta.uuid,
			  .of = ALARM_OF_HOST,
			  .level = ALARM_WARNING,
			  .name = "busy",
			  .measured = true,
			  .value = 0.5,
			  .unit = "ratio",
			  .since = 7};
	struct alarm_rows rows;
	struct store_tx *tx;

	open_store(0);
	tx = store_begin(store);
	store_alarm_rules_put(tx, &alpha.uuid, "one", "{}");
	store_alarm_rules_put(tx, &alpha.uuid, "one", "{\"a\":1}");
	store_alarm_targets_add(tx, &beta.uuid, "two", "{\"b\":1}");
	store_alarms_put(tx, &a);
	a.level = ALARM_CRITICAL;
	a.acknowledged_at = 9;
	snprintf(a.acknowledged_by, sizeof a.acknowledged_by, "admin");
	store_alarms_put(tx, &a);
	store_commit(tx, STORE_OR_FAIL, done, NULL);
	wait_for(1);
	cr_assert_eq(seen.n_failed, 0, "%s", seen.err.text);
	rows = alarm_rows();
	cr_assert(rows.n_rules == 1 && rows.n_targets == 1 && rows.n_alarms == 1);
	cr_assert_str_eq(rows.text, "{\"a\":1}");
	cr_assert(mu_uuid_equal(&rows.alarm.object, &a.object) &&
		  mu_uuid_equal(&rows.alarm.rule, &a.rule));
	cr_assert_eq(rows.alarm.of, ALARM_OF_HOST);
	cr_assert_eq(rows.alarm.level, ALARM_CRITICAL);
	cr_assert(rows.alarm.measured && rows.alarm.value > 0.4 && rows.alarm.value < 0.6);
	cr_assert_str_eq(rows.alarm.unit, "ratio");
	cr_assert_eq(rows.alarm.since, 7);
	cr_assert_str_eq(rows.alarm.acknowledged_by, "admin");
	a.measured = false;
	tx = store_begin(store);
	store_alarms_put(tx, &a);
	store_alarm_rules_delete(tx, &alpha.uuid);
	store_alarm_targets_delete(tx, &beta.uuid);
	store_commit(tx, STORE_KEEP, done, NULL);
	wait_for(2);
	rows = alarm_rows();
	cr_assert(rows.n_rules == 0 && rows.n_targets == 0 && !rows.alarm.measured);
	tx = store_begin(store);
	store_alarms_delete(tx, &a.id);
	store_commit(tx, STORE_KEEP, done, NULL);
	wait_for(3);
	cr_assert_eq(alarm_rows().n_alarms, 0);
}

static void see_notice(const struct notify_kept *k, void *arg)
{
	*(struct notify_kept *)arg = *k;
}

/* A target's go with it. */
Test(store, notices_that_wait)
{
	struct notify_kept k = {.target = beta.uuid, .seq = 4, .since = 3, .n_tries = 2}, got = {0};
	struct store_tx *tx;

	open_store(0);
	k.notice = (struct notify_notice){.what = ALARMS_LEVEL, .delivery = alpha.uuid, .wall = 8};
	k.notice.alarm = (struct alarm){.id = gamma_.uuid, .level = ALARM_CRITICAL, .name = "x"};
	tx = store_begin(store);
	store_alarm_notices_put(tx, &k); /* of nobody */
	store_alarm_targets_add(tx, &beta.uuid, "two", "{}");
	store_commit(tx, STORE_OR_FAIL, done, NULL);
	wait_for(1);
	cr_assert_eq(store_alarm_notices_list(store, see_notice, &got, NULL), 0);
	cr_assert_eq(got.seq, 0);
	tx = store_begin(store);
	store_alarm_notices_put(tx, &k);
	store_commit(tx, STORE_KEEP, done, NULL);
	wait_for(2);
	cr_assert_eq(store_alarm_notices_list(store, see_notice, &got, NULL), 0);
	cr_assert(got.seq == 4 && got.since == 3 && got.n_tries == 2 && !got.raised_unsent);
	cr_assert(got.notice.what == ALARMS_LEVEL && got.notice.wall == 8);
	cr_assert(mu_uuid_equal(&got.notice.delivery, &alpha.uuid));
	cr_assert_eq(got.notice.alarm.level, ALARM_CRITICAL);
}
