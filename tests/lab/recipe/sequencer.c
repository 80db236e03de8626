/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sequencer DEVICE: writes sequence numbers to a disk, one after another, each on the disk before
 * the next, and notes the longest time between two. A test asks on TCP port 7 (any connection gets
 * one line, and the longest time begins anew): "SEQUENCE LONGEST_US". Runs in the lab's guest;
 * shows for how long a snapshot stops it.
 *
 * Block i of the first 1,024 blocks of 4 KiB holds a number n with n % 1024 == i: in a snapshot
 * that is consistent the numbers are 1,024 successive ones.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCKS = 1024, PORT = 7 };

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(fd, 8) < 0)
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	int disk = argc == 2 ? open(argv[1], O_RDWR | O_DIRECT | O_DSYNC) : -1;
	struct pollfd asked = {.fd = listen_on(PORT), .events = POLLIN};
	int64_t last = now_us(), longest = 0;
	uint64_t n = 0;
	void *block;

	if (disk < 0 || asked.fd < 0 || posix_memalign(&block, BLOCK, BLOCK) != 0) {
		perror("sequencer");
		return 1;
	}
	memset(block, 0, BLOCK);
	for (;; n++) {
		memcpy(block, &n, sizeof n);
		if (pwrite(disk, block, BLOCK, (off_t)(n % BLOCKS) * BLOCK) != BLOCK) {
			perror("sequencer: write");
			return 1;
		}
		int64_t now = now_us();

		if (now - last > longest)
			longest = now - last;
		last = now;
		if (poll(&asked, 1, 0) > 0) {
			int peer = accept(asked.fd, NULL, NULL);

			dprintf(peer, "%llu %lld\n", (unsigned long long)n, (long long)longest);
			close(peer);
			longest = 0;
			last = now_us();
		}
	}
}
