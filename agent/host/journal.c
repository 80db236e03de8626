/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journalctl rather than the journal's library: it may be slow on a large journal or hang on a
 * broken disk, and a child can be killed. It prints fields of more than 4 KiB as null, so an entry
 * is bounded too.
 */
#include "agent/host/journal.h"

#include "common/base/value.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEADLINE MU_SEC(20)
enum { OUTPUT_MAX = HOST_READ_TEXT_MAX, LINE_MAX_BYTES = 256 << 10 };

/* ---- asking ---- */

static void build_arguments(struct host_journal *j)
{
	const struct host_read *what = &j->what;
	size_t n = 0;

	j->argv[n++] = "journalctl";
	j->argv[n++] = "--no-pager";
	j->argv[n++] = "--quiet";
	if (what->kind == HOST_READ_BOOTS) {
		j->argv[n++] = "--utc";
		j->argv[n++] = "--list-boots";
		return;
	}
	j->argv[n++] = "--output=json";
	j->argv[n++] = "--output-fields=MESSAGE,PRIORITY,_SYSTEMD_UNIT,UNIT,SYSLOG_IDENTIFIER,_PID";
	(void)snprintf(j->lines, sizeof j->lines, "--lines=%u",
		       what->lines ? what->lines : HOST_READ_LINES);
	j->argv[n++] = j->lines;
	if (what->unit[0]) {
		j->argv[n++] = "--unit";
		j->argv[n++] = what->unit;
	}
	if (what->boot[0]) {
		j->argv[n++] = "--boot";
		j->argv[n++] = what->boot;
	}
	if (what->since) {
		(void)snprintf(j->since, sizeof j->since, "--since=@%" PRId64 ".%03d",
			       what->since / 1000, (int)(what->since % 1000));
		j->argv[n++] = j->since;
	}
	if (what->cursor[0]) {
		(void)snprintf(j->cursor, sizeof j->cursor, "--after-cursor=%s", what->cursor);
		j->argv[n++] = j->cursor;
	}
}

static void on_process_done(struct mu_process *p);

void host_journal_start(struct host_journal *j, struct mu_loop *loop)
{
	memset(j->argv, 0, sizeof j->argv);
	build_arguments(j);
	j->loop = loop;
	j->cancelled = false;
	j->text = (struct mu_str)MU_STR_INIT;
	mu_error_clear(&j->err);
	j->process = (struct mu_process){
	    .argv = j->argv,
	    .deadline = DEADLINE,
	    .output_max = OUTPUT_MAX,
	    .done = on_process_done,
	};
	mu_process_start(&j->process, loop);
}

void host_journal_cancel(struct host_journal *j)
{
	j->cancelled = true;
	mu_process_cancel(&j->process);
}

static void run_parse(struct mu_work *w);
static void on_parsed(struct mu_work *w);

/* journalctl says on stderr what it does not like. */
static int check_process(const struct mu_process *p, struct mu_error *err)
{
	if (p->err.code != MU_E_NONE) {
		char said[200] = "";

		if (p->errout.len)
			mu_utf8_sanitize(said, sizeof said - 1, p->errout.data,
					 strcspn(p->errout.data, "\n"));
		if (p->err.code == MU_E_NOT_FOUND)
			return mu_error_set(err, MU_E_UNSUPPORTED,
					    "this host keeps no systemd journal (%.200s)",
					    p->err.text);
		*err = p->err;
		if (said[0])
			return mu_error_set(err, p->err.code, "%.150s: %s", p->err.text, said);
		return MU_FAILED;
	}
	if (p->out.len >= OUTPUT_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE,
				    "these entries have more than %d MiB; hint: ask for fewer "
				    "lines",
				    OUTPUT_MAX >> 20);
	return 0;
}

static void on_process_done(struct mu_process *p)
{
	struct host_journal *j = MU_CONTAINER_OF(p, struct host_journal, process);

	if (check_process(p, &j->err) < 0) {
		mu_process_deinit(p);
		j->done(j);
		return;
	}
	j->work = (struct mu_work){.run = run_parse, .done = on_parsed};
	mu_work_start(&j->work, j->loop);
}

static void run_parse(struct mu_work *w)
{
	struct host_journal *j = MU_CONTAINER_OF(w, struct host_journal, work);
	const struct mu_str *out = &j->process.out;

	if (j->what.kind == HOST_READ_BOOTS)
		host_journal_boots(out->data ? out->data : "", &j->text);
	else
		(void)host_journal_entries(out->data ? out->data : "", out->len, &j->text, &j->err);
}

static void on_parsed(struct mu_work *w)
{
	struct host_journal *j = MU_CONTAINER_OF(w, struct host_journal, work);

	mu_process_deinit(&j->process);
	if (j->cancelled)
		(void)mu_error_set(&j->err, MU_E_CANCELLED, "cancelled");
	if (j->err.code != MU_E_NONE)
		mu_str_deinit(&j->text);
	j->done(j);
}

/* ---- entries ---- */

/* The journal's numbers are texts. */
static void set_number(struct mu_arena *a, struct mu_value *v, const char *name,
		       const struct mu_value *from, int64_t divisor)
{
	const char *text = mu_value_as_string(from);
	int64_t n;

	if (text && mu_parse_i64(text, &n))
		mu_value_set_int(a, v, name, n / divisor);
}

static void set_text(struct mu_arena *a, struct mu_value *v, const char *name,
		     const struct mu_value *from)
{
	if (mu_value_as_string(from))
		mu_value_set_string(a, v, name, mu_value_as_string(from));
}

/* Text that is not UTF-8 comes as a list of bytes. */
static void set_message(struct mu_arena *a, struct mu_value *v, const struct mu_value *from)
{
	size_t n = 0;
	char *bytes;

	if (!from || from->kind != MU_VALUE_LIST) {
		set_text(a, v, "message", from);
		return;
	}
	bytes = mu_arena_alloc(a, 2 * (from->n_children + 1));
	mu_value_each(byte, from) bytes[n++] = (char)byte->integer;
	mu_utf8_sanitize(bytes + n, n, bytes, n);
	mu_value_set_string(a, v, "message", bytes + n);
}

static int add_entry(struct mu_str *out, const char *line, size_t len, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *from, *v = mu_value_object(a);
	const struct mu_value *unit;

	if (len > LINE_MAX_BYTES)
		return mu_error_set(err, MU_E_PROTOCOL, "an entry has %zu bytes", len);
	if (mu_json_read(a, line, len, &from, err) < 0)
		return MU_FAILED;
	unit = mu_value_get(from, "UNIT"); /* what PID 1 says of a unit */
	set_number(a, v, "at", mu_value_get(from, "__REALTIME_TIMESTAMP"), 1000);
	set_text(a, v, "unit", unit ? unit : mu_value_get(from, "_SYSTEMD_UNIT"));
	set_text(a, v, "identifier", mu_value_get(from, "SYSLOG_IDENTIFIER"));
	set_number(a, v, "pid", mu_value_get(from, "_PID"), 1);
	set_number(a, v, "priority", mu_value_get(from, "PRIORITY"), 1);
	set_message(a, v, mu_value_get(from, "MESSAGE"));
	set_text(a, v, "boot", mu_value_get(from, "_BOOT_ID"));
	set_text(a, v, "cursor", mu_value_get(from, "__CURSOR"));
	mu_str_add(out, out->len > 1 ? "," : "");
	mu_json_write(out, v, false);
	return 0;
}

int host_journal_entries(const char *text, size_t len, struct mu_str *out, struct mu_error *err)
{
	const char *end = text + len;
	size_t n = 0;

	mu_str_add_char(out, '[');
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line = (size_t)((newline ? newline : end) - text);

		if (line && add_entry(out, text, line, err) < 0)
			return mu_error_prefix(err, "entry %zu of the journal", n + 1);
		text += line + 1;
		n++;
	}
	mu_str_add_char(out, ']');
	return 0;
}

/* ---- boots ---- */

static void set_time(struct mu_arena *a, struct mu_value *v, const char *name, const char *date,
		     const char *clock)
{
	struct tm tm = {0};
	char text[64];
	const char *end;

	(void)snprintf(text, sizeof text, "%.20s %.20s", date, clock);
	end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	if (end && *end == '\0')
		mu_value_set_int(a, v, name, (int64_t)timegm(&tm) * 1000);
}

/* " -1 5c0f... Tue 2024-01-02 03:04:05 UTC Tue 2024-01-02 04:04:05 UTC"; between the times older
 * versions have a dash without blanks, and all have a heading. */
static void add_boot(struct mu_str *out, const char *line)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *v = mu_value_object(a);
	char id[40], day[2][12], date[2][24], clock[2][24], zone[24];
	int index;
	int n = sscanf(line, "%d %39s %11s %23s %23s %23s %11s %23s %23s", &index, id, day[0],
		       date[0], clock[0], zone, day[1], date[1], clock[1]);

	if (n < 2 || strlen(id) != HOST_READ_BOOT_LEN ||
	    strspn(id, "0123456789abcdef") != HOST_READ_BOOT_LEN)
		return;
	mu_value_set_int(a, v, "index", index);
	mu_value_set_string(a, v, "boot", id);
	if (n >= 6)
		set_time(a, v, "first", date[0], clock[0]);
	if (n >= 9)
		set_time(a, v, "last", date[1], clock[1]);
	mu_str_add(out, out->len > 1 ? "," : "");
	mu_json_write(out, v, false);
}

void host_journal_boots(const char *text, struct mu_str *out)
{
	mu_str_add_char(out, '[');
	while (*text) {
		size_t len = strcspn(text, "\n");
		char line[512];

		(void)snprintf(line, sizeof line, "%.*s", len < 500 ? (int)len : 500, text);
		add_boot(out, line);
		text += len + (text[len] == '\n');
	}
	mu_str_add_char(out, ']');
}
