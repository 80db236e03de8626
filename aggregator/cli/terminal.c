/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

/* Static and plain: a signal's handler uses it. */
static struct {
	volatile sig_atomic_t begun;
	int fd;
	int flags;
	bool raw;
	struct termios before;
} saved;

/* Both calls are safe in a signal's handler (POSIX). */
void cli_terminal_end(void)
{
	if (!saved.begun)
		return;
	saved.begun = 0;
	(void)fcntl(saved.fd, F_SETFL, saved.flags);
	if (saved.raw)
		(void)tcsetattr(saved.fd, TCSADRAIN, &saved.before);
}

static void on_fatal(int signal)
{
	cli_terminal_end();
	(void)raise(signal); /* the handler is gone: as without one */
}

/* Those that a loop does not get to see. */
static void catch_fatal(void)
{
	static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGQUIT};
	struct sigaction action = {.sa_handler = on_fatal,
				   .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};

	for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
		(void)sigaction(fatal[i], &action, NULL);
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
