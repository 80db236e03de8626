/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

/* The other screen without a cursor, and back. */
#define SCREEN_BEGIN "\033[?1049h\033[?25l"
#define SCREEN_END "\033[?25h\033[?1049l"

/* Static and plain: a signal's handler uses it. */
static struct {
	volatile sig_atomic_t begun;
	int fd;
	int flags;
	bool raw;
	bool screen;
	int out;
	struct termios before;
} saved;

/* All calls are safe in a signal's handler (POSIX). */
void cli_terminal_end(void)
{
	if (!saved.begun)
		return;
	saved.begun = 0;
	(void)fcntl(saved.fd, F_SETFL, saved.flags);
	if (saved.screen && write(saved.out, SCREEN_END, sizeof SCREEN_END - 1) < 0)
		saved.screen = false; /* nothing can be done about it here */
	if (saved.raw)
		(void)tcsetattr(saved.fd, TCSADRAIN, &saved.before);
}

static void on_fatal(int signal)
{
	cli_terminal_end();
	(void)raise(signal); /* the handler is gone: as without one */
}

static void catch_all(const int *signals, size_t n)
{
	struct sigaction action = {.sa_handler = on_fatal,
				   .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};

	for (size_t i = 0; i < n; i++)
		(void)sigaction(signals[i], &action, NULL);
}

/* Those that a loop does not get to see. */
static void catch_fatal(void)
{
	static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGQUIT};

	catch_all(fatal, sizeof fatal / sizeof fatal[0]);
	(void)atexit(cli_terminal_end);
}

int cli_terminal_begin(int fd, struct mu_error *err)
{
	struct termios raw;

	saved.fd = fd;
	saved.raw = isatty(fd);
	saved.flags = fcntl(fd, F_GETFL);
	if (saved.flags < 0)
		return mu_error_errno(err, errno, "standard input cannot be used");
	if (saved.raw && tcgetattr(fd, &saved.before) < 0)
		return mu_error_errno(err, errno, "the terminal cannot be asked for its settings");
	catch_fatal();
	saved.begun = 1;
	if (!saved.raw)
		return 0;
	raw = saved.before;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSADRAIN, &raw) < 0)
		return mu_error_errno(err, errno, "the terminal cannot be set up");
	return 0;
}

int cli_terminal_begin_hidden(int fd, struct mu_error *err)
{
	static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
	struct termios hidden;

	if (cli_terminal_begin(fd, err) < 0)
		return MU_FAILED;
	catch_all(ending, sizeof ending / sizeof ending[0]);
	hidden = saved.before;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_cc[VSUSP] = _POSIX_VDISABLE;
	if (tcsetattr(fd, TCSAFLUSH, &hidden) < 0)
		return mu_error_errno(err, errno, "the terminal cannot be set up");
	return 0;
}

int cli_terminal_begin_screen(int fd, int out, struct mu_error *err)
{
	static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
	struct termios keys;

	if (!isatty(fd) || !isatty(out))
		return mu_error_set(err, MU_E_UNSUPPORTED, "this is not a terminal");
	if (cli_terminal_begin(fd, err) < 0)
		return MU_FAILED;
	catch_all(ending, sizeof ending / sizeof ending[0]);
	keys = saved.before;
	cfmakeraw(&keys);
	keys.c_lflag |= ISIG;
	keys.c_cc[VSUSP] = _POSIX_VDISABLE;
	if (tcsetattr(fd, TCSADRAIN, &keys) < 0)
		return mu_error_errno(err, errno, "the terminal cannot be set up");
	saved.out = out;
	saved.screen = true;
	if (write(out, SCREEN_BEGIN, sizeof SCREEN_BEGIN - 1) < 0)
		return mu_error_errno(err, errno, "the terminal cannot be written to");
	return 0;
}
