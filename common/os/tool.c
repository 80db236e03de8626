/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One poll() over four things: the tool's two pipes, its pidfd and the cancel descriptor. The end
 * of the process ends the wait, not the end of its pipes: a tool may leave a daemon behind (LVM
 * starts dmeventd) that keeps them open. So what is in the pipes then is read without waiting.
 *
 * Whoever must not survive us (a copy that an after-crash sweep would meet) is started through
 * setpriv(1), which sets the parent-death signal and becomes the tool.
 */
#include "common/os/tool.h"

#include "common/os/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILL_AFTER_MS = 5000, ARGS_MAX = 96, REASON_MAX = 200, N_WAITS = 4 };
enum { WAIT_OUT, WAIT_ERR, WAIT_EXIT, WAIT_CANCEL };

struct child {
	struct mu_tool *tool;
	pid_t pid;
	int fds[2]; /* our ends of stdout and stderr; -1 at their end */
	int pidfd;
	mu_msec next_signal_at; /* MU_MSEC_NEVER: none is due */
	int next_signal;        /* SIGTERM, SIGKILL, 0: all were sent */
	bool cancelled;
	bool timed_out;
};

void mu_tool_deinit(struct mu_tool *t)
{
	mu_str_deinit(&t->out);
	mu_str_deinit(&t->errout);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int spawn(const char *const *argv, const int out[2], const int errout[2], pid_t *ret_pid)
{
	const char *search = getenv("PATH");
	MU_CLEANUP(mu_free)
	char *path = mu_xasprintf("PATH=%s", search ? search : "/usr/sbin:/usr/bin:/sbin:/bin");
	char *const env[] = {path, (char *)(uintptr_t) "LC_ALL=C", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attr);
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	(void)posix_spawn_file_actions_adddup2(&actions, errout[1], 2);
	(void)posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	rc = posix_spawnp(ret_pid, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv, env);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static int start(struct child *c, struct mu_error *err)
{
	static const char *const guard[] = {"setpriv", "--pdeathsig", "KILL", "--"};
	const char *argv[ARGS_MAX + 1];
	const char *const *from = c->tool->argv;
	int out[2], errout[2];
	size_t n = 0;
	int rc;

	for (size_t i = 0; c->tool->dies_with_us && i < MU_ARRAY_SIZE(guard); i++)
		argv[n++] = guard[i];
	while (*from && n < ARGS_MAX)
		argv[n++] = *from++;
	if (*from)
		return mu_error_set(err, MU_E_TOO_LARGE, "%s: more than %d arguments", argv[0],
				    ARGS_MAX);
	argv[n] = NULL;
	if (pipe2(out, O_CLOEXEC) < 0)
		return mu_error_errno(err, errno, "pipe");
	if (pipe2(errout, O_CLOEXEC) < 0) {
		int e = errno;

		(void)close(out[0]);
		(void)close(out[1]);
		return mu_error_errno(err, e, "pipe");
	}
	rc = spawn(argv, out, errout, &c->pid);
	(void)close(out[1]);
	(void)close(errout[1]);
	c->fds[0] = out[0];
	c->fds[1] = errout[0];
	if (rc != 0)
		return mu_error_errno(err, rc, "%s: cannot start", argv[0]);
	(void)fcntl(c->fds[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(c->fds[1], F_SETFL, O_NONBLOCK);
	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd >= 0)
		return 0;
	rc = errno;
	(void)kill(c->pid, SIGKILL);
	(void)waitpid(c->pid, NULL, 0);
	return mu_error_errno(err, rc, "%s: pidfd", argv[0]);
}

/* What is there now. Reads on past the limit: a full pipe would hang the tool. */
static void drain(struct child *c, int which)
{
	struct mu_tool *t = c->tool;
	struct mu_str *to = which == 0 ? &t->out : &t->errout;
	char buf[16384];

	while (c->fds[which] >= 0) {
		ssize_t n = read(c->fds[which], buf, sizeof buf);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close_fd(&c->fds[which]);
			return;
		}
		if (which == 0 && t->on_output)
			t->on_output(t->ctx, buf, (size_t)n);
		if (to->len < t->output_max) {
			size_t room = t->output_max - to->len;

			mu_str_add_bytes(to, buf, (size_t)n < room ? (size_t)n : room);
		}
	}
}

static void send_signal(struct child *c, mu_msec now)
{
	(void)kill(c->pid, c->next_signal); /* not reaped yet: the number is still its */
	c->next_signal_at = now + KILL_AFTER_MS;
	c->next_signal = c->next_signal == SIGTERM ? SIGKILL : 0;
}

/* Until the process has ended. False: it does not even die of SIGKILL (it hangs in the kernel). */
static bool wait_end(struct child *c)
{
	const struct mu_cancel *cancel = c->tool->cancel;

	for (;;) {
		struct pollfd p[N_WAITS] = {
		    [WAIT_OUT] = {.fd = c->fds[0], .events = POLLIN},
		    [WAIT_ERR] = {.fd = c->fds[1], .events = POLLIN},
		    [WAIT_EXIT] = {.fd = c->pidfd, .events = POLLIN},
		    [WAIT_CANCEL] = {.fd = cancel && !c->cancelled ? cancel->fd : -1,
				     .events = POLLIN},
		};
		mu_msec left = c->next_signal_at - mu_clock_monotonic();
		int timeout = c->next_signal_at == MU_MSEC_NEVER || left > INT32_MAX ? -1
			      : left > 0                                             ? (int)left
										     : 0;

		if (poll(p, N_WAITS, timeout) < 0 && errno != EINTR)
			return false;
		drain(c, 0);
		drain(c, 1);
		if (p[WAIT_EXIT].revents)
			return true;
		if (p[WAIT_CANCEL].revents) {
			c->cancelled = true;
			if (c->next_signal == SIGTERM)
				send_signal(c, mu_clock_monotonic());
		} else if (mu_clock_monotonic() >= c->next_signal_at) {
			if (c->next_signal == 0)
				return false;
			c->timed_out = c->timed_out || (c->next_signal == SIGTERM);
			send_signal(c, mu_clock_monotonic());
		}
	}
}

/* The first line on stderr that is no warning: what follows it is advice, as a rule. */
static void reason(const struct mu_str *text, char ret[static REASON_MAX + 1])
{
	const char *line = text->data ? text->data : "", *best = line;

	for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		line += strspn(line, " \t\r");
		if (*line && *line != '\n' && strncasecmp(line, "warning", 7) != 0) {
			best = line;
			break;
		}
	}
	best += strspn(best, " \t\r\n");
	mu_utf8_sanitize(ret, REASON_MAX, best, strcspn(best, "\n"));
	for (size_t len = strlen(ret); len > 0 && ret[len - 1] == ' ';)
		ret[--len] = '\0';
}

static int judge(struct child *c, int status, struct mu_error *err)
{
	struct mu_tool *t = c->tool;
	char line[REASON_MAX + 1];

	reason(&t->errout, line);
	if (c->cancelled && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return mu_error_set(err, MU_E_CANCELLED, "%s: cancelled", t->argv[0]);
	if (c->timed_out)
		return mu_error_set(err, MU_E_TIMEOUT, "%s: not finished after %lld ms", t->argv[0],
				    (long long)t->deadline);
	if (WIFSIGNALED(status))
		return mu_error_set(err, MU_E_IO, "%s: killed by signal %d", t->argv[0],
				    WTERMSIG(status));
	t->exit_code = WEXITSTATUS(status);
	if (t->exit_code == 127 && t->dies_with_us)
		return mu_error_set(err, MU_E_NOT_FOUND, "%s: cannot start: %s", t->argv[0], line);
	if (t->exit_code != 0)
		return mu_error_set(err, MU_E_IO, "%s: exit code %d%s%s", t->argv[0], t->exit_code,
				    line[0] ? ": " : "", line);
	return 0;
}

int mu_tool_run(struct mu_tool *t, struct mu_error *err)
{
	struct child c = {.tool = t,
			  .fds = {-1, -1},
			  .pidfd = -1,
			  .next_signal = SIGTERM,
			  .next_signal_at = MU_MSEC_NEVER};
	int status = 0;
	int r;

	t->exit_code = -1;
	if (mu_cancel_check(t->cancel, err) < 0)
		return MU_FAILED;
	r = start(&c, err);
	if (r == 0) {
		if (t->deadline > 0)
			c.next_signal_at = mu_clock_monotonic() + t->deadline;
		if (wait_end(&c) && waitpid(c.pid, &status, 0) == c.pid)
			r = judge(&c, status, err);
		else
			r = mu_error_set(err, MU_E_TIMEOUT, "%s: process %d cannot be ended",
					 t->argv[0], (int)c.pid);
	}
	close_fd(&c.fds[0]);
	close_fd(&c.fds[1]);
	close_fd(&c.pidfd);
	return r;
}
