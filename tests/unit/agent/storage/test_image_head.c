/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/storage/image_head.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static unsigned char head[IMAGE_HEAD_BYTES], tail[IMAGE_TAIL_BYTES];

static void put_be(unsigned char *p, size_t n, uint64_t v)
{
	while (n > 0) {
		p[--n] = (unsigned char)v;
		v >>= 8;
	}
}

static void put_le(unsigned char *p, size_t n, uint64_t v)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		p[i] = (unsigned char)v;
}

static void good_qcow2(void)
{
	memset(head, 0, sizeof head);
	memcpy(head, "QFI\xfb", 4);
	put_be(head + 4, 4, 3);
	put_be(head + 20, 4, 16);
	put_be(head + 24, 8, 1 << 20);
}

static void good_vmdk(void)
{
	memset(head, 0, sizeof head);
	memcpy(head, "KDMV", 4);
	put_le(head + 12, 8, 2048);
	put_le(head + 28, 8, 1);
	put_le(head + 36, 8, 20);
}

static void good_vhd(void)
{
	memset(tail, 0, sizeof tail);
	memset(head, 0, sizeof head);
	memcpy(tail, "conectix", 8);
	put_be(tail + 60, 4, 3);
}

static void expect(enum image_format f, enum mu_error_code code, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;
	int r = image_head_check(f, head, tail, &err);

	cr_assert_eq(r, code ? MU_FAILED : 0, "%s", err.text);
	cr_assert_eq(err.code, code, "%s", err.text);
	cr_assert(!text || strstr(err.text, text), "%s", err.text);
}

Test(image_head, qcow2)
{
	good_qcow2();
	expect(IMAGE_QCOW2, MU_E_NONE, NULL);
	put_be(head + 8, 8, 1024);
	expect(IMAGE_QCOW2, MU_E_INVALID, "backing file");
	good_qcow2();
	put_be(head + 72, 8, 4);
	expect(IMAGE_QCOW2, MU_E_INVALID, "another file");
	put_be(head + 4, 4, 2); /* in version 2 there are other things at that place */
	expect(IMAGE_QCOW2, MU_E_NONE, NULL);
	good_qcow2();
	put_be(head + 72, 8, 2);
	expect(IMAGE_QCOW2, MU_E_INVALID, "corrupt");
	good_qcow2();
	put_be(head + 32, 4, 1);
	expect(IMAGE_QCOW2, MU_E_UNSUPPORTED, "encrypted");
	good_qcow2();
	put_be(head + 4, 4, 4);
	expect(IMAGE_QCOW2, MU_E_INVALID, "no qcow2");
	memset(head, 0, sizeof head);
	expect(IMAGE_QCOW2, MU_E_INVALID, "no qcow2");
	expect(IMAGE_RAW, MU_E_NONE, NULL);
	expect(IMAGE_OVA, MU_E_NONE, NULL);
}

Test(image_head, vhd)
{
	good_vhd();
	expect(IMAGE_VHD, MU_E_NONE, NULL);
	put_be(tail + 60, 4, 4);
	expect(IMAGE_VHD, MU_E_INVALID, "difference");
	put_be(tail + 60, 4, 9);
	expect(IMAGE_VHD, MU_E_INVALID, "unknown");
	good_vhd();
	memcpy(head, tail, sizeof head);
	memset(tail, 0, sizeof tail);
	expect(IMAGE_VHD, MU_E_NONE, NULL);
	memset(head, 0, sizeof head);
	expect(IMAGE_VHD, MU_E_INVALID, "no vhd");
}

Test(image_head, vmdk)
{
	struct mu_error err = MU_ERROR_INIT;
	int64_t at;
	size_t len;

	good_vmdk();
	expect(IMAGE_VMDK, MU_E_NONE, NULL);
	cr_assert_eq(image_head_descriptor(head, &at, &len, &err), 0);
	cr_assert(at == 512 && len == 20 * 512);
	put_le(head + 36, 8, 1 << 20);
	cr_assert_lt(image_head_descriptor(head, &at, &len, &err), 0);
	put_le(head + 36, 8, 20);
	put_le(head + 28, 8, UINT64_MAX);
	cr_assert_lt(image_head_descriptor(head, &at, &len, &err), 0);
	good_vmdk();
	put_le(head + 12, 8, 0);
	expect(IMAGE_VMDK, MU_E_INVALID, "other files");
	memcpy(head, "# Disk DescriptorFile", 21);
	expect(IMAGE_VMDK, MU_E_INVALID, "data inside");
}

static void descriptor(const char *text, enum mu_error_code code)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)image_descriptor_check(text, strlen(text), &err);
	cr_assert_eq(err.code, code, "%s: %s", text, err.text);
}

Test(image_head, descriptor)
{
	descriptor("# Disk DescriptorFile\nparentCID=ffffffff\ncreateType=\"monolithicSparse\"\n",
		   MU_E_NONE);
	descriptor("  CREATETYPE = \"streamOptimized\"\r\n", MU_E_NONE);
	descriptor("createType=\"monolithicFlat\"\n", MU_E_INVALID);
	descriptor("createType=\"monolithicSparse\"\nparentCID=12345678\n", MU_E_INVALID);
	descriptor("#createType=\"monolithicSparse\"\n", MU_E_INVALID);
	descriptor("createType \"monolithicSparse\"\n", MU_E_INVALID);
	descriptor("createType=\"a name that is much longer than any kind of image could ever "
		   "have, and longer\"",
		   MU_E_INVALID);
	descriptor("", MU_E_INVALID);
}

static unsigned char block[IMAGE_TAR_BLOCK];

static void tar(const char *name, const char *size, char type)
{
	unsigned sum = 0;

	memset(block, 0, sizeof block);
	memcpy(block, name, strlen(name));
	memcpy(block + 124, size, strlen(size));
	block[156] = (unsigned char)type;
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < sizeof block; i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum);
}

Test(image_head, tar)
{
	struct mu_error err = MU_ERROR_INIT;
	struct image_tar_member m;

	tar("disk.vmdk", "00000001750", '0');
	cr_assert_eq(image_tar_member(block, &m, &err), 0, "%s", err.text);
	cr_assert(m.is_file && m.size_bytes == 1000);
	cr_assert_str_eq(m.name, "disk.vmdk");
	block[0] = 'D';
	cr_assert_lt(image_tar_member(block, &m, &err), 0, "a wrong checksum");
	tar("folder", "00000000000", '5');
	cr_assert_eq(image_tar_member(block, &m, &err), 0);
	cr_assert(!m.is_file);
	tar("x", "9", '0');
	cr_assert_lt(image_tar_member(block, &m, &err), 0, "a size that is no number");
	tar("x", "0000000000x", '0');
	cr_assert_lt(image_tar_member(block, &m, &err), 0);
	tar("large", "\x80\0", '0');
	cr_assert_eq(image_tar_member(block, &m, &err), 0);
	cr_assert_eq(m.size_bytes, 0);
	memset(block, 0, sizeof block);
	cr_assert_eq(image_tar_member(block, &m, &err), IMAGE_TAR_END);
}

static void resum(void)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < sizeof block; i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum);
}

Test(image_head, tar_sizes_beyond_octal)
{
	struct mu_error err = MU_ERROR_INIT;
	struct image_tar_member m;

	tar("large.vmdk", "", '0');
	block[124] = 0x80;
	put_be(block + 128, 8, (uint64_t)20 << 30);
	resum();
	cr_assert_eq(image_tar_member(block, &m, &err), 0, "%s", err.text);
	cr_assert_eq(m.size_bytes, (int64_t)20 << 30);
	put_be(block + 128, 8, UINT64_MAX);
	resum();
	cr_assert_lt(image_tar_member(block, &m, &err), 0);
}
