/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per change, each with its own checksum in front:
 *
 *     <crc32> accept <task> <kind> <op> <vm> <local|remote> <ms> <user>
 *     <crc32> accept <task> call <method> <object> <local|remote> <ms> <user> <arguments>
 *     <crc32> start <task> <power> <domid> <boot id> <ms>
 *     <crc32> done <task> <status> <ms> <error code> <text> [<value>]
 *     <crc32> forget <task>
 *
 * A line that does not belong (a start without its accept, because that one was damaged) is
 * counted as damaged too. What cannot be known is never guessed: an entry whose `done` was lost
 * is judged again by what is there.
 */
#include "agent/core/journal.h"

#include "common/base/assert.h"
#include "common/base/map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 9, DEAD_BYTES_MAX = 4 << 20 };

struct journal {
	struct mu_map *entries; /* struct journal_entry by task, in order of acceptance */
	size_t n_local_done;
	size_t n_lines; /* in the file, as far as we know */
	size_t n_bytes; /* the same */
	size_t n_argument_bytes;
};

static const char *const kind_names[_JOURNAL_KIND_COUNT] = {
    [JOURNAL_ACTION] = "action",
    [JOURNAL_DEFINE] = "define",
    [JOURNAL_UNDEFINE] = "undefine",
    [JOURNAL_CALL] = "call",
};

struct journal *journal_new(void)
{
	struct journal *j = mu_xcalloc(1, sizeof *j);

	j->entries = mu_map_new();
	return j;
}

static void forget_arguments(struct journal *j, struct journal_entry *e)
{
	if (!e->arguments)
		return;
	j->n_argument_bytes -= strlen(e->arguments);
	free(e->arguments);
	e->arguments = NULL;
}

static void entry_free(struct journal *j, struct journal_entry *e)
{
	forget_arguments(j, e);
	free(e);
}

struct journal *journal_free(struct journal *j)
{
	struct journal_entry *e;

	if (!j)
		return NULL;
	for (size_t i = 0; (e = mu_map_next(j->entries, &i, NULL, NULL));)
		entry_free(j, e);
	mu_map_free(j->entries);
	free(j);
	return NULL;
}

static struct journal_entry *find(const struct journal *j, const struct mu_uuid *task)
{
	return mu_map_find(j->entries, task->bytes, sizeof task->bytes);
}

static void drop(struct journal *j, const struct mu_uuid *task)
{
	struct journal_entry *e = mu_map_remove(j->entries, task->bytes, sizeof task->bytes);

	mu_assert(e);
	if (e->local && e->stage == JOURNAL_DONE)
		j->n_local_done--;
	entry_free(j, e);
}

/* Nobody acknowledges local results: the oldest go. */
static void drop_old_local(struct journal *j)
{
	struct journal_entry *e;

	for (size_t i = 0; j->n_local_done > JOURNAL_LOCAL_DONE_MAX &&
			   (e = mu_map_next(j->entries, &i, NULL, NULL));) {
		if (e->local && e->stage == JOURNAL_DONE)
			drop(j, &e->task);
	}
}

/* Lines */

static uint32_t crc32(const char *data, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint8_t)data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (UINT32_C(0xedb88320) & (0 - (crc & 1)));
	}
	return ~crc;
}

/* Any text as one word: blanks, control characters and "%" as %xx; "-" for none. */
static void add_word(struct mu_str *out, const char *text)
{
	bool bare_dash = !strcmp(text, "-");
	unsigned c;

	if (!*text)
		mu_str_add(out, "-");
	for (; *text; text++) {
		c = (unsigned char)*text;
		if (c <= ' ' || c == '%' || c == 0x7f || bare_dash)
			mu_str_printf(out, "%%%02x", c);
		else
			mu_str_add_char(out, *text);
	}
}

static bool read_word(const char *word, char *dst, size_t size)
{
	unsigned char byte[1];
	char hex[3] = "";
	size_t n = 0;

	if (!strcmp(word, "-"))
		word = "";
	for (; *word; word++) {
		byte[0] = (unsigned char)*word;
		if (*word == '%') {
			if (!word[1] || !word[2])
				return false;
			memcpy(hex, word + 1, 2);
			if (!mu_hex_decode(byte, 1, hex) || !byte[0])
				return false;
			word += 2;
		}
		if (n + 1 >= size)
			return false;
		dst[n++] = (char)byte[0];
	}
	dst[n] = '\0';
	return true;
}

static void end_line(struct journal *j, struct mu_str *line, struct mu_str *out)
{
	mu_str_printf(out, "%08" PRIx32 " ", crc32(line->data, line->len));
	mu_str_add_bytes(out, line->data, line->len);
	mu_str_add_char(out, '\n');
	j->n_lines++;
	j->n_bytes += line->len + 10;
}

static void begin_line(struct mu_str *line, const char *verb, const struct mu_uuid *task)
{
	char uuid[MU_UUID_TEXT];

	mu_str_printf(line, "%s %s", verb, mu_uuid_format(task, uuid));
}

static void write_accept(struct journal *j, const struct journal_entry *e, struct mu_str *out)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str line = MU_STR_INIT;
	bool call = e->kind == JOURNAL_CALL;
	char uuid[MU_UUID_TEXT];

	begin_line(&line, "accept", &e->task);
	mu_str_printf(&line, " %s ", kind_names[e->kind]);
	add_word(&line, call ? e->method : vm_op_name(e->op));
	mu_str_printf(&line, " %s %s %" PRId64 " ",
		      mu_uuid_format(call ? &e->object : &e->vm.uuid, uuid),
		      e->local ? "local" : "remote", e->accepted_at);
	add_word(&line, e->user);
	if (call) {
		mu_str_add_char(&line, ' ');
		add_word(&line, e->arguments ? e->arguments : "");
	}
	end_line(j, &line, out);
}

static void write_start(struct journal *j, const struct journal_entry *e, struct mu_str *out)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str line = MU_STR_INIT;

	begin_line(&line, "start", &e->task);
	mu_str_printf(&line, " %s %" PRId64 " ", vm_power_name(e->power_before), e->domid_before);
	add_word(&line, e->boot_id);
	mu_str_printf(&line, " %" PRId64, e->started_at);
	end_line(j, &line, out);
}

static void write_done(struct journal *j, const struct journal_entry *e, struct mu_str *out)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str line = MU_STR_INIT;

	begin_line(&line, "done", &e->task);
	mu_str_printf(&line, " %s %" PRId64 " %s ", task_status_name(e->status), e->finished_at,
		      mu_error_name(e->err.code));
	add_word(&line, e->err.text);
	if (e->value[0]) {
		mu_str_add_char(&line, ' ');
		add_word(&line, e->value);
	}
	end_line(j, &line, out);
}

/* Changes */

/* Takes `arguments` (heap, or NULL) over. */
static void insert(struct journal *j, const struct journal_entry *e, char *arguments)
{
	struct journal_entry *copy = mu_xmemdup(e, sizeof *e);

	copy->arguments = arguments;
	j->n_argument_bytes += arguments ? strlen(arguments) : 0;
	mu_map_put(j->entries, e->task.bytes, sizeof e->task.bytes, copy);
}

static int check_room(const struct journal *j, const struct journal_entry *e, struct mu_error *err)
{
	size_t len = e->arguments ? strlen(e->arguments) : 0;

	if (mu_map_size(j->entries) >= JOURNAL_ENTRIES_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "%d commands wait to be run or acknowledged; hint: try again "
				    "when some are done",
				    JOURNAL_ENTRIES_MAX);
	if (j->n_argument_bytes + len > JOURNAL_ARGUMENTS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "calls with %zu bytes of arguments wait to be run; hint: try "
				    "again when some are done",
				    j->n_argument_bytes);
	return 0;
}

int journal_accept(struct journal *j, const struct journal_entry *e, struct mu_str *out,
		   struct mu_error *err)
{
	struct journal_entry entry = *e;

	if (find(j, &e->task))
		return mu_error_set(err, MU_E_EXISTS, "this command id is known already");
	if (check_room(j, e, err) < 0)
		return MU_FAILED;
	entry.stage = JOURNAL_ACCEPTED;
	entry.domid_before = -1;
	entry.status = TASK_PENDING;
	mu_error_clear(&entry.err);
	entry.value[0] = '\0';
	insert(j, &entry, e->arguments ? mu_xstrdup(e->arguments) : NULL);
	write_accept(j, &entry, out);
	return 0;
}

void journal_start(struct journal *j, const struct mu_uuid *task, const struct vm_facts *before,
		   const char *boot_id, mu_msec now, struct mu_str *out)
{
	struct journal_entry *e = find(j, task);

	mu_assert(e && e->stage == JOURNAL_ACCEPTED);
	e->stage = JOURNAL_STARTED;
	e->started_at = now;
	e->power_before = before ? before->power : VM_UNKNOWN;
	e->domid_before = before && before->present ? (int64_t)before->domid.value : -1;
	(void)snprintf(e->boot_id, sizeof e->boot_id, "%s", boot_id);
	write_start(j, e, out);
}

static void set_done(struct journal *j, struct journal_entry *e)
{
	e->stage = JOURNAL_DONE;
	forget_arguments(j, e);
	if (e->local)
		j->n_local_done++;
}

void journal_done(struct journal *j, const struct mu_uuid *task, enum task_status status,
		  const struct mu_error *err, const char *value, mu_msec now, struct mu_str *out)
{
	struct journal_entry *e = find(j, task);

	mu_assert(e && e->stage != JOURNAL_DONE && status != TASK_PENDING);
	mu_assert(!value || strlen(value) <= CALL_VALUE_MAX);
	e->status = status;
	e->finished_at = now;
	mu_error_clear(&e->err);
	if (err)
		e->err = *err;
	(void)snprintf(e->value, sizeof e->value, "%s", value ? value : "");
	set_done(j, e);
	write_done(j, e, out);
	drop_old_local(j);
}

void journal_forget(struct journal *j, const struct mu_uuid *task, struct mu_str *out)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str line = MU_STR_INIT;

	if (!find(j, task))
		return;
	drop(j, task);
	begin_line(&line, "forget", task);
	end_line(j, &line, out);
}

/* Reading */

static size_t split(char *line, char *words[WORDS_MAX])
{
	size_t n = 0;

	for (char *w = strsep(&line, " "); w; w = strsep(&line, " ")) {
		if (n == WORDS_MAX)
			return 0;
		words[n++] = w;
	}
	return n;
}

/* What an action and a call have in the same places. */
static bool load_common(struct journal_entry *e, char *const *w)
{
	e->local = !strcmp(w[3], "local");
	return mu_uuid_parse(w[2], &e->object) && mu_parse_i64(w[4], &e->accepted_at) &&
	       read_word(w[5], e->user, sizeof e->user);
}

static bool load_accept(struct journal *j, const struct mu_uuid *task, char *const *w)
{
	struct journal_entry e = {.task = *task, .domid_before = -1, .op = _VM_OP_COUNT};
	size_t kind = 0;

	while (kind < JOURNAL_CALL && strcmp(kind_names[kind], w[0]))
		kind++;
	if (kind == JOURNAL_CALL || find(j, task))
		return false;
	e.kind = (enum journal_kind)kind;
	if ((e.kind == JOURNAL_ACTION) != vm_op_parse(w[1], &e.op) || !load_common(&e, w))
		return false;
	e.vm.uuid = e.object;
	memset(&e.object, 0, sizeof e.object);
	insert(j, &e, NULL);
	return true;
}

static bool load_call(struct journal *j, const struct mu_uuid *task, char *const *w)
{
	struct journal_entry e = {
	    .task = *task, .kind = JOURNAL_CALL, .domid_before = -1, .op = _VM_OP_COUNT};
	MU_CLEANUP(mu_free) char *arguments = mu_xmalloc(strlen(w[6]) + 1);
	const struct call_method *m;

	if (strcmp(w[0], kind_names[JOURNAL_CALL]) || find(j, task) ||
	    !read_word(w[1], e.method, sizeof e.method) || !load_common(&e, w) ||
	    !read_word(w[6], arguments, strlen(w[6]) + 1))
		return false;
	m = call_find(e.method);
	if (m && m->target == CALL_ON_VM)
		e.vm.uuid = e.object;
	insert(j, &e, *arguments ? MU_TAKE(arguments) : NULL);
	return true;
}

static bool load_start(struct journal_entry *e, char *const *w)
{
	struct journal_entry now = *e;

	if (e->stage != JOURNAL_ACCEPTED || !vm_power_parse(w[0], &now.power_before) ||
	    !mu_parse_i64(w[1], &now.domid_before) ||
	    !read_word(w[2], now.boot_id, sizeof now.boot_id) ||
	    !mu_parse_i64(w[3], &now.started_at))
		return false;
	now.stage = JOURNAL_STARTED;
	*e = now;
	return true;
}

static bool load_done(struct journal *j, struct journal_entry *e, char *const *w, const char *value)
{
	struct journal_entry now = *e;

	if (e->stage == JOURNAL_DONE || !task_status_parse(w[0], &now.status) ||
	    now.status == TASK_PENDING || !mu_parse_i64(w[1], &now.finished_at) ||
	    !read_word(w[3], now.err.text, sizeof now.err.text) ||
	    !read_word(value, now.value, sizeof now.value))
		return false;
	now.err.code = mu_error_from_name(w[2]);
	*e = now;
	set_done(j, e);
	return true;
}

static bool load_line(struct journal *j, char *line)
{
	char *w[WORDS_MAX];
	size_t n = split(line, w);
	struct journal_entry *e;
	struct mu_uuid task;

	if (n < 2 || !mu_uuid_parse(w[1], &task))
		return false;
	if (n == 8 && !strcmp(w[0], "accept"))
		return load_accept(j, &task, w + 2);
	if (n == 9 && !strcmp(w[0], "accept"))
		return load_call(j, &task, w + 2);
	e = find(j, &task);
	if (!e)
		return false;
	if (n == 6 && !strcmp(w[0], "start"))
		return load_start(e, w + 2);
	if ((n == 6 || n == 7) && !strcmp(w[0], "done"))
		return load_done(j, e, w + 2, n == 7 ? w[6] : "-");
	if (n == 2 && !strcmp(w[0], "forget")) {
		drop(j, &task);
		return true;
	}
	return false;
}

/* "<8 hex> <line>", checked; returns the line or NULL. */
static char *checked(char *text, size_t len)
{
	uint8_t crc[4];
	char hex[9] = "";

	if (len < 10 || text[8] != ' ')
		return NULL;
	memcpy(hex, text, 8);
	if (!mu_hex_decode(crc, sizeof crc, hex))
		return NULL;
	if (crc32(text + 9, len - 9) !=
	    ((uint32_t)crc[0] << 24 | (uint32_t)crc[1] << 16 | (uint32_t)crc[2] << 8 | crc[3]))
		return NULL;
	return text + 9;
}

static void drop_excess(struct journal *j)
{
	struct journal_entry *e;

	drop_old_local(j);
	for (size_t i = 0; mu_map_size(j->entries) > JOURNAL_ENTRIES_MAX &&
			   (e = mu_map_next(j->entries, &i, NULL, NULL));)
		drop(j, &e->task);
}

void journal_load(struct journal *j, const char *text, size_t len, size_t *ret_n_damaged)
{
	size_t n_damaged = 0;
	const char *end;
	char *line;

	for (size_t at = 0; at < len; at += (size_t)(end - (text + at)) + 1) {
		MU_CLEANUP(mu_free) char *copy = NULL;

		end = memchr(text + at, '\n', len - at);
		if (!end) { /* cut by the crash: it was never durable */
			n_damaged++;
			break;
		}
		copy = mu_xstrndup(text + at, (size_t)(end - (text + at)));
		line = checked(copy, strlen(copy));
		if (!line || !load_line(j, line))
			n_damaged++;
		j->n_lines++;
	}
	j->n_bytes += len;
	drop_excess(j);
	*ret_n_damaged = n_damaged;
}

/* Looking */

const struct journal_entry *journal_find(const struct journal *j, const struct mu_uuid *task)
{
	return find(j, task);
}

const struct journal_entry *journal_next(const struct journal *j, size_t *iter)
{
	return mu_map_next(j->entries, iter, NULL, NULL);
}

size_t journal_size(const struct journal *j)
{
	return mu_map_size(j->entries);
}

bool journal_wants_rewrite(const struct journal *j)
{
	/* A blank in arguments is three bytes in the file. */
	return j->n_lines > 256 + 6 * mu_map_size(j->entries) ||
	       j->n_bytes > DEAD_BYTES_MAX + 3 * j->n_argument_bytes;
}

void journal_encode(struct journal *j, struct mu_str *out)
{
	const struct journal_entry *e;

	j->n_lines = j->n_bytes = 0;
	for (size_t i = 0; (e = mu_map_next(j->entries, &i, NULL, NULL));) {
		write_accept(j, e, out);
		if (e->stage == JOURNAL_STARTED || (e->stage == JOURNAL_DONE && e->started_at))
			write_start(j, e, out);
		if (e->stage == JOURNAL_DONE)
			write_done(j, e, out);
	}
}
