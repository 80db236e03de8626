/* SPDX-License-Identifier: Apache-2.0 */
/* What this host knows of an SR: STATE/srs/<uuid>.json, docs/formats/storage.md. Blocking. */
#ifndef MUSTER_AGENT_STORAGE_SR_FILE_H
#define MUSTER_AGENT_STORAGE_SR_FILE_H

#include "agent/storage/sr_types.h"
#include "common/base/error.h"

/* What a crash may have cut off; the next start goes on. */
enum sr_phase { SR_READY, SR_MAKING, SR_DESTROYING, _SR_PHASE_COUNT };

struct sr_file {
	struct sr_config config;
	char name[MODEL_NAME_MAX + 1];
	char description[MODEL_TEXT_MAX + 1];
	size_t n_tags;
	char tags[MODEL_OBJECT_TAGS_MAX][MODEL_TAG_MAX + 1];
	bool plugged; /* as the user wants it */
	enum sr_phase phase;
};

int sr_file_write(const char *state_dir, const struct sr_file *f, struct mu_error *err);
int sr_file_remove(const char *state_dir, const struct mu_uuid *id, struct mu_error *err);
/* Every good file; a damaged one is set aside, with a warning in the log. */
int sr_file_load(const char *state_dir, void (*each)(const struct sr_file *f, void *ctx), void *ctx,
		 struct mu_error *err);

#endif
