/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's own start, once a process. Private to common/http; any thread. */
#ifndef MUSTER_HTTP_CURL_H
#define MUSTER_HTTP_CURL_H

void http_curl_init(void);

#endif
