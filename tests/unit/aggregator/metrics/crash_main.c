/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills the keeper of metrics before each of its calls that change a file, and looks at what the
 * next start makes of it: every step that was acknowledged is there, every value of every level is
 * right, and the day that ended meanwhile gets its rows. Then the same with the power cut: of what
 * was not synchronised, pieces are taken back first. And both again while another host's minute
 * comes late, into a row whose steps no journal has any more.
 *
 * The linker puts wrap_*() in front of the system calls and of the clocks (--wrap, see
 * meson.build), so the product has no switch for this. The keeper runs in a child; what would be in
 * the database is in memory that both share.
 */
#include "aggregator/metrics/metrics.h"
#include "common/base/rand.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	EXIT_KILLED = 77,
	FAULTS_MAX = 2000,
	STEPS = 16, /* the eighth is the last of a day */
	SERIES = 3,
	UNDO_MAX = 512,
	ROW_MAX = 1024, /* of a catalogue's object */
};

/* The end of a day: 20718 days of 17280 steps. */
#define MIDNIGHT UINT32_C(358007040)
#define FIRST (MIDNIGHT - 7)

static const struct mu_uuid host = {{1}}, vm = {{2}}, late_host = {{3}};

/* What outlives the child. */
static struct shared {
	int64_t wall; /* s */
	uint32_t n_acked;
	uint32_t n_rows; /* that came late, acknowledged */
	struct {
		size_t len;
		uint8_t bytes[ROW_MAX];
		uint32_t last;
	} rows[3]; /* of host, vm and late_host */
} * shared;

static int fault_at; /* 0: never */
static int n_calls;
static bool power; /* cut it, not only the process */
static bool late;  /* while a minute comes late, not before */
static mu_msec monotonic;
static char dir[64];

/* ---- the faults ---- */

static struct undo {
	char path[128];
	int64_t at;
	int64_t size; /* of the file before */
	size_t len;
	uint8_t old[16384];
} * undo;
static size_t n_undo;

ssize_t __real_pwrite64(int fd, const void *p, size_t n, off_t at);
int __real_ftruncate64(int fd, off_t size);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_unlink(const char *path);

static void path_of_fd(int fd, char *ret, size_t size)
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, ret, size - 1);
	ret[n < 0 ? 0 : n] = '\0';
}

static void remember(int fd, size_t len, int64_t at)
{
	struct undo *u = &undo[n_undo];
	struct stat st;

	if (!fault_at || n_undo == UNDO_MAX || len > sizeof u->old || fstat(fd, &st) < 0)
		return;
	path_of_fd(fd, u->path, sizeof u->path);
	*u = (struct undo){.at = at, .size = st.st_size, .len = len};
	path_of_fd(fd, u->path, sizeof u->path);
	memset(u->old, 0, len);
	int reader = open(u->path, O_RDONLY);

	if (reader >= 0 && pread(reader, u->old, len, at) >= 0)
		n_undo++;
	if (reader >= 0)
		(void)close(reader);
}

static void forget_file(int fd)
{
	char path[128];
	size_t kept = 0;

	path_of_fd(fd, path, sizeof path);
	for (size_t i = 0; i < n_undo; i++)
		if (strcmp(undo[i].path, path) != 0)
			undo[kept++] = undo[i];
	n_undo = kept;
}

/* Newest first; a third of them whole, a third half, the others were written after all. */
static void take_back(void)
{
	struct mu_rand rand = {(uint64_t)fault_at};

	for (size_t i = n_undo; i-- > 0;) {
		const struct undo *u = &undo[i];
		uint64_t how = mu_rand_below(&rand, 3);
		int fd = how == 2 ? -1 : open(u->path, O_RDWR);

		if (fd < 0)
			continue;
		(void)!__real_pwrite64(fd, u->old, how == 0 ? u->len : u->len / 2, u->at);
		if (how == 0)
			(void)!__real_ftruncate64(fd, u->size);
		(void)close(fd);
	}
}

static void fault(void)
{
	if (!fault_at || ++n_calls != fault_at)
		return;
	if (power)
		take_back();
	_exit(EXIT_KILLED);
}

#define WRAP(type, name, params, args, before)                                                     \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		fault();                                                                           \
		before;                                                                            \
		return __real_##name args;                                                         \
	}

WRAP(ssize_t, pwrite64, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at),
     remember(fd, n, at))
WRAP(int, fdatasync, (int fd), (fd), forget_file(fd))
WRAP(int, fsync, (int fd), (fd), forget_file(fd))
WRAP(int, ftruncate64, (int fd, off_t size), (fd, size), (void)0)
WRAP(int, unlink, (const char *path), (path), (void)0)

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (flags & O_CREAT)
		fault();
	return __real_open64(path, flags, mode);
}

mu_msec __wrap_mu_clock_wall(void);
mu_msec __wrap_mu_clock_wall(void)
{
	return shared->wall * 1000;
}

mu_msec __wrap_mu_clock_monotonic(void);
mu_msec __wrap_mu_clock_monotonic(void)
{
	return monotonic;
}

/* Nothing is waited for. */
void __real_mu_timer_set(struct mu_timer *t, mu_msec delay);
void __wrap_mu_timer_set(struct mu_timer *t, mu_msec delay);
void __wrap_mu_timer_set(struct mu_timer *t, mu_msec delay)
{
	(void)delay;
	__real_mu_timer_set(t, 0);
}

/* ---- a keeper ---- */

static struct mu_loop *loop;
static struct metrics *metrics;

struct storing {
	metrics_done done;
	void *arg;
};

static void stored(void *ctx)
{
	struct storing *s = ctx;

	s->done(s->arg, NULL);
	free(s);
}

static void store(void *ctx, struct catalogue *c, metrics_done done, void *arg)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct storing *s = mu_xcalloc(1, sizeof *s);
	const struct catalogue_object *o;
	const uint8_t *bytes;
	size_t len;

	(void)ctx;
	while ((o = catalogue_next_changed(c))) {
		size_t i = o->id.bytes[0] - 1u;

		catalogue_encode(o, a, &bytes, &len);
		memcpy(shared->rows[i].bytes, bytes, len);
		shared->rows[i].len = len;
		shared->rows[i].last = o->last;
	}
	*s = (struct storing){done, arg};
	mu_loop_post(loop, stored, s);
}

static void on_mark(void *ctx, const struct mu_uuid *id, uint64_t epoch, uint64_t seq, mu_msec at)
{
	(void)ctx, (void)id, (void)epoch, (void)seq, (void)at;
}

static int open_metrics(struct mu_error *err)
{
	const struct mu_uuid ids[3] = {host, vm, late_host};
	const struct metrics_options options = {.dir = dir, .pool = {{9}}, .store = store};
	struct metrics_options o = options;

	loop = mu_loop_new();
	o.loop = loop;
	metrics = metrics_new(&o);
	for (size_t i = 0; i < 3; i++)
		if (shared->rows[i].len > 0 &&
		    catalogue_restore(metrics_catalogue(metrics), &ids[i], i < 2 ? &host : &ids[i],
				      shared->rows[i].last, shared->rows[i].bytes,
				      shared->rows[i].len, err) < 0)
			return MU_FAILED;
	catalogue_restored(metrics_catalogue(metrics));
	return metrics_load(metrics, on_mark, NULL, err);
}

static void stop_loop(void *ctx)
{
	(void)ctx;
	mu_loop_stop(loop);
}

static void close_metrics(void)
{
	metrics_close(metrics, stop_loop, NULL);
	mu_loop_run(loop);
	mu_loop_free(loop);
}

/* Series 0 is always 7, series 1 the step, series 2 comes and goes. */
static float value_of(uint32_t step, size_t series)
{
	return series == 0 ? 7 : series == 1 ? (float)(step - FIRST + 1) : step % 3 ? 9 : NAN;
}

static void acked(void *ctx, const struct mu_error *err)
{
	uint32_t *n = ctx;

	if (!err)
		++*n;
	mu_loop_stop(loop);
}

static void map(void)
{
	const struct catalogue_want want[2 * SERIES] = {
	    {host, "a", "s", false}, {host, "b", "s", false}, {host, "c", "s", false},
	    {vm, "a", "s", false},   {vm, "b", "s", false},   {vm, "c", "s", false},
	};

	metrics_map(metrics, &host, want, 2 * SERIES);
}

static void put(uint32_t step, uint32_t *n_acked)
{
	float values[2 * SERIES];
	const struct metrics_batch b = {.host = host,
					.epoch = 1,
					.seq = step,
					.at = (mu_msec)step * 5000,
					.values = values,
					.n_values = 2 * SERIES};

	for (size_t i = 0; i < 2 * SERIES; i++)
		values[i] = value_of(step, i % SERIES);
	metrics_put(metrics, &b, 1, acked, n_acked);
	mu_loop_run(loop);
}

/* The minute in which the day ended, of a host that was away then. */
static void put_late(void)
{
	const struct catalogue_want want = {late_host, "a", "s", false};
	const float seven = 7;
	const uint8_t known = 12;
	const struct metrics_row row = {
	    .host = late_host,
	    .level = ARCHIVE_MINUTES,
	    .row = MIDNIGHT / 12,
	    .n_values = 1,
	    .average = &seven,
	    .min = &seven,
	    .max = &seven,
	    .known = &known,
	};

	metrics_map_rows(metrics, &late_host, &want, 1);
	metrics_put_row(metrics, &row, acked, &shared->n_rows);
	mu_loop_run(loop);
}

/* When the journals of that minute have gone. */
static void run_late(int n)
{
	uint32_t more = 0;

	for (int i = 0; i < 3; i++) {
		shared->wall += 900;
		monotonic += MU_SEC(900);
		put((uint32_t)(shared->wall / 5), &more);
	}
	fault_at = n;
	put_late();
	/* The row waits for long until it is synchronised. */
	for (int i = 0; i < 8; i++)
		put((uint32_t)(shared->wall / 5), &more);
}

/* A step a turn. In between ten minutes pass for the journals, twice: one is closed, one removed.
 */
static void run_child(int n)
{
	struct mu_error err = MU_ERROR_INIT;

	n_calls = 0;
	fault_at = late ? 0 : n;
	if (open_metrics(&err) < 0) {
		fprintf(stderr, "# %s\n", err.text);
		_exit(1);
	}
	map();
	for (uint32_t i = 0; i < STEPS; i++) {
		shared->wall = (int64_t)(FIRST + i) * 5;
		if (i == 10)
			monotonic += MU_SEC(900);
		put(FIRST + i, &shared->n_acked);
	}
	if (late) {
		n_calls = 0;
		run_late(n);
	}
	close_metrics();
	_exit(0);
}

/* ---- what must be there ---- */

struct seen {
	enum archive_level level;
	uint32_t first;
	uint32_t n;
	float values[SERIES][400];
	struct mu_error err;
};

static void on_rows(void *arg, const struct stats_result *r, const struct mu_error *err)
{
	struct seen *s = arg;

	s->n = 0;
	if (err)
		s->err = *err;
	else {
		s->n = r->n_rows;
		s->first = archive_row_of(s->level, r->end) - r->n_rows + 1;
		for (size_t i = 0; i < r->n_series && i < SERIES; i++)
			memcpy(s->values[i], r->series[i].values, r->n_rows * sizeof(float));
	}
	mu_loop_stop(loop);
}

static void look(struct seen *s, const struct mu_uuid *object, enum archive_level level)
{
	const struct stats_query q = {.object = *object, .level = level};

	*s = (struct seen){.level = level, .err = MU_ERROR_INIT};
	metrics_query(metrics, &q, on_rows, s);
	mu_loop_run(loop);
}

static int check_steps(uint32_t n_acked, struct mu_error *err)
{
	struct seen s;

	look(&s, &vm, ARCHIVE_STEPS);
	for (uint32_t i = 0; i < n_acked; i++) {
		uint32_t k = FIRST + i - s.first;

		if (k >= s.n || s.values[1][k] != value_of(FIRST + i, 1))
			return mu_error_set(err, MU_E_INTERNAL, "step %u of %u is lost", i,
					    n_acked);
	}
	for (uint32_t k = 0; k < s.n; k++)
		for (size_t i = 0; i < SERIES; i++) {
			float v = s.values[i][k];

			if (!isnan(v) && v != value_of(s.first + k, i))
				return mu_error_set(err, MU_E_INTERNAL, "step %u series %zu is %g",
						    s.first + k - FIRST, i, (double)v);
		}
	return 0;
}

/* Whatever is known of the first and third series is 7 and 9, on every level. */
static int check_levels(size_t *ret_known, struct mu_error *err)
{
	struct seen s;

	for (unsigned level = ARCHIVE_MINUTES; level < _ARCHIVE_LEVEL_COUNT; level++) {
		ret_known[level] = 0;
		look(&s, &vm, (enum archive_level)level);
		for (uint32_t k = 0; k < s.n; k++) {
			float a = s.values[0][k], c = s.values[2][k];

			if ((!isnan(a) && a != 7) || (!isnan(c) && c != 9))
				return mu_error_set(err, MU_E_INTERNAL, "%s row %u: %g, %g",
						    archive_levels[level].name, s.first + k,
						    (double)a, (double)c);
			ret_known[level] += isnan(a) ? 0 : 1;
		}
	}
	return 0;
}

static int count_journal(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	(void)path, (void)name, (void)err;
	++*(int *)ctx;
	return 0;
}

/* A quarter of an hour later, and again: those of before have gone, what they led to is there. */
static int check_journals(struct mu_error *err)
{
	size_t known[_ARCHIVE_LEVEL_COUNT];
	uint32_t more = 0;
	int n = 0;

	for (int i = 0; i < 2; i++) {
		shared->wall += 900;
		monotonic += MU_SEC(900);
		put((uint32_t)(shared->wall / 5), &more);
	}
	if (mu_file_list(dir, ".log", count_journal, &n, err) < 0 || check_levels(known, err) < 0)
		return MU_FAILED;
	if (n > 2 || known[ARCHIVE_DAYS] < 1)
		return mu_error_set(err, MU_E_INTERNAL, "%d journals, %zu days", n,
				    known[ARCHIVE_DAYS]);
	return 0;
}

static int check_start(struct mu_error *err)
{
	uint32_t n_acked = shared->n_acked, more = 0;
	size_t known[_ARCHIVE_LEVEL_COUNT];
	int r;

	if (open_metrics(err) < 0)
		return MU_FAILED;
	map();
	r = check_steps(n_acked, err);
	/* The agent sends what was not acknowledged, and goes on. */
	for (uint32_t i = n_acked; r == 0 && i < STEPS + 24; i++) {
		if ((int64_t)(FIRST + i) * 5 > shared->wall)
			shared->wall = (int64_t)(FIRST + i) * 5;
		put(FIRST + i, &more);
	}
	if (r == 0)
		r = check_steps(STEPS + 24, err);
	if (r == 0)
		r = check_levels(known, err);
	if (r == 0)
		r = check_journals(err);
	if (r == 0 &&
	    (known[ARCHIVE_MINUTES] < 3 || known[ARCHIVE_HOURS] < 1 || known[ARCHIVE_DAYS] < 1))
		r = mu_error_set(err, MU_E_INTERNAL, "%zu minutes, %zu hours, %zu days are known",
				 known[ARCHIVE_MINUTES], known[ARCHIVE_HOURS], known[ARCHIVE_DAYS]);
	close_metrics();
	return r;
}

static int check_minute(const struct mu_uuid *object, struct mu_error *err)
{
	struct seen s;
	uint32_t k;

	look(&s, object, ARCHIVE_MINUTES);
	k = MIDNIGHT / 12 - s.first;
	if (k >= s.n || s.values[0][k] != 7)
		return mu_error_set(err, MU_E_INTERNAL, "the minute of object %u is lost",
				    object->bytes[0]);
	return 0;
}

static int check_late(struct mu_error *err)
{
	int r = open_metrics(err);

	if (r < 0)
		return MU_FAILED;
	r = check_minute(&vm, err);
	if (r == 0 && shared->n_rows > 0)
		r = check_minute(&late_host, err);
	/* It sends it again. */
	put_late();
	if (r == 0)
		r = check_minute(&vm, err);
	if (r == 0)
		r = check_minute(&late_host, err);
	close_metrics();
	return r;
}

static int remove_one(const char *name, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(name);
}

static int one_crash(int n, bool *ret_ended, struct mu_error *err)
{
	pid_t pid;
	int status;

	*shared = (struct shared){.wall = (int64_t)FIRST * 5};
	monotonic = MU_SEC(1000);
	fault_at = 0;
	(void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	if (mu_file_mkdirs(dir, 0700, err) < 0)
		return MU_FAILED;
	pid = fork();
	if (pid == 0)
		run_child(n);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != EXIT_KILLED))
		return mu_error_set(err, MU_E_INTERNAL, "the child ended with status %d", status);
	*ret_ended = WEXITSTATUS(status) == 0;
	return late ? check_late(err) : check_start(err);
}

int main(void)
{
	static const char *const names[] = {"killed", "power cut", "killed, a late minute",
					    "power cut, a late minute"};
	struct mu_error err = MU_ERROR_INIT;
	int n_failed = 0;

	/* In memory, if there is such a place: it waits for nothing. */
	(void)snprintf(dir, sizeof dir, "%s/muster-metrics-crash-%d",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
	shared =
	    mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	undo = mu_xcalloc(UNDO_MAX, sizeof *undo);
	printf("1..4\n");
	for (int i = 0; i < 4; i++) {
		bool ended = false;
		int r = 0, n = 0;

		power = i % 2 == 1;
		late = i >= 2;
		while (r == 0 && !ended && n < FAULTS_MAX)
			r = one_crash(++n, &ended, &err);
		if (r == 0 && (!ended || n < (late ? 5 : 20)))
			r = mu_error_set(&err, MU_E_INTERNAL, "%d calls", n);
		printf("%s %d - %s before each of %d calls\n", r == 0 ? "ok" : "not ok", i + 1,
		       names[i], n);
		if (r < 0)
			printf("# call %d: %s\n", n, err.text);
		fflush(stdout);
		n_failed += r < 0;
	}
	(void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(undo);
	return n_failed > 0;
}
