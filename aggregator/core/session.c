/* SPDX-License-Identifier: Apache-2.0 */
/*
 *               Hello, cannot resume             Snapshot
 *     OPENING ------------------------> AWAIT ------------> LIVE --.
 *        |                                |                  ^  ^  | Snapshot, Delta
 *        |  Hello, can resume             |                  |  '--'
 *        '--------------------------------)------------------'
 *        |                                |                  |
 *        '--------------- anything that must not come -------+--> OVER
 *
 * Invariants, checked at every step:
 *   - acked <= stored: an ack never leaves before the disk has what it stands for;
 *   - in one round stored <= applied: the disk holds nothing that memory has not seen.
 *
 * Why a gap ends the stream and makes the host forget its numbering: the next Hello then takes
 * the path of a first one, which every start of an agent exercises.
 */
#include "aggregator/core/session.h"

#include "common/base/assert.h"
#include "common/base/str.h"

/* Which events may come in which state; anything else ends the stream. */
static const unsigned allowed[_SESSION_STATE_COUNT] = {
    [SESSION_OPENING] = 1u << SESSION_EV_HELLO,
    [SESSION_AWAIT_SNAPSHOT] = 1u << SESSION_EV_SNAPSHOT | 1u << SESSION_EV_STORED |
			       1u << SESSION_EV_DICTIONARY | 1u << SESSION_EV_BATCHES |
			       1u << SESSION_EV_BATCHES_STORED | 1u << SESSION_EV_ROW_DICTIONARY |
			       1u << SESSION_EV_ROW | 1u << SESSION_EV_OTHER,
    [SESSION_LIVE] = 1u << SESSION_EV_SNAPSHOT | 1u << SESSION_EV_DELTA | 1u << SESSION_EV_STORED |
		     1u << SESSION_EV_DICTIONARY | 1u << SESSION_EV_BATCHES |
		     1u << SESSION_EV_BATCHES_STORED | 1u << SESSION_EV_ROW_DICTIONARY |
		     1u << SESSION_EV_ROW | 1u << SESSION_EV_OTHER,
    [SESSION_OVER] = 0,
};

static const char *const state_names[_SESSION_STATE_COUNT] = {
    [SESSION_OPENING] = "waiting for Hello",
    [SESSION_AWAIT_SNAPSHOT] = "waiting for a Snapshot",
    [SESSION_LIVE] = "live",
    [SESSION_OVER] = "over",
};

static const char *const event_names[_SESSION_EV_COUNT] = {
    [SESSION_EV_HELLO] = "Hello",
    [SESSION_EV_SNAPSHOT] = "Snapshot",
    [SESSION_EV_DELTA] = "Delta",
    [SESSION_EV_STORED] = "stored",
    [SESSION_EV_DICTIONARY] = "MetricDictionary",
    [SESSION_EV_BATCHES] = "MetricBatches",
    [SESSION_EV_BATCHES_STORED] = "batches stored",
    [SESSION_EV_ROW_DICTIONARY] = "row dictionary",
    [SESSION_EV_ROW] = "MetricRow",
    [SESSION_EV_OTHER] = "message",
};

const char *session_state_name(enum session_state state)
{
	return state_names[state];
}

void session_init(struct session *s)
{
	*s = (struct session){.state = SESSION_OPENING};
}

void session_mark_init(struct session_mark *mark, uint64_t epoch, uint64_t seq,
		       uint64_t metric_epoch, uint64_t metric_seq)
{
	*mark = (struct session_mark){
	    .stored_epoch = epoch,
	    .stored_seq = seq,
	    .applied_epoch = epoch,
	    .applied_seq = seq,
	    .metric_epoch = metric_epoch,
	    .metric_stored = metric_seq,
	    .metric_taken = metric_seq,
	};
}

static struct session_action *act(struct session_actions *out, enum session_action_kind kind)
{
	mu_assert(out->n_items < SESSION_ACTIONS_MAX);
	out->items[out->n_items] = (struct session_action){.kind = kind};
	return &out->items[out->n_items++];
}

static void end(struct session *s, struct session_actions *out, const struct mu_error *err)
{
	s->state = SESSION_OVER;
	out->n_items = 0;
	act(out, SESSION_END)->err = *err;
}

void session_mark_distrust(struct session_mark *mark)
{
	mark->applied_round++;
	mark->applied_epoch = 0;
	mark->applied_seq = 0;
}

/* --- Hello --- */

static int hello_check(const struct session_hello *h, struct host_id *ret_host,
		       struct mu_error *err)
{
	struct host_id named;

	if (h->protocol != SESSION_PROTOCOL)
		return mu_error_set(
		    err, MU_E_STATE,
		    "protocol version %u is not known here, this aggregator speaks %d; "
		    "hint: upgrade the %s",
		    h->protocol, SESSION_PROTOCOL,
		    h->protocol > SESSION_PROTOCOL ? "aggregator" : "agent");
	if (!mu_uuid_parse(h->host_id, &ret_host->uuid))
		return mu_error_set(err, MU_E_INVALID, "hello.host_id '%.40s' is not a UUID",
				    h->host_id);
	if (!mu_uuid_parse(h->common_name, &named.uuid) ||
	    !mu_uuid_equal(&named.uuid, &ret_host->uuid))
		return mu_error_set(
		    err, MU_E_DENIED,
		    "this certificate belongs to '%.40s', not to host %s; hint: a host connects "
		    "with the certificate of its own enrolment; enrol it with a join token",
		    h->common_name, h->host_id);
	if (!h->enrolled)
		return mu_error_set(err, MU_E_DENIED,
				    "host %s is not enrolled here; hint: make a join token and "
				    "enrol the host with it",
				    h->host_id);
	switch (h->certificate) {
	case SESSION_CERT_GOOD:
		return 0;
	case SESSION_CERT_REVOKED:
		return mu_error_set(err, MU_E_DENIED,
				    "the certificate of host %s is revoked; hint: enrol it with a "
				    "join token made to replace this host",
				    h->host_id);
	case SESSION_CERT_UNKNOWN:
	case _SESSION_CERT_COUNT:
		break;
	}
	return mu_error_set(err, MU_E_DENIED,
			    "host %s is enrolled with another certificate; hint: if this is the "
			    "same host, enrol it with a join token made to replace it; if not, "
			    "give it an id of its own",
			    h->host_id);
}

/* Not while something is on its way to the disk: an agent that resumes gives the numbers behind the
 * stored one again, to other contents, and one number must not stand for two. */
static bool can_resume(const struct session_mark *m, const struct session_hello *h)
{
	return h->state_epoch != 0 && h->state_epoch == m->stored_epoch &&
	       m->stored_round == m->applied_round && m->stored_seq == m->applied_seq &&
	       h->last_acked_seq <= m->stored_seq;
}

static void on_hello(struct session *s, struct session_mark *mark, const struct session_hello *h,
		     struct session_actions *out)
{
	struct mu_error err = MU_ERROR_INIT;
	struct session_action *welcome;

	if (hello_check(h, &s->host, &err) < 0) {
		end(s, out, &err);
		return;
	}
	mu_assert(mark);
	if (h->metric_epoch != mark->metric_epoch) {
		mark->metric_epoch = h->metric_epoch;
		mark->metric_stored = 0;
		mark->metric_taken = 0;
	}
	welcome = act(out, SESSION_SEND_WELCOME);
	welcome->resume = can_resume(mark, h);
	welcome->metric_seq = mark->metric_stored;
	if (welcome->resume) {
		welcome->seq = mark->stored_seq;
		s->acked_seq = mark->stored_seq;
		s->expected_seq = mark->stored_seq + 1;
		s->state = SESSION_LIVE;
	} else {
		s->state = SESSION_AWAIT_SNAPSHOT;
	}
	act(out, SESSION_SEND_COMMANDS);
}

/* --- state --- */

static void on_snapshot(struct session *s, struct session_mark *mark,
			const struct session_event *ev, struct session_actions *out)
{
	struct session_action *a;
	struct mu_error err = MU_ERROR_INIT;

	if (ev->epoch == 0 || ev->seq == UINT64_MAX) {
		mu_error_set(&err, MU_E_PROTOCOL, "snapshot: epoch 0 or a seq that cannot grow");
		end(s, out, &err);
		return;
	}
	mark->applied_round++;
	mark->applied_epoch = ev->epoch;
	mark->applied_seq = ev->seq;
	s->expected_seq = ev->seq + 1;
	s->acked_seq = 0;
	s->state = SESSION_LIVE;
	a = act(out, SESSION_APPLY);
	a->round = mark->applied_round;
	a->epoch = ev->epoch;
	a->seq = ev->seq;
}

static void send_ack(struct session *s, const struct session_mark *mark,
		     struct session_actions *out)
{
	if (s->state != SESSION_LIVE || mark->stored_round != mark->applied_round ||
	    mark->stored_seq <= s->acked_seq)
		return;
	s->acked_seq = mark->stored_seq;
	act(out, SESSION_SEND_ACK)->seq = mark->stored_seq;
}

static void on_delta(struct session *s, struct session_mark *mark, uint64_t seq,
		     struct session_actions *out)
{
	struct session_action *a;
	struct mu_error err = MU_ERROR_INIT;

	if (seq != s->expected_seq || seq == UINT64_MAX) {
		mu_error_set(&err, MU_E_PROTOCOL,
			     "delta %llu came, %llu was expected; hint: connect again, a snapshot "
			     "will be asked for",
			     (unsigned long long)seq, (unsigned long long)s->expected_seq);
		session_mark_distrust(mark);
		end(s, out, &err);
		return;
	}
	s->expected_seq = seq + 1;
	mark->applied_seq = seq;
	a = act(out, SESSION_APPLY);
	a->round = mark->applied_round;
	a->epoch = mark->applied_epoch;
	a->seq = seq;
}

void session_mark_stored(struct session_mark *mark, uint64_t round, uint64_t epoch, uint64_t seq)
{
	if (round > mark->stored_round || (round == mark->stored_round && seq > mark->stored_seq)) {
		mark->stored_round = round;
		mark->stored_epoch = epoch;
		mark->stored_seq = seq;
	}
}

/* --- metrics --- */

static void on_dictionary(struct session *s, const struct session_event *ev,
			  struct session_actions *out)
{
	bool live = ev->kind == SESSION_EV_DICTIONARY;
	struct mu_error err = MU_ERROR_INIT;

	if (ev->n > SESSION_SERIES_MAX) {
		mu_error_set(&err, MU_E_PROTOCOL, "%s: %zu series, at most %d",
			     live ? "metric_dictionary" : "row_dictionary", ev->n,
			     SESSION_SERIES_MAX);
		end(s, out, &err);
		return;
	}
	*(live ? &s->live : &s->kept) = (struct session_dictionary){
	    .there = true,
	    .generation = ev->generation,
	    .n_series = ev->n,
	    .n_counted = ev->n_counted,
	};
	act(out, live ? SESSION_KEEP_DICTIONARY : SESSION_KEEP_ROW_DICTIONARY)->seq =
	    ev->generation;
}

static int check_values(const struct session_dictionary *d, uint32_t generation, uint64_t seq,
			size_t n_values, const char *what, struct mu_error *err)
{
	if (!d->there || generation != d->generation)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "%s %llu: no dictionary of generation %u was sent on this "
				    "stream",
				    what, (unsigned long long)seq, generation);
	if (n_values > d->n_series)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "%s %llu: %zu values, the dictionary has %zu series", what,
				    (unsigned long long)seq, n_values, d->n_series);
	return 0;
}

/* Every batch counts from the one before, so none may be missing: also not one of which all else is
 * here already. */
static int check_counted(struct session_dictionary *d, const struct session_batch *b,
			 struct mu_error *err)
{
	if (b->n_counted != d->n_counted)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "metric_batch %llu: %zu counters, the dictionary has %zu",
				    (unsigned long long)b->seq, b->n_counted, d->n_counted);
	if (b->n_counted > 0 && !b->base && (d->counted_seq == 0 || d->counted_seq + 1 != b->seq))
		return mu_error_set(
		    err, MU_E_PROTOCOL,
		    "metric_batch %llu: it counts from the one before, which was not "
		    "sent on this stream with this dictionary",
		    (unsigned long long)b->seq);
	d->counted_seq = b->seq;
	return 0;
}

/* All of a message, before any of it counts. */
static int check_batches(struct session_dictionary *d, const struct session_event *ev,
			 struct mu_error *err)
{
	const struct session_batch *b = ev->batches;

	for (size_t i = 0; i < ev->n; i++) {
		int r =
		    check_values(d, ev->generation, b[i].seq, b[i].n_values, "metric_batch", err);

		if (r < 0 || (r = check_counted(d, &b[i], err)) < 0)
			return r;
		if (i > 0 && b[i].seq <= b[i - 1].seq)
			return mu_error_set(
			    err, MU_E_PROTOCOL, "metric_batch %llu: it came behind %llu",
			    (unsigned long long)b[i].seq, (unsigned long long)b[i - 1].seq);
	}
	return 0;
}

static void act_on(struct session_actions *out, enum session_action_kind kind,
		   const struct session_mark *mark, const struct session_event *ev, size_t first,
		   size_t n)
{
	struct session_action *a = act(out, kind);

	a->epoch = mark->metric_epoch;
	a->seq = ev->batches[first + n - 1].seq;
	a->first = first;
	a->n = n;
}

/* Those that are here already come first: their numbers are lower. */
static void on_batches(struct session *s, struct session_mark *mark, const struct session_event *ev,
		       struct session_actions *out)
{
	struct mu_error err = MU_ERROR_INIT;
	size_t n_old = 0;

	if (check_batches(&s->live, ev, &err) < 0) {
		end(s, out, &err);
		return;
	}
	while (n_old < ev->n && ev->batches[n_old].seq <= mark->metric_taken)
		n_old++;
	if (n_old > 0 && s->live.n_counted > 0)
		act_on(out, SESSION_COUNT_BATCHES, mark, ev, 0, n_old);
	if (n_old < ev->n) {
		mark->metric_taken = ev->batches[ev->n - 1].seq;
		act_on(out, SESSION_STORE_BATCHES, mark, ev, n_old, ev->n - n_old);
	} else {
		/* Only tell what is stored (again). */
		act(out, SESSION_SEND_METRIC_ACK)->seq = mark->metric_stored;
	}
}

/* Rows have no order and may come again: nothing is counted. */
static void on_row(struct session *s, const struct session_event *ev, struct session_actions *out)
{
	struct mu_error err = MU_ERROR_INIT;

	if (check_values(&s->kept, ev->generation, ev->seq, ev->n, "metric_row", &err) < 0)
		end(s, out, &err);
	else
		act(out, SESSION_STORE_ROW)->seq = ev->seq;
}

void session_mark_batches_stored(struct session_mark *mark, uint64_t epoch, uint64_t seq)
{
	if (epoch != mark->metric_epoch || seq <= mark->metric_stored)
		return;
	mark->metric_stored = seq;
	/* The count may have begun anew meanwhile: an agent went to another epoch and came back, or
	 * a batch in front of this one was refused. What is on the disk was taken. */
	if (mark->metric_taken < seq)
		mark->metric_taken = seq;
}

static void on_batches_stored(struct session_mark *mark, const struct session_event *ev,
			      struct session_actions *out)
{
	session_mark_batches_stored(mark, ev->epoch, ev->seq);
	if (ev->epoch == mark->metric_epoch)
		act(out, SESSION_SEND_METRIC_ACK)->seq = mark->metric_stored;
}

/* --- the machine --- */

static void check_invariants(const struct session *s, const struct session_mark *mark)
{
	if (!mark)
		return;
	if (mark->stored_round == mark->applied_round) {
		mu_assert(mark->stored_seq <= mark->applied_seq);
		mu_assert(s->state != SESSION_LIVE || s->acked_seq <= mark->stored_seq);
	}
	mu_assert(mark->metric_stored <= mark->metric_taken);
}

static bool from_the_disk(enum session_event_kind kind)
{
	return kind == SESSION_EV_STORED || kind == SESSION_EV_BATCHES_STORED;
}

void session_step(struct session *s, struct session_mark *mark, const struct session_event *ev,
		  struct session_actions *out)
{
	struct mu_error err = MU_ERROR_INIT;

	out->n_items = 0;
	if (!(allowed[s->state] & 1u << ev->kind)) {
		if (s->state == SESSION_OVER || from_the_disk(ev->kind))
			return;
		mu_error_set(&err, MU_E_PROTOCOL, "%s came while the stream was %s",
			     event_names[ev->kind], state_names[s->state]);
		end(s, out, &err);
		return;
	}
	switch (ev->kind) {
	case SESSION_EV_HELLO:
		on_hello(s, mark, ev->hello, out);
		break;
	case SESSION_EV_SNAPSHOT:
		on_snapshot(s, mark, ev, out);
		break;
	case SESSION_EV_DELTA:
		on_delta(s, mark, ev->seq, out);
		break;
	case SESSION_EV_STORED:
		session_mark_stored(mark, ev->round, ev->epoch, ev->seq);
		send_ack(s, mark, out);
		break;
	case SESSION_EV_DICTIONARY:
	case SESSION_EV_ROW_DICTIONARY:
		on_dictionary(s, ev, out);
		break;
	case SESSION_EV_ROW:
		on_row(s, ev, out);
		break;
	case SESSION_EV_BATCHES:
		on_batches(s, mark, ev, out);
		break;
	case SESSION_EV_BATCHES_STORED:
		on_batches_stored(mark, ev, out);
		break;
	case SESSION_EV_OTHER:
		act(out, SESSION_PASS);
		break;
	case _SESSION_EV_COUNT:
		mu_assert_unreachable();
	}
	check_invariants(s, mark);
}
