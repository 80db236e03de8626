/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sequencer DEVICE...: writes sequence numbers to disks in turn, each on its disk before the next,
 * and notes the longest time between two. A test asks on TCP port 7 (any connection gets one line,
 * and the longest time begins anew): "SEQUENCE LONGEST_US". Runs in the lab's guest; shows for how
 * long a snapshot stops it, and whether it is one moment.
 *
 * Number n goes to disk n % disks, there to block n / disks % 1024 of 4 KiB: in a snapshot of all
 * disks that is one moment the numbers are 1,024 * disks successive ones.
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

enum { BLOCK = 4096, BLOCKS = 1024, DISKS_MAX = 8, PORT = 7 };

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
	uint64_t n_disks = (uint64_t)argc - 1;
	int disks[DISKS_MAX];
	struct pollfd asked = {.fd = listen_on(PORT), .events = POLLIN};
	int64_t last = now_us(), longest = 0;
	uint64_t n = 0;
	void *block;

	if (n_disks < 1 || n_disks > DISKS_MAX || asked.fd < 0 ||
	    posix_memalign(&block, BLOCK, BLOCK) != 0) {
		perror("sequencer");
		return 1;
	}
	for (uint64_t i = 0; i < n_disks; i++) {
		disks[i] = open(argv[i + 1], O_RDWR | O_DIRECT | O_DSYNC);
		if (disks[i] < 0) {
			perror(argv[i + 1]);
			return 1;
		}
	}
	memset(block, 0, BLOCK);
	for (;; n++) {
		memcpy(block, &n, sizeof n);
		if (pwrite(disks[n % n_disks], block, BLOCK,
			   (off_t)(n / n_disks % BLOCKS) * BLOCK) != BLOCK) {
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
