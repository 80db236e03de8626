/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/core/net_record.h"

#include "common/base/assert.h"
#include "common/base/str.h"

#include <string.h>

enum { VERSION = 1 };

static const char *const stage_names[_NET_STAGE_COUNT] = {
    [NET_STAGE_CREATING] = "creating",
    [NET_STAGE_MADE] = "made",
    [NET_STAGE_DELETING] = "deleting",
};

/* The members that are text, and where. */
static const struct {
	const char *name;
	size_t offset;
	size_t max;
} texts[] = {
#define TEXT(json, member)                                                                         \
	{                                                                                          \
		json, offsetof(struct net_record, member),                                         \
		    sizeof(((struct net_record *)NULL)->member) - 1                                \
	}
    TEXT("bridge", bridge),           TEXT("name", name),
    TEXT("description", description), TEXT("pif", pif),
    TEXT("vlanDevice", vlan_device),  TEXT("pifFile", pif_file),
};

const char *net_record_port(const struct net_record *rec)
{
	return *rec->vlan_device ? rec->vlan_device : *rec->pif ? rec->pif : NULL;
}

struct mu_value *net_record_encode(struct mu_arena *a, const struct net_record *rec)
{
	struct mu_value *v = mu_value_object(a);

	mu_value_set_int(a, v, "version", VERSION);
	mu_value_set_string(a, v, "stage", stage_names[rec->stage]);
	mu_value_set_string(a, v, "system", net_system_name(rec->system));
	for (size_t i = 0; i < MU_ARRAY_SIZE(texts); i++)
		mu_value_set_string(a, v, texts[i].name, (const char *)rec + texts[i].offset);
	mu_value_set_int(a, v, "vlan", rec->vlan);
	mu_value_set_int(a, v, "mtu", rec->mtu);
	return v;
}

static int invalid(const char *member, struct mu_error *err)
{
	return mu_error_set(err, MU_E_INVALID, "%s: missing or not valid", member);
}

static int decode_int(const struct mu_value *v, const char *member, int64_t min, int64_t max,
		      int32_t *ret, struct mu_error *err)
{
	const struct mu_value *m = mu_value_get(v, member);

	if (!m || m->kind != MU_VALUE_INT || m->integer < min || m->integer > max)
		return invalid(member, err);
	*ret = (int32_t)m->integer;
	return 0;
}

static bool stage_parse(const char *name, enum net_stage *ret)
{
	for (size_t i = 0; i < _NET_STAGE_COUNT; i++) {
		if (!strcmp(name, stage_names[i])) {
			*ret = (enum net_stage)i;
			return true;
		}
	}
	return false;
}

static int decode_texts(const struct mu_value *v, struct net_record *rec, struct mu_error *err)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(texts); i++) {
		const char *text = mu_value_as_string(mu_value_get(v, texts[i].name));

		if (!text || strlen(text) > texts[i].max)
			return invalid(texts[i].name, err);
		memcpy((char *)rec + texts[i].offset, text, strlen(text) + 1);
	}
	return 0;
}

/* Devices' and files' names are used to remove things: nothing but what we write passes. */
static int check_names(const struct net_record *rec, struct mu_error *err)
{
	if (net_check_bridge_name(rec->bridge, err) < 0)
		return MU_FAILED;
	if (strchr(rec->pif, '/'))
		return invalid("pif", err);
	if (strchr(rec->vlan_device, '/') || (rec->vlan >= 0) != (*rec->vlan_device != '\0'))
		return invalid("vlanDevice", err);
	if (strchr(rec->pif_file, '/'))
		return invalid("pifFile", err);
	return 0;
}

int net_record_decode(const struct mu_value *v, struct net_record *ret, struct mu_error *err)
{
	const char *stage = mu_value_as_string(mu_value_get(v, "stage"));
	const char *system = mu_value_as_string(mu_value_get(v, "system"));
	struct net_record rec = {.vlan = -1};
	int32_t version;

	if (decode_int(v, "version", VERSION, VERSION, &version, err) < 0)
		return MU_FAILED;
	if (!stage || !stage_parse(stage, &rec.stage))
		return invalid("stage", err);
	if (!system || !net_system_parse(system, &rec.system))
		return invalid("system", err);
	if (decode_texts(v, &rec, err) < 0 ||
	    decode_int(v, "vlan", -1, NET_VLAN_MAX, &rec.vlan, err) < 0 ||
	    decode_int(v, "mtu", 0, NET_MTU_MAX, &rec.mtu, err) < 0 || check_names(&rec, err) < 0)
		return MU_FAILED;
	*ret = rec;
	return 0;
}
