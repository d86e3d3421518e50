#pragma once

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

// Declared by the C library for GNU programs alone.

/// Linux's `fallocate`: makes sure that a file has room for so many bytes.
int fallocate(int descriptor, int mode, long offset, long length);

/// `mode`: the file's size stays.
enum { FLUXQ_FALLOC_FL_KEEP_SIZE = 1 };

/// Linux's `renameat2`: renames a file, with conditions.
int renameat2(int fromDirectory, const char *from, int toDirectory, const char *to, unsigned int flags);

/// `flags`: fails if the new name is taken.
enum { FLUXQ_RENAME_NOREPLACE = 1 };

/// Linux's `pipe2`: a pipe's two ends, to read and to write, with flags such as O_CLOEXEC.
int pipe2(int ends[2], int flags);

/// Linux's `prctl` takes any number of arguments, and Swift imports no such function: no core, not even for a program that is
/// told of crashes, and no other process of this user reads this one's memory or environment.
static inline int fluxq_forgo_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

/// Has a blocking connect or send on a socket give up after that time. In C, because Swift cannot tell which of the modules
/// that include its header `timeval` belongs to.
static inline int fluxq_set_send_timeout(int socket, long seconds, long microseconds) {
    struct timeval limit = {.tv_sec = seconds, .tv_usec = microseconds};
    return setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}
