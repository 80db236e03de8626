/* SPDX-License-Identifier: Apache-2.0 */
/*
 * We hold both ends of each pty, so that its terminal stays when a reader leaves. Nobody may be
 * reading: what the guest says then stays in the kernel's buffer and in `out`, up to OUT_MAX; the
 * rest is lost, as it is with xenconsoled.
 */
#include "agent/hv/sim/sim_console.h"

#include "agent/hv/sim/sim_shell.h"
#include "common/base/list.h"
#include "common/loop/poll.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { OUT_MAX = 16384, READ_MAX = 1024 };

struct sim_consoles {
	struct mu_loop *loop;
	const struct sim_model *model;
	struct mu_link list;
};

struct console {
	struct mu_link link;
	const struct sim_model *model;
	struct hv_domid domid;
	int master;
	int slave;
	char tty[sizeof((struct hv_console *)0)->tty];
	struct mu_poll *poll;
	struct sim_shell shell;
	struct mu_str out;
};

struct sim_consoles *sim_consoles_new(struct mu_loop *loop, const struct sim_model *model)
{
	struct sim_consoles *all = mu_xcalloc(1, sizeof *all);

	all->loop = loop;
	all->model = model;
	mu_link_init(&all->list);
	return all;
}

static void console_free(struct console *c)
{
	mu_list_remove(&c->link);
	mu_poll_free(c->poll);
	if (c->master >= 0)
		(void)close(c->master);
	if (c->slave >= 0)
		(void)close(c->slave);
	mu_str_deinit(&c->out);
	free(c);
}

struct sim_consoles *sim_consoles_free(struct sim_consoles *all)
{
	if (!all)
		return NULL;
	mu_list_each(it, &all->list)
	{
		console_free(MU_CONTAINER_OF(it, struct console, link));
	}
	free(all);
	return NULL;
}

/* A paused guest neither reads nor writes. */
static void watch(struct console *c)
{
	struct sim_terminal t;
	bool runs = sim_model_terminal(c->model, c->domid, &t) && t.runs;
	bool wants_out = c->out.len > 0 || c->shell.state == SIM_SHELL_YES;

	mu_poll_set(c->poll, runs ? MU_POLL_IN | (wants_out ? MU_POLL_OUT : 0u) : 0u);
}

static void read_keys(struct console *c)
{
	struct sim_terminal t;
	char keys[READ_MAX];
	ssize_t n = read(c->master, keys, sizeof keys);

	if (n > 0 && sim_model_terminal(c->model, c->domid, &t))
		sim_shell_input(&c->shell, keys, (size_t)n, t.up, &c->out);
	if (c->out.len > OUT_MAX)
		c->out.len = OUT_MAX;
}

static void write_out(struct console *c)
{
	ssize_t n;

	while (c->out.len < OUT_MAX && sim_shell_more(&c->shell, &c->out))
		;
	n = write(c->master, c->out.data, c->out.len);
	if (n <= 0)
		return;
	c->out.len -= (size_t)n;
	memmove(c->out.data, c->out.data + n, c->out.len);
}

static void on_poll(void *ctx, unsigned events)
{
	struct console *c = ctx;

	if (events & MU_POLL_IN)
		read_keys(c);
	if (c->out.len > 0 || c->shell.state == SIM_SHELL_YES)
		write_out(c);
	watch(c);
}

static int open_pty(struct console *c, struct mu_error *err)
{
	struct termios raw;

	c->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (c->master < 0 || grantpt(c->master) < 0 || unlockpt(c->master) < 0 ||
	    ptsname_r(c->master, c->tty, sizeof c->tty) != 0)
		return mu_error_errno(err, errno, "a pty for it cannot be made");
	c->slave = open(c->tty, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->slave < 0 || tcgetattr(c->slave, &raw) < 0)
		return mu_error_errno(err, errno, "its pty %s cannot be opened", c->tty);
	cfmakeraw(&raw);
	if (tcsetattr(c->slave, TCSANOW, &raw) < 0)
		return mu_error_errno(err, errno, "its pty %s cannot be set up", c->tty);
	return 0;
}

static int console_new(struct sim_consoles *all, struct hv_domid domid, const char *name,
		       struct console **ret, struct mu_error *err)
{
	struct console *c = mu_xcalloc(1, sizeof *c);

	c->model = all->model;
	c->domid = domid;
	c->master = c->slave = -1;
	mu_list_push_back(&all->list, &c->link);
	if (open_pty(c, err) < 0 ||
	    mu_poll_new(all->loop, c->master, on_poll, c, &c->poll, err) < 0) {
		console_free(c);
		return MU_FAILED;
	}
	sim_shell_init(&c->shell, name, &c->out);
	watch(c);
	*ret = c;
	return 0;
}

static struct console *find(struct sim_consoles *all, struct hv_domid domid)
{
	mu_list_each(it, &all->list)
	{
		struct console *c = MU_CONTAINER_OF(it, struct console, link);

		if (c->domid.value == domid.value)
			return c;
	}
	return NULL;
}

int sim_consoles_find(struct sim_consoles *all, struct hv_domid domid, enum hv_console_kind kind,
		      struct hv_console *ret, struct mu_error *err)
{
	struct console *c = find(all, domid);
	struct hv_console where = {.port = 0};
	struct sim_terminal t;

	if (!sim_model_terminal(all->model, domid, &t))
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no such domain (any more)");
	if (kind == HV_CONSOLE_VNC) {
		if (t.vnc_port == 0)
			return mu_error_set(err, MU_E_NOT_FOUND, "it has no VNC console");
		(void)snprintf(where.host, sizeof where.host, "127.0.0.1");
		where.port = t.vnc_port;
	} else {
		if (!c && console_new(all, domid, t.name, &c, err) < 0)
			return MU_FAILED;
		memcpy(where.tty, c->tty, sizeof where.tty);
	}
	*ret = where;
	return 0;
}

void sim_consoles_look(struct sim_consoles *all)
{
	mu_list_each(it, &all->list)
	{
		struct console *c = MU_CONTAINER_OF(it, struct console, link);
		struct sim_terminal t;

		if (sim_model_terminal(all->model, c->domid, &t))
			watch(c);
		else
			console_free(c);
	}
}
