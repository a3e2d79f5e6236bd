/* Makes the n-th write, fsync, rename or open for writing of a process fail, below one folder. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile int kind = -1, left = 0, hit = 0;
static char folder[PATH_MAX];

void arm(int which, int number, const char *below) {
    strncpy(folder, below, sizeof folder - 1);
    hit = 0;
    left = number;
    kind = which;
}

int was_hit(void) { return hit; }

static int fails(int which) {
    if (kind != which || __sync_sub_and_fetch(&left, 1) != 0) return 0;
    hit = 1;
    errno = which == 3 ? EACCES : ENOSPC;
    return 1;
}

static int is_below(int handle) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

ssize_t write(int handle, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    return kind == 0 && is_below(handle) && fails(0) ? -1 : real(handle, data, size);
}

int fsync(int handle) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    return kind == 1 && is_below(handle) && fails(1) ? -1 : real(handle);
}

int rename(const char *old, const char *new) {
    static int (*real)(const char *, const char *);
    if (!real) real = dlsym(RTLD_NEXT, "rename");
    return kind == 2 && strstr(new, "out/") != NULL && fails(2) ? -1 : real(old, new);
}

static int is_made(const char *path, int flags) {
    return kind == 3 && (flags & O_CREAT) && (strstr(path, "out/") != NULL);
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        static int (*real)(const char *, int, ...);                                                \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                                 \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;                          \
        va_end(rest);                                                                              \
        return is_made(path, flags) && fails(3) ? -1 : real(path, flags, mode);                    \
    }
OPEN(open)
OPEN(open64)
