/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_safe: any bytes as a .safe file.  It is unpacked in a folder of its own, in memory where there is /dev/shm.
 * Aborts where the contract is broken: a refusal without a reason; something outside the folder; more than plain files and folders, or more
 * bytes than a module may have.
 */
#include "config.h"
#include "cli/cli.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <ftw.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char base[64], dir[96];
static uint64_t bytes;

static int
look(const char *path, const struct stat *st, int type, struct FTW *at)
{
	if (type != FTW_F && type != FTW_D)
		abort();
	if (type == FTW_F)
		bytes += (uint64_t)st->st_size;
	return 0;
}

static void
clean(void)
{
	char err[512];

	tree_remove(base, err, sizeof(err));
}

static void
begin(void)
{
	if (base[0] != '\0')
		return;
	(void)path_format(base, sizeof(base), "%s/fuzz_safe.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(base) == NULL || !path_format(dir, sizeof(dir), "%s/to", base))
		abort();
	atexit(clean);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[1024] = "", file[64];
	struct stat st;
	int fd;

	begin();
	fd = memfd_create("safe", MFD_CLOEXEC);
	if (fd == -1 || write(fd, data, size) != (ssize_t)size || mkdir(dir, 0700) == -1)
		abort();
	(void)path_format(file, sizeof(file), "/proc/self/fd/%d", fd);
	if (!zip_unpack(file, dir, err, sizeof(err)) && err[0] == '\0')
		abort();
	bytes = 0;
	if (nftw(dir, look, 16, FTW_PHYS) == -1 || bytes > TREE_BYTES_MAX)
		abort();
	if (!tree_remove(dir, err, sizeof(err)) || lstat(base, &st) == -1 || st.st_nlink != 2)	/* nothing beside the folder */
		abort();
	close(fd);
	return 0;
}
