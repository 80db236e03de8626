/* SPDX-License-Identifier: Apache-2.0 */
/* One stream as a machine: refusals, resuming, acks; then crashes at every point. */
#include "aggregator/core/session.h"
#include "common/base/mem.h"
#include "common/base/rand.h"
#include "common/base/str.h"

#include <criterion/criterion.h>
#include <string.h>

#define HOST "11111111-2222-4333-8444-555555555555"
#define OTHER "99999999-2222-4333-8444-555555555555"

static const struct session_hello good_hello = {
    .protocol = 1,
    .host_id = HOST,
    .common_name = HOST,
    .certificate = SESSION_CERT_GOOD,
    .enrolled = true,
    .state_epoch = 7,
    .metric_epoch = 3,
};

static struct session s;
static struct session_mark mark;
static struct session_actions out;

static void setup(void)
{
	session_init(&s);
	session_mark_init(&mark, 0, 0, 0, 0);
}

TestSuite(session, .init = setup);

/* "batch(3/9)", or of several in a message which: "batch(3/9: 1 to 4)". */
static void add_batches(struct mu_str *t, const char *what, const struct session_action *a)
{
	mu_str_printf(t, "%s(%d/%d", what, (int)a->epoch, (int)a->seq);
	if (a->first > 0 || a->n > 1)
		mu_str_printf(t, ": %zu to %zu", a->first, a->first + a->n - 1);
	mu_str_add(t, ")");
}

/* The orders of the latest step, e.g. "welcome(resume 5) commands". */
static const char *orders(void)
{
	static char text[1024];
	struct mu_str t = MU_STR_INIT;

	for (size_t i = 0; i < out.n_items; i++) {
		const struct session_action *a = &out.items[i];

		mu_str_add(&t, i ? " " : "");
		switch (a->kind) {
		case SESSION_SEND_WELCOME:
			if (a->resume)
				mu_str_printf(&t, "welcome(resume %d, metrics %d)", (int)a->seq,
					      (int)a->metric_seq);
			else
				mu_str_printf(&t, "welcome(snapshot, metrics %d)",
					      (int)a->metric_seq);
			break;
		case SESSION_SEND_COMMANDS:
			mu_str_add(&t, "commands");
			break;
		case SESSION_APPLY:
			mu_str_printf(&t, "apply(%d/%d)", (int)a->epoch, (int)a->seq);
			break;
		case SESSION_SEND_ACK:
			mu_str_printf(&t, "ack(%d)", (int)a->seq);
			break;
		case SESSION_KEEP_DICTIONARY:
			mu_str_add(&t, "dictionary");
			break;
		case SESSION_COUNT_BATCHES:
			add_batches(&t, "count", a);
			break;
		case SESSION_STORE_BATCHES:
			add_batches(&t, "batch", a);
			break;
		case SESSION_SEND_METRIC_ACK:
			mu_str_printf(&t, "metric-ack(%d)", (int)a->seq);
			break;
		case SESSION_KEEP_ROW_DICTIONARY:
			mu_str_add(&t, "row-dictionary");
			break;
		case SESSION_STORE_ROW:
			mu_str_printf(&t, "row(%d)", (int)a->seq);
			break;
		case SESSION_PASS:
			mu_str_add(&t, "pass");
			break;
		case SESSION_END:
			mu_str_printf(&t, "end(%s)", mu_error_name(a->err.code));
			break;
		case _SESSION_ACTION_COUNT:
			break;
		}
	}
	memset(text, 0, sizeof text);
	memcpy(text, t.data ? t.data : "", t.len);
	mu_str_deinit(&t);
	return text;
}

static const char *step(struct session_event ev)
{
	session_step(&s, &mark, &ev, &out);
	return orders();
}

static const char *hello(const struct session_hello *h)
{
	return step((struct session_event){.kind = SESSION_EV_HELLO, .hello = h});
}

static const char *snapshot(uint64_t epoch, uint64_t seq)
{
	return step(
	    (struct session_event){.kind = SESSION_EV_SNAPSHOT, .epoch = epoch, .seq = seq});
}

static const char *delta(uint64_t seq)
{
	return step((struct session_event){.kind = SESSION_EV_DELTA, .seq = seq});
}

static const char *stored(uint64_t round, uint64_t epoch, uint64_t seq)
{
	return step((struct session_event){
	    .kind = SESSION_EV_STORED, .round = round, .epoch = epoch, .seq = seq});
}

static const char *batch(uint64_t seq, uint32_t generation, size_t n)
{
	const struct session_batch one = {.seq = seq, .n_values = n};

	return step((struct session_event){
	    .kind = SESSION_EV_BATCHES, .generation = generation, .n = 1, .batches = &one});
}

static const char *dictionary(uint32_t generation, size_t n)
{
	return step((struct session_event){
	    .kind = SESSION_EV_DICTIONARY, .generation = generation, .n = n});
}

static const char *batch_stored(uint64_t epoch, uint64_t seq)
{
	return step(
	    (struct session_event){.kind = SESSION_EV_BATCHES_STORED, .epoch = epoch, .seq = seq});
}

Test(session, refusals_say_what_to_do)
{
	static const struct {
		struct session_hello hello;
		const char *orders;
		const char *says;
	} cases[] = {
	    {{2, HOST, HOST, SESSION_CERT_GOOD, true, 0, 0, 0},
	     "end(STATE)",
	     "upgrade the aggregator"},
	    {{0, HOST, HOST, SESSION_CERT_GOOD, true, 0, 0, 0}, "end(STATE)", "upgrade the agent"},
	    {{1, "me", HOST, SESSION_CERT_GOOD, true, 0, 0, 0}, "end(INVALID)", "not a UUID"},
	    {{1, HOST, OTHER, SESSION_CERT_GOOD, true, 0, 0, 0}, "end(DENIED)", "join token"},
	    {{1, HOST, "", SESSION_CERT_GOOD, true, 0, 0, 0}, "end(DENIED)", "join token"},
	    {{1, HOST, HOST, SESSION_CERT_GOOD, false, 0, 0, 0}, "end(DENIED)", "not enrolled"},
	    {{1, HOST, HOST, SESSION_CERT_REVOKED, true, 0, 0, 0}, "end(DENIED)", "revoked"},
	    {{1, HOST, HOST, SESSION_CERT_UNKNOWN, true, 0, 0, 0},
	     "end(DENIED)",
	     "another certificate"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		setup();
		cr_expect_str_eq(hello(&cases[i].hello), cases[i].orders, "case %zu", i);
		cr_expect(strstr(out.items[0].err.text, cases[i].says), "%s",
			  out.items[0].err.text);
		cr_expect_eq(s.state, SESSION_OVER);
		cr_expect_str_eq(hello(&good_hello), "", "over is over");
	}
}

Test(session, a_host_without_marks_is_refused_without_them)
{
	struct session_hello h = good_hello;
	struct session_event ev = {.kind = SESSION_EV_HELLO, .hello = &h};

	h.enrolled = false;
	session_step(&s, NULL, &ev, &out);
	cr_assert_str_eq(orders(), "end(DENIED)");
}

Test(session, first_connection)
{
	cr_assert_str_eq(hello(&good_hello), "welcome(snapshot, metrics 0) commands");
	cr_assert_str_eq(snapshot(7, 4), "apply(7/4)");
	cr_assert_str_eq(delta(5), "apply(7/5)");
	cr_assert_str_eq(stored(1, 7, 4), "ack(4)");
	cr_assert_str_eq(delta(6), "apply(7/6)");
	cr_assert_str_eq(stored(1, 7, 5), "ack(5)");
	cr_assert_str_eq(stored(1, 7, 6), "ack(6)");
	cr_assert_str_eq(stored(1, 7, 6), "", "told once");
}

Test(session, resumes_where_the_disk_is)
{
	struct session_hello h = good_hello;

	session_mark_init(&mark, 7, 10, 3, 20);
	h.last_acked_seq = 9;
	cr_assert_str_eq(hello(&h), "welcome(resume 10, metrics 20) commands");
	cr_assert_str_eq(delta(11), "apply(7/11)");
	cr_assert_str_eq(stored(0, 7, 11), "ack(11)");
	session_init(&s);
	cr_assert_str_eq(hello(&h), "welcome(resume 11, metrics 20) commands");
	cr_assert_str_eq(delta(12), "apply(7/12)");
}

/* The next 11 would be another one: the agent has put later changes into it. */
Test(session, does_not_resume_over_what_is_not_stored_yet)
{
	struct session_hello h = good_hello;

	session_mark_init(&mark, 7, 10, 3, 20);
	h.last_acked_seq = 10;
	cr_assert_str_eq(hello(&h), "welcome(resume 10, metrics 20) commands");
	cr_assert_str_eq(delta(11), "apply(7/11)");
	session_init(&s);
	cr_assert_str_eq(hello(&h), "welcome(snapshot, metrics 20) commands");
	cr_assert_str_eq(stored(0, 7, 11), "", "of the numbering before");
}

Test(session, asks_for_everything_when_numbers_do_not_fit)
{
	struct session_hello h = good_hello;

	session_mark_init(&mark, 7, 10, 0, 0);
	h.state_epoch = 8;
	cr_assert_str_eq(hello(&h), "welcome(snapshot, metrics 0) commands", "the agent restarted");
	setup();
	session_mark_init(&mark, 7, 10, 0, 0);
	h = good_hello;
	h.last_acked_seq = 11;
	cr_assert_str_eq(hello(&h), "welcome(snapshot, metrics 0) commands",
			 "our database is older than our acks");
	setup();
	session_mark_init(&mark, 0, 0, 0, 0);
	h = good_hello;
	h.state_epoch = 0;
	cr_assert_str_eq(hello(&h), "welcome(snapshot, metrics 0) commands", "no numbers at all");
}

Test(session, a_gap_costs_the_stream_and_the_numbering)
{
	hello(&good_hello);
	snapshot(7, 1);
	stored(1, 7, 1);
	cr_assert_str_eq(delta(3), "end(PROTOCOL)");
	cr_assert(strstr(out.items[0].err.text, "delta 3 came, 2 was expected"), "%s",
		  out.items[0].err.text);
	session_init(&s);
	cr_assert_str_eq(hello(&good_hello), "welcome(snapshot, metrics 0) commands");
	cr_assert_str_eq(snapshot(7, 3), "apply(7/3)");
	cr_assert_str_eq(stored(3, 7, 3), "ack(3)");
}

Test(session, snapshots_that_count_backwards_do_no_harm)
{
	hello(&good_hello);
	snapshot(7, 9);
	stored(1, 7, 9);
	cr_assert_str_eq(snapshot(7, 2), "apply(7/2)", "an agent may count as it likes");
	cr_assert_str_eq(delta(3), "apply(7/3)");
	cr_assert_str_eq(stored(2, 7, 2), "ack(2)");
	cr_assert_str_eq(stored(2, 7, 3), "ack(3)");
	cr_assert_str_eq(snapshot(0, 2), "end(PROTOCOL)");
}

Test(session, counters_cannot_run_over)
{
	hello(&good_hello);
	cr_assert_str_eq(snapshot(7, UINT64_MAX), "end(PROTOCOL)");
	setup();
	hello(&good_hello);
	cr_assert_str_eq(snapshot(7, UINT64_MAX - 1), "apply(7/-2)");
	cr_assert_str_eq(delta(UINT64_MAX), "end(PROTOCOL)");
}

Test(session, what_may_not_come_is_named)
{
	cr_assert_str_eq(delta(1), "end(PROTOCOL)");
	cr_assert(strstr(out.items[0].err.text, "Delta"), "%s", out.items[0].err.text);
	cr_assert(strstr(out.items[0].err.text, session_state_name(SESSION_OPENING)));
	setup();
	cr_assert_str_eq(stored(0, 1, 1), "", "the disk's answers are never out of place");
	hello(&good_hello);
	cr_assert_str_eq(hello(&good_hello), "end(PROTOCOL)");
	setup();
	hello(&good_hello);
	cr_assert_str_eq(delta(1), "end(PROTOCOL)", "no snapshot yet");
	setup();
	hello(&good_hello);
	cr_assert_str_eq(step((struct session_event){.kind = SESSION_EV_OTHER}), "pass");
}

Test(session, metrics_are_taken_in_order_once)
{
	hello(&good_hello);
	cr_assert_str_eq(dictionary(5, 2), "dictionary");
	cr_assert_str_eq(batch(1, 5, 2), "batch(3/1)");
	cr_assert_str_eq(batch(2, 5, 1), "batch(3/2)");
	cr_assert_str_eq(batch(2, 5, 2), "metric-ack(0)", "nothing is stored yet");
	cr_assert_str_eq(batch(9, 5, 2), "batch(3/9)", "the agent's window lost some");
	cr_assert_str_eq(batch_stored(3, 1), "metric-ack(1)");
	cr_assert_str_eq(batch_stored(3, 9), "metric-ack(9)");
	cr_assert_str_eq(batch_stored(2, 50), "", "of an earlier epoch");
	cr_assert_str_eq(batch(4, 5, 2), "metric-ack(9)");
}

Test(session, metrics_without_a_dictionary_end_the_stream)
{
	hello(&good_hello);
	cr_assert_str_eq(batch(1, 5, 2), "end(PROTOCOL)");
	setup();
	hello(&good_hello);
	dictionary(5, 2);
	cr_assert_str_eq(batch(1, 6, 2), "end(PROTOCOL)", "another generation");
	setup();
	hello(&good_hello);
	dictionary(5, 2);
	cr_assert_str_eq(batch(1, 5, 3), "end(PROTOCOL)", "more values than series");
	setup();
	hello(&good_hello);
	cr_assert_str_eq(dictionary(5, SESSION_SERIES_MAX + 1), "end(PROTOCOL)");
}

static const char *counted(uint64_t seq, bool base, size_t n_counted)
{
	const struct session_batch one = {
	    .seq = seq, .n_values = 3, .n_counted = n_counted, .base = base};

	return step((struct session_event){
	    .kind = SESSION_EV_BATCHES, .generation = 5, .n = 1, .batches = &one});
}

/* Batches first to last in one message; they count on from the first, which is a base or not. */
static const char *together(uint64_t first, uint64_t last, bool base)
{
	struct session_batch batches[16];
	size_t n = 0;

	for (uint64_t seq = first; seq <= last; seq++, n++)
		batches[n] = (struct session_batch){
		    .seq = seq, .n_values = 3, .n_counted = 2, .base = base && n == 0};
	return step((struct session_event){
	    .kind = SESSION_EV_BATCHES, .generation = 5, .n = n, .batches = batches});
}

static void counted_stream(void)
{
	setup();
	hello(&good_hello);
	cr_assert_str_eq(
	    step((struct session_event){
		.kind = SESSION_EV_DICTIONARY, .generation = 5, .n = 3, .n_counted = 2}),
	    "dictionary");
}

Test(session, counters_follow_one_another)
{
	counted_stream();
	cr_assert_str_eq(counted(1, false, 2), "end(PROTOCOL)", "from what?");
	cr_assert(strstr(out.items[0].err.text, "it counts from the one before"), "%s",
		  out.items[0].err.text);
	counted_stream();
	cr_assert_str_eq(counted(4, true, 2), "batch(3/4)");
	cr_assert_str_eq(counted(5, false, 2), "batch(3/5)");
	cr_assert_str_eq(counted(8, true, 2), "batch(3/8)", "a gap, and a base");
	cr_assert_str_eq(counted(9, false, 2), "batch(3/9)");
	cr_assert_str_eq(counted(11, false, 2), "end(PROTOCOL)", "a gap without one");
	counted_stream();
	cr_assert_str_eq(counted(4, true, 1), "end(PROTOCOL)");
	cr_assert(strstr(out.items[0].err.text, "1 counters, the dictionary has 2"), "%s",
		  out.items[0].err.text);
	counted_stream();
	cr_assert_str_eq(counted(4, true, 2), "batch(3/4)");
	(void)step((struct session_event){
	    .kind = SESSION_EV_DICTIONARY, .generation = 5, .n = 3, .n_counted = 2});
	cr_assert_str_eq(counted(5, false, 2), "end(PROTOCOL)", "of another dictionary");
}

/* A new stream repeats what was taken and is not stored yet: what is new counts from it. */
Test(session, what_is_here_already_is_counted)
{
	counted_stream();
	cr_assert_str_eq(counted(4, true, 2), "batch(3/4)");
	cr_assert_str_eq(counted(5, false, 2), "batch(3/5)");
	session_init(&s);
	hello(&good_hello);
	(void)step((struct session_event){
	    .kind = SESSION_EV_DICTIONARY, .generation = 5, .n = 3, .n_counted = 2});
	cr_assert_str_eq(counted(4, true, 2), "count(3/4) metric-ack(0)");
	cr_assert_str_eq(counted(5, false, 2), "count(3/5) metric-ack(0)");
	cr_assert_str_eq(counted(6, false, 2), "batch(3/6)");
}

Test(session, several_in_a_message)
{
	counted_stream();
	cr_assert_str_eq(together(1, 4, true), "batch(3/4: 0 to 3)");
	cr_assert_str_eq(together(5, 6, false), "batch(3/6: 0 to 1)",
			 "from one message to the next");
	cr_assert_str_eq(batch_stored(3, 6), "metric-ack(6)");
	cr_assert_str_eq(together(9, 9, true), "batch(3/9)");
	/* Another stream says again what is not stored, and more. */
	session_init(&s);
	hello(&good_hello);
	(void)step((struct session_event){
	    .kind = SESSION_EV_DICTIONARY, .generation = 5, .n = 3, .n_counted = 2});
	cr_assert_str_eq(together(7, 12, true), "count(3/9: 0 to 2) batch(3/12: 3 to 5)");
	cr_assert_str_eq(together(11, 12, true), "count(3/12: 0 to 1) metric-ack(6)");
}

Test(session, a_message_is_taken_whole_or_not_at_all)
{
	static const struct {
		struct session_batch last;
		const char *text;
	} cases[] = {
	    {{.seq = 3, .n_values = 4, .n_counted = 2}, "metric_batch 3: 4 values"},
	    {{.seq = 3, .n_values = 3, .n_counted = 1}, "metric_batch 3: 1 counters"},
	    {{.seq = 4, .n_values = 3, .n_counted = 2}, "metric_batch 4: it counts from"},
	    {{.seq = 2, .n_values = 3, .n_counted = 2, .base = true},
	     "metric_batch 2: it came behind 2"},
	    {{.seq = 1, .n_values = 3, .n_counted = 2, .base = true},
	     "metric_batch 1: it came behind 2"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct session_batch batches[3] = {
		    {.seq = 1, .n_values = 3, .n_counted = 2, .base = true},
		    {.seq = 2, .n_values = 3, .n_counted = 2},
		    cases[i].last,
		};

		counted_stream();
		cr_assert_str_eq(
		    step((struct session_event){
			.kind = SESSION_EV_BATCHES, .generation = 5, .n = 3, .batches = batches}),
		    "end(PROTOCOL)");
		cr_assert(strstr(out.items[0].err.text, cases[i].text), "%s",
			  out.items[0].err.text);
		cr_assert_eq(mark.metric_taken, 0);
	}
}

Test(session, rows_have_a_dictionary_of_their_own_and_no_order)
{
	struct session_event d = {.kind = SESSION_EV_ROW_DICTIONARY, .generation = 9, .n = 3};
	struct session_event row = {.kind = SESSION_EV_ROW, .seq = 7, .generation = 9, .n = 3};

	hello(&good_hello);
	dictionary(5, 2);
	cr_assert_str_eq(step(d), "row-dictionary");
	cr_assert_str_eq(step(row), "row(7)");
	cr_assert_str_eq(step(row), "row(7)", "as often as it comes");
	cr_assert_str_eq(batch(1, 5, 2), "batch(3/1)");
	row.generation = 5;
	cr_assert_str_eq(step(row), "end(PROTOCOL)");
	cr_assert(strstr(out.items[0].err.text, "metric_row 7"), "%s", out.items[0].err.text);
	setup();
	hello(&good_hello);
	d.n = SESSION_SERIES_MAX + 1;
	cr_assert_str_eq(step(d), "end(PROTOCOL)");
	cr_assert(strstr(out.items[0].err.text, "row_dictionary"), "%s", out.items[0].err.text);
}

Test(session, a_new_metric_epoch_counts_anew)
{
	session_mark_init(&mark, 0, 0, 2, 40);
	cr_assert_str_eq(hello(&good_hello), "welcome(snapshot, metrics 0) commands");
	dictionary(1, 1);
	cr_assert_str_eq(batch(1, 1, 1), "batch(3/1)");
	session_mark_batches_stored(&mark, 3, 1);
	cr_assert_eq(mark.metric_stored, 1);
}

Test(session, an_agent_that_returns_to_an_old_metric_epoch_breaks_nothing)
{
	struct session_hello other = good_hello;

	hello(&good_hello);
	dictionary(1, 1);
	cr_assert_str_eq(batch(7, 1, 1), "batch(3/7)");
	other.metric_epoch = 4;
	session_init(&s);
	hello(&other);
	session_init(&s);
	hello(&good_hello);
	dictionary(1, 1);
	cr_assert_str_eq(batch_stored(3, 7), "metric-ack(7)", "of the first stream");
	cr_assert_str_eq(batch(7, 1, 1), "metric-ack(7)", "it is not stored twice");
	cr_assert_str_eq(batch(8, 1, 1), "batch(3/8)");
}

/* --- crashes at every point ---
 *
 * An agent that counts, a line that breaks, a store that takes time, an aggregator that dies. At
 * every moment the disk must have what the agent was told it has; at the end it must have all.
 */

enum { PIPE_MAX = 64, OBJECTS = 8, LOG_MAX = 1024 };

struct message {
	bool snapshot;
	uint64_t epoch;
	uint64_t seq;
	size_t object; /* delta: the one that changed */
	uint64_t value;
	uint64_t all[OBJECTS]; /* snapshot */
};

struct store_entry {
	uint64_t round;
	struct message m;
};

/* What somebody believes the host to be. */
struct picture {
	uint64_t epoch;
	uint64_t seq;
	uint64_t objects[OBJECTS];
};

static struct {
	struct mu_rand rand;
	/* agent */
	struct picture truth;
	struct message log[LOG_MAX]; /* deltas by seq % LOG_MAX */
	uint64_t acked;
	bool connected, welcomed;
	uint64_t sent_seq;
	/* line */
	struct message line[PIPE_MAX];
	size_t n_line;
	/* aggregator: memory, in flight, disk */
	struct picture memory;
	struct store_entry flight[PIPE_MAX];
	size_t n_flight;
	struct picture disk;
	size_t n_acks, n_crashes, n_resumes, n_snapshots;
} w;

static void paint(struct picture *p, const struct message *m)
{
	p->epoch = m->epoch;
	p->seq = m->seq;
	if (m->snapshot)
		memcpy(p->objects, m->all, sizeof p->objects);
	else
		p->objects[m->object] = m->value;
}

static void told_acked(uint64_t seq)
{
	w.n_acks++;
	cr_assert_eq(w.disk.epoch, w.truth.epoch, "acknowledged, but the disk has another epoch");
	cr_assert_leq(seq, w.disk.seq, "acknowledged %d, the disk has %d", (int)seq,
		      (int)w.disk.seq);
	if (seq > w.acked)
		w.acked = seq;
}

static void agent_send(const struct message *m)
{
	if (w.n_line >= PIPE_MAX)
		return;
	w.line[w.n_line++] = *m;
	w.sent_seq = m->seq;
}

static void agent_send_snapshot(void)
{
	struct message m = {.snapshot = true, .epoch = w.truth.epoch, .seq = w.truth.seq};

	memcpy(m.all, w.truth.objects, sizeof m.all);
	agent_send(&m);
}

static void line_break(void)
{
	w.connected = w.welcomed = false;
	w.n_line = 0;
}

static void obey(const struct message *m)
{
	for (size_t i = 0; i < out.n_items; i++) {
		const struct session_action *a = &out.items[i];

		if (a->kind == SESSION_SEND_WELCOME) {
			w.welcomed = true;
			w.sent_seq = a->seq;
			w.n_resumes += a->resume;
			if (a->resume) {
				told_acked(a->seq); /* Welcome acknowledges, too */
			} else {
				w.n_snapshots++;
				agent_send_snapshot();
			}
		} else if (a->kind == SESSION_APPLY) {
			paint(&w.memory, m);
			cr_assert_lt(w.n_flight, PIPE_MAX);
			w.flight[w.n_flight++] = (struct store_entry){a->round, *m};
		} else if (a->kind == SESSION_SEND_ACK) {
			told_acked(a->seq);
		} else if (a->kind == SESSION_END) {
			/* This agent and this line make no mistakes. */
			cr_assert_fail("refused: %s", a->err.text);
		}
	}
}

static void event_connect(void)
{
	struct session_hello h = good_hello;

	if (w.connected)
		line_break();
	h.state_epoch = w.truth.epoch;
	h.last_acked_seq = w.acked;
	w.connected = true;
	session_init(&s);
	hello(&h);
	obey(NULL);
}

static void event_change(void)
{
	struct message m = {.epoch = w.truth.epoch,
			    .seq = w.truth.seq + 1,
			    .object = mu_rand_below(&w.rand, OBJECTS),
			    .value = mu_rand_next(&w.rand)};

	if (w.truth.seq - w.acked >= LOG_MAX)
		return; /* a real agent would forget its numbering here */
	w.log[m.seq % LOG_MAX] = m;
	paint(&w.truth, &m);
}

static void event_send(void)
{
	if (w.welcomed && w.sent_seq < w.truth.seq)
		agent_send(&w.log[(w.sent_seq + 1) % LOG_MAX]);
}

static void event_deliver(void)
{
	struct message m;

	if (w.n_line == 0 || w.n_flight >= PIPE_MAX)
		return;
	m = w.line[0];
	memmove(w.line, w.line + 1, --w.n_line * sizeof w.line[0]);
	if (m.snapshot)
		snapshot(m.epoch, m.seq);
	else
		delta(m.seq);
	obey(&m);
}

/* The oldest reaches the disk; `told`: and the aggregator lives to hear of it. */
static void event_store(bool told)
{
	struct store_entry e;

	if (w.n_flight == 0)
		return;
	e = w.flight[0];
	memmove(w.flight, w.flight + 1, --w.n_flight * sizeof w.flight[0]);
	paint(&w.disk, &e.m);
	if (!told)
		return;
	if (w.connected) {
		stored(e.round, e.m.epoch, e.m.seq);
		obey(NULL);
	} else {
		session_mark_stored(&mark, e.round, e.m.epoch, e.m.seq);
	}
}

static void event_crash(void)
{
	w.n_crashes++;
	if (mu_rand_below(&w.rand, 2))
		event_store(false);
	w.n_flight = 0;
	line_break();
	session_mark_init(&mark, w.disk.epoch, w.disk.seq, 0, 0);
	w.memory = w.disk;
}

static void event_agent_restart(void)
{
	line_break();
	w.truth.epoch++;
	w.truth.seq = 1;
	w.acked = 0;
}

static void check_world(void)
{
	if (w.acked == 0 || w.disk.epoch != w.truth.epoch)
		return;
	cr_assert_leq(w.acked, w.disk.seq, "lost what was acknowledged");
}

/* Left in peace, all three agree. */
static void settle(void)
{
	event_connect();
	for (int i = 0; i < 10000 && w.acked < w.truth.seq; i++) {
		event_send();
		event_deliver();
		event_store(true);
	}
	cr_assert_eq(w.acked, w.truth.seq);
	cr_assert_eq(memcmp(&w.disk, &w.truth, sizeof w.disk), 0, "the disk is not the host");
	cr_assert_eq(memcmp(&w.memory, &w.truth, sizeof w.memory), 0, "memory is not the host");
}

Test(session, nothing_acknowledged_is_lost_whatever_dies)
{
	memset(&w, 0, sizeof w);
	w.rand.state = 42;
	w.truth.epoch = 1;
	w.truth.seq = 1;
	for (int i = 0; i < 200000; i++) {
		uint64_t dice = mu_rand_below(&w.rand, 1000);

		if (dice < 250)
			event_change();
		else if (dice < 500)
			event_send();
		else if (dice < 740)
			event_deliver();
		else if (dice < 950)
			event_store(true);
		else if (dice < 980)
			event_connect();
		else if (dice < 985)
			line_break();
		else if (dice < 997)
			event_crash();
		else
			event_agent_restart();
		check_world();
		if (i % 500 == 499)
			settle();
	}
	/* The run met what it is about. */
	cr_assert_gt(w.n_acks, 1000);
	cr_assert_gt(w.n_crashes, 1000);
	cr_assert_gt(w.n_resumes, 100);
	cr_assert_gt(w.n_snapshots, 100);
}
