/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending a mail by SMTP, for threads that may wait. libcurl is hidden in mail.c. Blocking; any
 * thread but the loop's; every call is independent.
 */
#ifndef MUSTER_HTTP_MAIL_H
#define MUSTER_HTTP_MAIL_H

#include "common/base/error.h"
#include "common/base/time.h"
#include "common/os/cancel.h"

#include <stddef.h>

struct http_mail {
	const char *url; /* "smtp://host:port" (STARTTLS when it is offered), "smtps://host:port" */
	const char *user; /* NULL: nobody signs in */
	const char *password;
	const char *ca_pem; /* NULL: the system's authorities */
	const char *from;   /* addresses without <> */
	const char *const *to;
	size_t n_to;
	const void *text; /* headers and body, lines ending in CR LF */
	size_t len;
	mu_msec timeout;                /* of all of it */
	const struct mu_cancel *cancel; /* looked at about once a second; NULL: nobody can */
};

/* 0: the server has it, for one of `to` at least. MU_E_DENIED: it does not want it, and will not
 * later; others may work another time. The text has the URL's scheme and host only. */
int http_mail_send(const struct http_mail *m, struct mu_error *err);

#endif
