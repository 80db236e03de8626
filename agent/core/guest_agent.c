/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of JSON a command, one a reply: {"return": ...} or {"error": {"desc": ...}}. Who talked
 * before us may have left half a command there, or a reply that nobody read. So we begin with a
 * byte that ends any command, and a greeting with an id, which the agent answers behind such a byte
 * of its own: what came before it is passed over, as is an answer to a greeting of somebody else.
 */
#include "agent/core/guest_agent.h"

#include "common/base/assert.h"
#include "common/base/value.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <string.h>

#define CHANNEL "org.qemu.guest_agent.0"
#define DELIMITER "\xff"

static const char *socket_of(const struct mu_value *channel)
{
	const char *name = mu_value_as_string(mu_value_get(channel, "name"));
	const struct mu_value *socket = mu_value_get(channel, "connection.socket");

	if (!name || strcmp(name, CHANNEL) != 0 || !socket || socket->kind != MU_VALUE_OBJECT)
		return NULL;
	return mu_value_as_string(mu_value_get(socket, "path"));
}

static const char *find_socket(struct mu_arena *a, const struct hv_vm_config *config)
{
	const struct mu_value *channels;
	struct mu_value *extra;

	if (!config->extra[0] ||
	    mu_json_read(a, config->extra, strlen(config->extra), &extra, NULL) < 0 ||
	    extra->kind != MU_VALUE_OBJECT)
		return NULL;
	channels = mu_value_get(extra, "channels");
	if (!channels || channels->kind != MU_VALUE_LIST)
		return NULL;
	mu_value_each(channel, channels)
	{
		const char *path = channel->kind == MU_VALUE_OBJECT ? socket_of(channel) : NULL;

		if (path && path[0] == '/' && strlen(path) <= GUEST_AGENT_PATH_MAX)
			return path;
	}
	return NULL;
}

int guest_agent_socket(const struct hv_vm_config *config, char ret[static GUEST_AGENT_PATH_MAX + 1],
		       struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const char *path = find_socket(a, config);

	if (!path)
		return mu_error_set(
		    err, MU_E_UNSUPPORTED,
		    "quiesce: the VM has no channel \"" CHANNEL "\" on a socket; "
		    "hint: give it one in its definition's libxl.channels, start it "
		    "anew, and run qemu-ga on it in the guest");
	memcpy(ret, path, strlen(path) + 1);
	return 0;
}

void guest_agent_greet(struct guest_agent *g, int64_t id, struct mu_str *out)
{
	g->id = id;
	mu_str_printf(out,
		      DELIMITER
		      "{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%" PRId64 "}}\n",
		      id);
}

void guest_agent_ask(enum guest_agent_ask ask, struct mu_str *out)
{
	static const char *const commands[_GUEST_AGENT_ASK_COUNT] = {
	    [GUEST_AGENT_FREEZE] = "guest-fsfreeze-freeze",
	    [GUEST_AGENT_THAW] = "guest-fsfreeze-thaw",
	};

	mu_assert(ask < _GUEST_AGENT_ASK_COUNT);
	mu_str_printf(out, "{\"execute\":\"%s\"}\n", commands[ask]);
}

static int refused(const struct mu_value *error, struct mu_error *err)
{
	const char *why =
	    error->kind == MU_VALUE_OBJECT ? mu_value_as_string(mu_value_get(error, "desc")) : NULL;
	char shown[200];

	mu_utf8_sanitize(shown, sizeof shown - 1, why ? why : "", why ? strlen(why) : 0);
	return mu_error_set(err, MU_E_IO, "the guest agent refuses: \"%s\"", shown);
}

/* 0: it is somebody else's. */
static int read_line(struct guest_agent *g, int64_t *ret_n, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct mu_value *back;
	struct mu_value *v;

	if (mu_json_read(a, g->line.data ? g->line.data : "", g->line.len, &v, err) < 0) {
		err->code = MU_E_PROTOCOL;
		return mu_error_prefix(err, "the guest agent's answer");
	}
	if (v->kind == MU_VALUE_OBJECT && mu_value_get(v, "error"))
		return refused(mu_value_get(v, "error"), err);
	back = v->kind == MU_VALUE_OBJECT ? mu_value_get(v, "return") : NULL;
	if (!back || back->kind != MU_VALUE_INT)
		return mu_error_set(err, MU_E_PROTOCOL, "the guest agent gives back no number");
	if (!g->synced && back->integer != g->id) {
		g->delimited = false;
		return 0;
	}
	g->synced = true;
	*ret_n = back->integer;
	return 1;
}

static int noise(struct guest_agent *g, struct mu_error *err)
{
	if (++g->n_noise <= GUEST_AGENT_NOISE_MAX)
		return 0;
	return mu_error_set(err, MU_E_PROTOCOL,
			    "the guest agent says more than %d bytes and no answer",
			    GUEST_AGENT_NOISE_MAX);
}

/* 0: not the end of an answer. */
static int hear_byte(struct guest_agent *g, char c, int64_t *ret_n, struct mu_error *err)
{
	int r = 0;

	if (c == DELIMITER[0]) {
		mu_str_reset(&g->line);
		g->delimited = true;
		return 0;
	}
	if (!g->synced && !g->delimited)
		return 0;
	if (c != '\n') {
		mu_str_add_bytes(&g->line, &c, 1);
		if (g->line.len <= GUEST_AGENT_LINE_MAX)
			return 0;
		return mu_error_set(err, MU_E_PROTOCOL,
				    "the guest agent's answer is longer than %d bytes",
				    GUEST_AGENT_LINE_MAX);
	}
	if (g->line.len > 0)
		r = read_line(g, ret_n, err);
	mu_str_reset(&g->line);
	return r;
}

int guest_agent_hear(struct guest_agent *g, const char *data, size_t len, int64_t *ret_n,
		     struct mu_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++) {
		r = noise(g, err);
		if (r == 0)
			r = hear_byte(g, data[i], ret_n, err);
	}
	return r;
}

void guest_agent_deinit(struct guest_agent *g)
{
	mu_str_deinit(&g->line);
}
