/* Keeps what a power cut would leave: whenever a file of the ledger is synced, its content of that moment is copied to
   NAME.durable beside it. A test that throws away the file and takes the copy has lost every write that was not synced.
   For LD_PRELOAD; Linux. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static void keep(int fd)
{
    char link[64], path[PATH_MAX], made[PATH_MAX + 16], kept[PATH_MAX + 16], buffer[65536];
    off_t at = 0;
    ssize_t count;
    int target;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    count = readlink(link, path, sizeof path - 1);
    if (count <= 0)
        return;
    path[count] = 0;
    if (!ends_with(path, "ledger.db") && !ends_with(path, "ledger.db-wal"))
        return;
    snprintf(made, sizeof made, "%s.making.%d", path, (int)getpid());
    snprintf(kept, sizeof kept, "%s.durable", path);
    target = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (target < 0)
        return;
    while ((count = pread(fd, buffer, sizeof buffer, at)) > 0 && write(target, buffer, count) == count)
        at += count;
    close(target);
    rename(made, kept);
}

int fsync(int fd)
{
    int done = (int)syscall(SYS_fsync, fd);
    keep(fd);
    return done;
}

int fdatasync(int fd)
{
    int done = (int)syscall(SYS_fdatasync, fd);
    keep(fd);
    return done;
}
