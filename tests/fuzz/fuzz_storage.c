/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What storage reads from outside: heads of images, descriptors, tar blocks, LVM's reports and
 * tags, and the book-keeping beside a disk. The first byte chooses the reader. What is read of tags
 * and book-keeping writes and reads back the same.
 */
#include "agent/storage/dir/dir_meta.h"
#include "agent/storage/image_head.h"
#include "agent/storage/lvmthin/lvm_report.h"
#include "agent/storage/lvmthin/lvm_tags.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const struct mu_uuid sr_id = {{1}};

static void read_image(const uint8_t *data, size_t size)
{
	unsigned char head[IMAGE_HEAD_BYTES] = {0}, tail[IMAGE_TAIL_BYTES] = {0};
	struct image_tar_member member;
	int64_t at;
	size_t len;

	memcpy(head, data, size < sizeof head ? size : sizeof head);
	if (size > sizeof head)
		memcpy(tail, data + sizeof head,
		       size - sizeof head < sizeof tail ? size - sizeof head : sizeof tail);
	for (int f = 0; f < _IMAGE_FORMAT_COUNT; f++) {
		struct mu_error err = MU_ERROR_INIT;

		mu_assert(image_head_check((enum image_format)f, head, tail, &err) == 0 ||
			  err.text[0]);
	}
	if (image_head_descriptor(head, &at, &len, NULL) == 0)
		mu_assert(at >= 0 && len > 0 && len <= IMAGE_DESCRIPTOR_MAX);
	if (image_tar_member(head, &member, NULL) == 0)
		mu_assert(member.size_bytes >= 0 && strlen(member.name) < sizeof member.name);
	(void)image_descriptor_check((const char *)data, size, NULL);
}

static bool same(const struct sr_vdi *a, const struct sr_vdi *b)
{
	for (size_t i = 0; i < a->n_tags; i++) {
		if (strcmp(a->tags[i], b->tags[i]) != 0)
			return false;
	}
	return strcmp(a->name, b->name) == 0 && strcmp(a->description, b->description) == 0 &&
	       a->n_tags == b->n_tags && a->type == b->type && a->readonly == b->readonly &&
	       a->partial == b->partial && mu_uuid_equal(&a->snapshot_of, &b->snapshot_of) &&
	       a->snapshot_at == b->snapshot_at && mu_uuid_equal(&a->parent, &b->parent);
}

static void read_tags(const char *text)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str again = MU_STR_INIT;
	struct sr_vdi vdi, back;
	struct lvm_tags tags;

	if (!lvm_tags_decode(text, &sr_id, &vdi))
		return;
	mu_assert(vdi.n_tags <= MODEL_OBJECT_TAGS_MAX);
	lvm_tags_encode(a, &sr_id, &vdi, &tags);
	for (size_t i = 0; i < tags.n; i++)
		mu_str_printf(&again, "%s%s", i ? "," : "", tags.list[i]);
	mu_assert(lvm_tags_decode(again.data, &sr_id, &back) && same(&vdi, &back));
}

static void read_report(const char *text, size_t len)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct lvm_report r;

	if (lvm_report_read(a, text, len, &r, NULL) < 0)
		return;
	for (size_t i = 0; i < r.n; i++) {
		mu_assert(r.list[i].size_bytes >= 0 && r.list[i].data_percent >= -1 &&
			  r.list[i].data_percent <= 100);
		read_tags(r.list[i].tags);
	}
}

static void read_meta(const char *text, size_t len)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str again = MU_STR_INIT;
	struct sr_vdi vdi, back;
	struct mu_uuid id;

	(void)dir_marker_decode(text, len, &id, NULL);
	if (dir_meta_decode(text, len, &vdi, NULL) < 0 || mu_uuid_is_nil(&vdi.id))
		return;
	dir_meta_encode(&vdi, &again);
	mu_assert(dir_meta_decode(again.data, again.len, &back, NULL) == 0 && same(&vdi, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_free) char *text = NULL;

	if (size < 1 || size > FUZZ_INPUT_MAX)
		return 0;
	text = mu_xstrndup((const char *)data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		read_image(data + 1, size - 1);
		break;
	case 1:
		read_tags(text);
		break;
	case 2:
		read_report(text, strlen(text));
		break;
	case 3:
		read_meta(text, strlen(text));
		break;
	}
	return 0;
}

#define SR "01000000-0000-0000-0000-000000000000"

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "\4QFI\xfb",
	    "\4KDMV",
	    "\4createType=\"monolithicSparse\"\nparentCID=ffffffff\n",
	    "\1muster.sr=" SR ",muster.name=a=2Cb,muster.tag0=x,muster.type=user,muster.readonly,"
	    "muster.snapshot_at=17",
	    "\2{\"report\":[{\"lv\":[{\"lv_name\":\"v\",\"lv_size\":\"512\",\"segtype\":\"thin\","
	    "\"pool_lv\":\"p\","
	    "\"data_percent\":\"1.5\",\"lv_tags\":\"muster.sr=" SR "\"}]}]}",
	    "\3{\"version\":1,\"uuid\":\"" SR
	    "\",\"name_label\":\"n\",\"name_description\":\"\",\"tags\":[\"t\"],"
	    "\"type\":\"user\",\"read_only\":false,\"partial\":false,\"snapshot_at\":5,\"parent\":"
	    "\"" SR "\"}",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
