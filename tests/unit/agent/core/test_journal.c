/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/journal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mu_uuid task_of(unsigned n)
{
	struct mu_uuid u = {{0}};

	u.bytes[14] = (uint8_t)(n >> 8);
	u.bytes[15] = (uint8_t)n;
	u.bytes[0] = 1;
	return u;
}

static struct journal_entry entry_of(unsigned n, bool local)
{
	struct journal_entry e = {.task = task_of(n),
				  .kind = JOURNAL_ACTION,
				  .op = VM_OP_START,
				  .vm = {{{7}}},
				  .local = local,
				  .user = "root (local) 100%",
				  .accepted_at = 1000};

	return e;
}

static void accept(struct journal *j, unsigned n, bool local, struct mu_str *out)
{
	struct journal_entry e = entry_of(n, local);

	cr_assert_eq(journal_accept(j, &e, out, NULL), 0);
}

static struct journal *reload(const struct mu_str *text, size_t *ret_n_damaged)
{
	struct journal *j = journal_new();

	journal_load(j, text->data ? text->data : "", text->len, ret_n_damaged);
	return j;
}

Test(journal, everything_comes_back)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(journal_free) struct journal *j = journal_new();
	MU_CLEANUP(journal_free) struct journal *back = NULL;
	struct vm_facts facts = {.power = VM_PAUSED, .present = true, .domid = {12}};
	struct mu_error err = {.code = MU_E_STATE, .text = "bad:\tthing\n"};
	const struct journal_entry *e;
	struct journal_entry define = entry_of(4, false);
	struct mu_uuid id;
	size_t n_damaged, iter = 0;

	for (unsigned n = 1; n <= 3; n++)
		accept(j, n, n == 2, &text);
	define.kind = JOURNAL_DEFINE;
	define.op = _VM_OP_COUNT;
	(void)snprintf(define.user, sizeof define.user, "-");
	cr_assert_eq(journal_accept(j, &define, &text, NULL), 0);
	id = task_of(1);
	journal_start(j, &id, &facts, "boot-1", 2000, &text);
	journal_done(j, &id, TASK_FAILURE, &err, NULL, 3000, &text);
	id = task_of(2);
	journal_start(j, &id, NULL, "", 2500, &text);
	id = task_of(3);
	journal_done(j, &id, TASK_SUCCESS, NULL, NULL, 3500, &text);
	journal_forget(j, &id, &text);
	journal_forget(j, &id, &text);

	back = reload(&text, &n_damaged);
	cr_assert_eq(n_damaged, 0);
	cr_assert_eq(journal_size(back), 3);
	e = journal_next(back, &iter);
	cr_assert_eq(e->stage, JOURNAL_DONE);
	cr_assert_eq(e->status, TASK_FAILURE);
	cr_assert_eq(e->err.code, MU_E_STATE);
	cr_assert_str_eq(e->err.text, "bad:\tthing\n");
	cr_assert_eq(e->power_before, VM_PAUSED);
	cr_assert_eq(e->domid_before, 12);
	cr_assert_str_eq(e->boot_id, "boot-1");
	cr_assert(e->started_at == 2000 && e->finished_at == 3000 && e->accepted_at == 1000);
	cr_assert(!e->local && e->vm.uuid.bytes[0] == 7);
	cr_assert_str_eq(e->user, "root (local) 100%");
	e = journal_next(back, &iter);
	cr_assert_eq(e->stage, JOURNAL_STARTED);
	cr_assert(e->local && e->domid_before == -1 && e->power_before == VM_UNKNOWN);
	e = journal_next(back, &iter);
	cr_assert_eq(e->kind, JOURNAL_DEFINE);
	cr_assert_eq(e->op, _VM_OP_COUNT);
	cr_assert_str_eq(e->user, "-");
	cr_assert_null(journal_next(back, &iter));
	cr_assert_null(journal_find(back, &id));
}

static struct journal_entry call_of(unsigned n, const char *method, char *arguments)
{
	struct journal_entry e = entry_of(n, false);

	e.kind = JOURNAL_CALL;
	e.op = _VM_OP_COUNT;
	e.object = e.vm.uuid;
	e.arguments = arguments;
	(void)snprintf(e.method, sizeof e.method, "%s", method);
	return e;
}

/* Arguments for as long as it is not done, the value from then on; over rewriting as well. */
Test(journal, calls_come_back)
{
	static char text[] = "{\"nameLabel\":\"a b\\n100%\"}";
	MU_CLEANUP(mu_str_deinit) struct mu_str lines = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str again = MU_STR_INIT;
	MU_CLEANUP(journal_free) struct journal *j = journal_new();
	MU_CLEANUP(journal_free) struct journal *back = NULL;
	MU_CLEANUP(journal_free) struct journal *rewritten = NULL;
	struct journal_entry edit = call_of(1, "vm.edit", text);
	struct journal_entry scan = call_of(2, "sr.scan", NULL);
	struct journal_entry newer = call_of(3, "vm.teleport", text);
	const struct journal_entry *e;
	struct mu_uuid id = task_of(1);
	size_t n_damaged;

	cr_assert_eq(journal_accept(j, &edit, &lines, NULL), 0);
	cr_assert_neq(journal_find(j, &id)->arguments, text, "a copy of its own");
	cr_assert_eq(journal_accept(j, &scan, &lines, NULL), 0);
	cr_assert_eq(journal_accept(j, &newer, &lines, NULL), 0);
	back = reload(&lines, &n_damaged);
	cr_assert_eq(n_damaged, 0);
	e = journal_find(back, &id);
	cr_assert_eq(e->kind, JOURNAL_CALL);
	cr_assert_str_eq(e->method, "vm.edit");
	cr_assert_str_eq(e->arguments, text);
	cr_assert(mu_uuid_equal(&e->vm.uuid, &e->object), "it is about a VM");
	id = task_of(2);
	e = journal_find(back, &id);
	cr_assert_null(e->arguments);
	cr_assert(mu_uuid_is_nil(&e->vm.uuid) && !mu_uuid_is_nil(&e->object));
	id = task_of(3);
	cr_assert(mu_uuid_is_nil(&journal_find(back, &id)->vm.uuid), "of a newer agent");

	id = task_of(1);
	journal_done(j, &id, TASK_SUCCESS, NULL, "{\"id\":\"a b\"}", 5, &lines);
	cr_assert_null(journal_find(j, &id)->arguments);
	journal_encode(j, &again);
	rewritten = reload(&again, &n_damaged);
	cr_assert_eq(n_damaged, 0);
	e = journal_find(rewritten, &id);
	cr_assert_str_eq(e->value, "{\"id\":\"a b\"}");
	cr_assert_null(e->arguments);
	cr_assert_eq(e->stage, JOURNAL_DONE);
}

Test(journal, arguments_are_bounded)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str lines = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str all = MU_STR_INIT;
	MU_CLEANUP(journal_free) struct journal *j = journal_new();
	MU_CLEANUP(mu_free) char *text = mu_xcalloc(1, CALL_ARGUMENTS_MAX + 1);
	struct mu_error err = MU_ERROR_INIT;
	struct journal_entry e;
	struct mu_uuid id;
	unsigned n = 0;

	memset(text, ' ', CALL_ARGUMENTS_MAX);
	for (;; n++) {
		e = call_of(n, "vm.edit", text);
		if (journal_accept(j, &e, &lines, &err) < 0)
			break;
	}
	cr_assert_eq(n, JOURNAL_ARGUMENTS_MAX / CALL_ARGUMENTS_MAX);
	cr_assert_eq(err.code, MU_E_EXHAUSTED);
	cr_assert(strstr(err.text, "bytes of arguments"));
	cr_assert_not(journal_wants_rewrite(j), "all of it is alive");
	for (unsigned i = 0; i < n; i++) {
		id = task_of(i);
		journal_done(j, &id, TASK_SUCCESS, NULL, NULL, 1, &lines);
	}
	cr_assert(journal_wants_rewrite(j), "few lines, but long ones, and nobody needs them");
	journal_encode(j, &all);
	cr_assert_not(journal_wants_rewrite(j));
	cr_assert_lt(all.len, 16 << 10);
	e = call_of(n, "vm.edit", text);
	cr_assert_eq(journal_accept(j, &e, &lines, &err), 0, "there is room again");
}

Test(journal, rewriting_keeps_the_meaning)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str lines = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str first = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str second = MU_STR_INIT;
	MU_CLEANUP(journal_free) struct journal *j = journal_new();
	MU_CLEANUP(journal_free) struct journal *back = NULL;
	struct vm_facts facts = {.power = VM_HALTED};
	struct mu_uuid id;
	size_t n_damaged;

	for (unsigned n = 0; n < 200; n++) {
		accept(j, n, false, &lines);
		id = task_of(n);
		if (n % 4)
			journal_start(j, &id, &facts, "b", 1, &lines);
		if (n % 4 > 1)
			journal_done(j, &id, TASK_SUCCESS, NULL, NULL, 2, &lines);
		if (n % 4 > 2)
			journal_forget(j, &id, &lines);
	}
	cr_assert_not(journal_wants_rewrite(j));
	for (unsigned n = 0; n < 200; n++) {
		id = task_of(n);
		journal_forget(j, &id, &lines);
	}
	accept(j, 500, false, &lines);
	cr_assert(journal_wants_rewrite(j));
	accept(j, 501, true, &lines);
	id = task_of(501);
	journal_start(j, &id, &facts, "b", 5, &lines);
	accept(j, 502, true, &lines);
	id = task_of(502);
	journal_done(j, &id, TASK_INTERRUPTED, NULL, NULL, 5, &lines);
	journal_encode(j, &first);
	cr_assert_not(journal_wants_rewrite(j));
	back = reload(&first, &n_damaged);
	cr_assert_eq(n_damaged, 0);
	journal_encode(back, &second);
	cr_assert_str_eq(first.data, second.data);
}

Test(journal, an_id_is_known_once)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(journal_free) struct journal *j = journal_new();
	struct journal_entry e = entry_of(1, false);
	struct mu_error err = MU_ERROR_INIT;

	accept(j, 1, false, &text);
	cr_assert_lt(journal_accept(j, &e, &text, &err), 0);
	cr_assert_eq(err.code, MU_E_EXISTS);
}

Test(journal, it_is_bounded)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(journal_free) struct journal *j = journal_new();
	MU_CLEANUP(journal_free) struct journal *back = NULL;
	struct journal_entry e = entry_of(JOURNAL_ENTRIES_MAX, false);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_uuid first = task_of(0);
	size_t n_damaged;

	for (unsigned n = 0; n < JOURNAL_ENTRIES_MAX; n++)
		accept(j, n, false, &text);
	cr_assert_lt(journal_accept(j, &e, &text, &err), 0);
	cr_assert_eq(err.code, MU_E_EXHAUSTED);
	/* A file with more than that (of a newer version): the oldest are dropped. */
	journal_forget(j, &first, &text);
	cr_assert_eq(journal_accept(j, &e, &text, &err), 0);
	text.data[0] = '!'; /* the first accept is damaged, its forget belongs to nothing */
	back = reload(&text, &n_damaged);
	cr_assert_eq(n_damaged, 2);
	cr_assert_eq(journal_size(back), JOURNAL_ENTRIES_MAX);
	journal_load(back, text.data, text.len, &n_damaged);
	cr_assert_eq(journal_size(back), JOURNAL_ENTRIES_MAX);
}

Test(journal, too_many_entries_in_a_file)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(journal_free) struct journal *a = journal_new();
	MU_CLEANUP(journal_free) struct journal *b = journal_new();
	MU_CLEANUP(journal_free) struct journal *back = NULL;
	struct mu_uuid oldest = task_of(0), newest = task_of(JOURNAL_ENTRIES_MAX + 9);
	size_t n_damaged;

	for (unsigned n = 0; n < JOURNAL_ENTRIES_MAX; n++)
		accept(a, n, false, &text);
	for (unsigned n = 0; n < 10; n++)
		accept(b, JOURNAL_ENTRIES_MAX + n, false, &text);
	back = reload(&text, &n_damaged);
	cr_assert_eq(n_damaged, 0);
	cr_assert_eq(journal_size(back), JOURNAL_ENTRIES_MAX);
	cr_assert_null(journal_find(back, &oldest));
	cr_assert_not_null(journal_find(back, &newest));
}

Test(journal, local_results_are_kept_for_a_while)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(journal_free) struct journal *j = journal_new();
	struct mu_uuid id;

	accept(j, 5000, false, &text);
	for (unsigned n = 0; n < JOURNAL_LOCAL_DONE_MAX + 10; n++) {
		accept(j, n, true, &text);
		id = task_of(n);
		journal_done(j, &id, TASK_SUCCESS, NULL, NULL, 1, &text);
	}
	cr_assert_eq(journal_size(j), JOURNAL_LOCAL_DONE_MAX + 1);
	id = task_of(9);
	cr_assert_null(journal_find(j, &id));
	id = task_of(10);
	cr_assert_not_null(journal_find(j, &id));
	journal_forget(j, &id, &text);
	cr_assert_eq(journal_size(j), JOURNAL_LOCAL_DONE_MAX);
}

/* Every prefix and every flipped byte: nothing crashes, whole lines before stay. */
Test(journal, a_damaged_file_loses_only_what_is_damaged)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(journal_free) struct journal *j = journal_new();
	struct vm_facts facts = {.power = VM_RUNNING, .present = true};
	struct mu_uuid id = task_of(2);
	size_t n_damaged, first_line;

	accept(j, 1, true, &text);
	first_line = text.len;
	accept(j, 2, false, &text);
	journal_start(j, &id, &facts, "boot", 5, &text);
	journal_done(j, &id, TASK_SUCCESS, NULL, NULL, 6, &text);
	for (size_t len = 0; len < text.len; len++) {
		MU_CLEANUP(journal_free) struct journal *cut = journal_new();

		journal_load(cut, text.data, len, &n_damaged);
		cr_assert_eq(journal_size(cut) >= 1, len >= first_line);
		cr_assert_leq(n_damaged, 1);
	}
	for (size_t at = first_line; at < text.len; at++) {
		MU_CLEANUP(journal_free) struct journal *bad = journal_new();
		char was = text.data[at];

		text.data[at] = was == '\n' ? ' ' : (char)(was ^ 4);
		journal_load(bad, text.data, text.len, &n_damaged);
		cr_assert_geq(n_damaged, 1);
		cr_assert_geq(journal_size(bad), 1);
		text.data[at] = was;
	}
}

/* Well-formed lines with a right checksum that say nothing sensible. */
Test(journal, lines_that_make_no_sense)
{
	static const char *const lines[] = {
	    "accept 01000000-0000-0000-0000-000000000001 action fly "
	    "07000000-0000-0000-0000-000000000000 local 1 -",
	    "accept 01000000-0000-0000-0000-000000000001 define start "
	    "07000000-0000-0000-0000-000000000000 local 1 -",
	    "accept 01000000-0000-0000-0000-000000000001 party start "
	    "07000000-0000-0000-0000-000000000000 local 1 -",
	    "accept 01000000-0000-0000-0000-000000000001 action start nobody local 1 -",
	    "accept 01000000-0000-0000-0000-000000000001 action start "
	    "07000000-0000-0000-0000-000000000000 local x -",
	    "accept 01000000-0000-0000-0000-000000000001 action start "
	    "07000000-0000-0000-0000-000000000000 local 1 %zz",
	    "accept 01000000-0000-0000-0000-000000000001 action start "
	    "07000000-0000-0000-0000-000000000000 local 1 %0",
	    "accept 01000000-0000-0000-0000-000000000001 action start "
	    "07000000-0000-0000-0000-000000000000 local 1 %00",
	    "accept 01000000-0000-0000-0000-000000000001 action start "
	    "07000000-0000-0000-0000-000000000000 local 1 "
	    "0123456789012345678901234567890123456789012345678901234567890123456789"
	    "0123456789012345678901234567890123456789012345678901234567890123456789",
	    "accept 01000000-0000-0000-0000-0000000000ff action start "
	    "07000000-0000-0000-0000-000000000000 local 1 -",
	    "start 01000000-0000-0000-0000-0000000000ff Halted x boot 1",
	    "start 01000000-0000-0000-0000-0000000000ff Flying -1 boot 1",
	    "start 01000000-0000-0000-0000-0000000000ff Halted -1 boot x",
	    "done 01000000-0000-0000-0000-0000000000ff pending 1 NONE -",
	    "done 01000000-0000-0000-0000-0000000000ff success x NONE -",
	    "done 01000000-0000-0000-0000-0000000000ff perhaps 1 NONE -",
	    "dance 01000000-0000-0000-0000-0000000000ff",
	    "forget nobody",
	    "forget",
	    "a b c d e f g h i j",
	    "accept 01000000-0000-0000-0000-000000000002 call vm.edit "
	    "07000000-0000-0000-0000-000000000000 local 1 -",
	    "accept 01000000-0000-0000-0000-000000000002 action start "
	    "07000000-0000-0000-0000-000000000000 local 1 - {}",
	    "accept 01000000-0000-0000-0000-000000000002 call vm.edit nobody local 1 - {}",
	    "accept 01000000-0000-0000-0000-000000000002 call "
	    "a.method.whose.name.is.longer.than.any 07000000-0000-0000-0000-000000000000 local 1 - "
	    "{}",
	    "accept 01000000-0000-0000-0000-000000000002 call vm.edit "
	    "07000000-0000-0000-0000-000000000000 local 1 - %zz",
	    "done 01000000-0000-0000-0000-0000000000ff success 1 NONE - %zz",
	};
	MU_CLEANUP(journal_free) struct journal *j = journal_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	size_t n_damaged;

	for (size_t i = 0; i < MU_ARRAY_SIZE(lines); i++) {
		uint32_t crc = UINT32_MAX;

		for (const char *c = lines[i]; *c; c++) {
			crc ^= (uint8_t)*c;
			for (int bit = 0; bit < 8; bit++)
				crc = (crc >> 1) ^ (UINT32_C(0xedb88320) & (0 - (crc & 1)));
		}
		mu_str_printf(&text, "%08x %s\n", ~crc, lines[i]);
	}
	mu_str_add(&text, "short\n0000000g cafe cafe\nnonsense\n");
	journal_load(j, text.data, text.len, &n_damaged);
	cr_assert_eq(n_damaged, MU_ARRAY_SIZE(lines) - 1 + 3, "all but the one good accept");
	cr_assert_eq(journal_size(j), 1);
	cr_assert_null(journal_free(NULL));
}

static void line(const char *what, const struct journal_entry *e, const struct journal_world *w,
		 const char *expected)
{
	char found[512];
	struct journal_verdict v;
	static const char *const follow[] = {"leave", "continue", "keep", "again"};

	journal_verdict(e, w, &v);
	(void)snprintf(found, sizeof found, "%s %s %s", task_status_name(v.status),
		       follow[v.follow], v.err.text);
	cr_expect(strstr(found, expected), "%s: \"%s\" is not in \"%s\"", what, expected, found);
}

/* What is there now, and what must be said of it. Before: domain 5 in boot "b". */
static const struct {
	const char *name;
	enum vm_op op;
	struct journal_world w;
	const char *expected;
} verdicts[] = {
    {"start, runs",
     VM_OP_START,
     {"b", {.power = VM_RUNNING, .present = true}, false},
     "success leave"},
    {"start, nothing", VM_OP_START, {"b", {.power = VM_HALTED}, false}, "no domain; hint: start"},
    {"start, half", VM_OP_START, {"b", {.present = true, .incomplete = true}, false}, "half built"},
    {"clean, gone", VM_OP_CLEAN_SHUTDOWN, {"b", {.power = VM_HALTED}, false}, "success leave"},
    {"clean, there",
     VM_OP_CLEAN_SHUTDOWN,
     {"b", {.power = VM_RUNNING, .present = true}, false},
     "still runs"},
    {"hard, gone", VM_OP_HARD_SHUTDOWN, {"b", {.power = VM_HALTED}, false}, "success leave"},
    {"hard, there", VM_OP_HARD_SHUTDOWN, {"b", {.present = true}, false}, "still there"},
    {"hard, saved",
     VM_OP_HARD_SHUTDOWN,
     {"b", {.power = VM_SUSPENDED, .saved = true}, false},
     "save file is still"},
    {"reboot, new",
     VM_OP_CLEAN_REBOOT,
     {"b", {.present = true, .domid = {6}}, false},
     "success leave"},
    {"reboot, other boot",
     VM_OP_CLEAN_REBOOT,
     {"c", {.present = true, .domid = {5}}, false},
     "success leave"},
    {"reboot, same",
     VM_OP_HARD_REBOOT,
     {"b", {.present = true, .domid = {5}}, false},
     "not been replaced"},
    {"reboot, gone", VM_OP_HARD_REBOOT, {"b", {.power = VM_HALTED}, false}, "failure again"},
    {"reboot, gone in another boot",
     VM_OP_HARD_REBOOT,
     {"c", {.power = VM_HALTED}, false},
     "not started again; hint"},
    {"reboot, half",
     VM_OP_HARD_REBOOT,
     {"b", {.present = true, .incomplete = true, .domid = {6}}, false},
     "new domain 6 was only half built and is replaced"},
    {"pause", VM_OP_PAUSE, {"b", {.power = VM_PAUSED, .present = true}, false}, "success leave"},
    {"pause, runs",
     VM_OP_PAUSE,
     {"b", {.power = VM_RUNNING, .present = true}, false},
     "failure leave"},
    {"unpause",
     VM_OP_UNPAUSE,
     {"b", {.power = VM_RUNNING, .present = true}, false},
     "success leave"},
    {"unpause, gone", VM_OP_UNPAUSE, {"b", {.power = VM_HALTED}, false}, "the VM is Halted"},
    {"suspend",
     VM_OP_SUSPEND,
     {"b", {.power = VM_SUSPENDED, .saved = true}, false},
     "success leave"},
    {"suspend, partial", VM_OP_SUSPEND, {"b", {.power = VM_HALTED}, true}, "success keep"},
    {"suspend, partial of another boot",
     VM_OP_SUSPEND,
     {"c", {.power = VM_HALTED}, true},
     "no complete save file"},
    {"suspend, lost", VM_OP_SUSPEND, {"b", {.power = VM_HALTED}, false}, "no complete save file"},
    {"suspend, runs",
     VM_OP_SUSPEND,
     {"b", {.power = VM_RUNNING, .present = true}, true},
     "nothing was saved"},
    {"suspend, stands",
     VM_OP_SUSPEND,
     {"b", {.present = true, .stopped = HV_SHUTDOWN_SUSPEND}, true},
     "failure continue"},
    {"resume", VM_OP_RESUME, {"b", {.power = VM_RUNNING, .present = true}, false}, "success leave"},
    {"resume, half",
     VM_OP_RESUME,
     {"b", {.present = true, .incomplete = true}, false},
     "half restored"},
    {"resume, not",
     VM_OP_RESUME,
     {"b", {.power = VM_SUSPENDED, .saved = true}, false},
     "the VM is Suspended"},
    {"adopt", VM_OP_ADOPT, {"b", {.present = true, .defined = true}, false}, "success leave"},
    {"adopt, not", VM_OP_ADOPT, {"b", {.present = true}, false}, "no definition was written"},
};

Test(journal, verdicts)
{
	struct journal_entry e = entry_of(1, true);

	e.domid_before = 5;
	(void)snprintf(e.boot_id, sizeof e.boot_id, "b");
	for (size_t i = 0; i < MU_ARRAY_SIZE(verdicts); i++) {
		e.op = verdicts[i].op;
		e.stage = JOURNAL_STARTED;
		line(verdicts[i].name, &e, &verdicts[i].w, verdicts[i].expected);
		e.stage = JOURNAL_ACCEPTED;
		line(verdicts[i].name, &e, &verdicts[i].w, "nothing was done");
	}
	e.kind = JOURNAL_CALL;
	line("call", &e, &verdicts[0].w, "failure leave");
	e.stage = JOURNAL_STARTED;
	line("call", &e, &verdicts[0].w, "interrupted leave");
	e.kind = JOURNAL_UNDEFINE;
	e.stage = JOURNAL_STARTED;
	line("undefine", &e, &verdicts[0].w, "interrupted leave");
}
