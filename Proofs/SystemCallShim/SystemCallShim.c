#define _GNU_SOURCE
#include "SystemCallShim.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// Finds the next definition of a function: the C library's.
#define REAL(name) ((__typeof__(&name))real_##name())
#define DECLARE_REAL(name)                                    \
    static void *real_##name(void) {                          \
        static _Atomic(void *) found;                         \
        void *function = found;                               \
        if (!function) {                                      \
            function = dlsym(RTLD_NEXT, #name);               \
            if (!function) abort();                           \
            found = function;                                 \
        }                                                     \
        return function;                                      \
    }

DECLARE_REAL(openat)
DECLARE_REAL(write)
DECLARE_REAL(pwrite)
DECLARE_REAL(writev)
DECLARE_REAL(pwritev)
DECLARE_REAL(ftruncate)
DECLARE_REAL(fallocate)
DECLARE_REAL(posix_fallocate)
DECLARE_REAL(fsync)
DECLARE_REAL(fdatasync)
DECLARE_REAL(renameat2)
DECLARE_REAL(linkat)
DECLARE_REAL(unlinkat)
DECLARE_REAL(mkdirat)
DECLARE_REAL(fchmod)
DECLARE_REAL(futimens)
DECLARE_REAL(getpwuid_r)
DECLARE_REAL(getpwnam_r)

static char directory[PATH_MAX];
static size_t directory_length;
static struct shim_control *control;
static int trace = -1;
static const char *silent_names;
static const char *dropped = "";
// Calls are traced one at a time, so that the trace has the order in which they took effect.
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void give_up(const char *what) {
    fprintf(stderr, "SystemCallShim: %s: %s\n", what, strerror(errno));
    abort();
}

__attribute__((constructor)) static void start(void) {
    silent_names = getenv("SYSCALL_SHIM_SILENT_NAMES");
    const char *path = getenv("SYSCALL_SHIM_DIRECTORY");
    if (!path) return;
    const char *control_path = getenv("SYSCALL_SHIM_CONTROL");
    if (control_path) {
        int file = REAL(openat)(AT_FDCWD, control_path, O_RDWR | O_CLOEXEC);
        if (file < 0) give_up(control_path);
        control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (control == MAP_FAILED) give_up(control_path);
        close(file);
    }
    const char *trace_path = getenv("SYSCALL_SHIM_TRACE");
    if (trace_path) {
        trace = REAL(openat)(AT_FDCWD, trace_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (trace < 0) give_up(trace_path);
        if (getenv("SYSCALL_SHIM_DROP_FSYNC")) dropped = getenv("SYSCALL_SHIM_DROP_FSYNC");
    }
    // This is the last step, because it activates the library.
    snprintf(directory, sizeof directory, "%s", path);
    directory_length = strlen(directory);
}

// The file that a call concerns.
struct place {
    char path[PATH_MAX]; // relative to the directory
    bool is_directory;
    bool exists;
    ino_t inode;
};

// Removes the directory from an absolute path; false if the path is outside of it.
static bool relative(const char *path, char *out) {
    if (strncmp(path, directory, directory_length) != 0) return false;
    path += directory_length;
    if (*path != '\0' && *path != '/') return false;
    while (*path == '/') path++;
    snprintf(out, PATH_MAX, "%s", path);
    size_t length = strlen(out);
    while (length > 0 && out[length - 1] == '/') out[--length] = '\0';
    return true;
}

static bool place_of_path(int at, const char *path, struct place *place) {
    if (directory_length == 0) return false;
    char absolute[2 * PATH_MAX];
    if (path[0] == '/') {
        snprintf(absolute, sizeof absolute, "%s", path);
    } else {
        char base[PATH_MAX], link[64];
        if (at == AT_FDCWD) {
            snprintf(link, sizeof link, "/proc/self/cwd");
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        }
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return false;
        base[length] = '\0';
        snprintf(absolute, sizeof absolute, "%s/%s", base, path);
    }
    if (!relative(absolute, place->path)) return false;
    struct stat status;
    place->exists = lstat(absolute, &status) == 0;
    place->is_directory = place->exists && S_ISDIR(status.st_mode);
    place->inode = place->exists ? status.st_ino : 0;
    return true;
}

static bool place_of_descriptor(int descriptor, struct place *place) {
    if (directory_length == 0 || descriptor == trace) return false;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || path[0] != '/') return false;
    path[length] = '\0';
    if (!relative(path, place->path)) return false;
    struct stat status;
    if (fstat(descriptor, &status) != 0) return false;
    place->exists = true;
    place->is_directory = S_ISDIR(status.st_mode);
    place->inode = status.st_ino;
    return true;
}

static bool is_sqlite(const struct place *place) { return strncmp(place->path, "queue.sqlite", 12) == 0; }

// True for the index that SQLite keeps in memory and rebuilds from its log. It need not survive anything.
static bool is_index(const struct place *place) {
    size_t length = strlen(place->path);
    return length >= 4 && strcmp(place->path + length - 4, "-shm") == 0;
}

static bool is_of_class(enum shim_class class, bool needs_room) {
    return control->call_class == class || (control->call_class == SHIM_SPACE && needs_room);
}

enum verdict { PASS, FAIL, HALF, LIE };

// Counts a call, and returns whether it must fail.
static enum verdict judge(enum shim_class class, bool needs_room, const struct place *place) {
    if (!control || !is_of_class(class, needs_room)) return PASS;
    if (!(control->files & (is_sqlite(place) ? SHIM_SQLITE : SHIM_ARCHIVE))) return PASS;
    // For its index file, SQLite only reports that it cannot grow, whatever the error was.
    if (is_index(place) && control->error != ENOSPC) return PASS;
    uint64_t number = __atomic_add_fetch(&control->seen, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&control->lifted, __ATOMIC_SEQ_CST) || number < control->from) return PASS;
    if (number > control->from && !control->persistent) return PASS;
    if (control->error == EINTR && (number - control->from) % 2 != 0) return PASS;
    __atomic_add_fetch(&control->injected, 1, __ATOMIC_SEQ_CST);
    switch (control->fault) {
    case SHIM_SHORT: return HALF;
    case SHIM_LIE: return LIE;
    case SHIM_KILL:
        // Under the lock, so that every call of another thread that has happened is also in the trace.
        if (trace >= 0) pthread_mutex_lock(&turn);
        kill(getpid(), SIGKILL);
        while (true) pause();
    default: errno = (int)control->error; return FAIL;
    }
}

static void begin(void) {
    if (trace >= 0) pthread_mutex_lock(&turn);
}

static void end(void) {
    if (trace >= 0) {
        int error = errno;
        pthread_mutex_unlock(&turn);
        errno = error;
    }
}

static void append(enum shim_kind kind, const struct place *place, const char *other, int64_t offset,
                   const struct iovec *data, int pieces) {
    if (trace < 0 || is_index(place)) return;
    int error = errno;
    size_t length = 0;
    for (int i = 0; i < pieces; i++) length += data[i].iov_len;
    struct shim_record record = {
        .kind = kind,
        .path_length = (uint32_t)strlen(place->path),
        .other_length = other ? (uint32_t)strlen(other) : 0,
        .data_length = (uint32_t)length,
        .inode = place->inode,
        .offset = offset,
    };
    struct iovec parts[3 + pieces];
    parts[0] = (struct iovec){&record, sizeof record};
    parts[1] = (struct iovec){(void *)place->path, record.path_length};
    parts[2] = (struct iovec){(void *)other, record.other_length};
    for (int i = 0; i < pieces; i++) parts[3 + i] = data[i];
    size_t total = sizeof record + record.path_length + record.other_length + length;
    if (REAL(writev)(trace, parts, 3 + pieces) != (ssize_t)total) give_up("the trace");
    errno = error;
}

static int change(enum shim_kind kind, const struct place *place, const char *other, int64_t offset, int result) {
    if (result >= 0) append(kind, place, other, offset, NULL, 0);
    return result;
}

// Opening, which can create or truncate a file.

static int open_file(int at, const char *path, int flags, mode_t mode) {
    struct place place;
    if (!place_of_path(at, path, &place)) return REAL(openat)(at, path, flags, mode);
    bool makes = (flags & O_CREAT) && !place.exists;
    switch (judge(SHIM_OPEN, makes, &place)) {
    case FAIL: return -1;
    default: break;
    }
    begin();
    // Another thread may have created it meanwhile.
    struct stat status;
    makes = (flags & O_CREAT) && fstatat(at, path, &status, AT_SYMLINK_NOFOLLOW) != 0;
    int descriptor = REAL(openat)(at, path, flags, mode);
    if (descriptor >= 0 && trace >= 0) {
        fstat(descriptor, &status);
        place.inode = status.st_ino;
        if (makes) append(SHIM_RECORD_CREATE, &place, NULL, status.st_mode & 07777, NULL, 0);
        if (!makes && (flags & O_TRUNC)) append(SHIM_RECORD_TRUNCATE, &place, NULL, 0, NULL, 0);
    }
    end();
    return descriptor;
}

#define MODE(flags)                                   \
    mode_t mode = 0;                                  \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {          \
        va_list arguments;                            \
        va_start(arguments, flags);                   \
        mode = va_arg(arguments, mode_t);             \
        va_end(arguments);                            \
    }

int open(const char *path, int flags, ...) {
    MODE(flags)
    return open_file(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags)
    return open_file(AT_FDCWD, path, flags, mode);
}
int openat(int at, const char *path, int flags, ...) {
    MODE(flags)
    return open_file(at, path, flags, mode);
}
int openat64(int at, const char *path, int flags, ...) {
    MODE(flags)
    return open_file(at, path, flags, mode);
}
int creat(const char *path, mode_t mode) { return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

// Writing.

static size_t length_of(const struct iovec *data, int pieces) {
    size_t length = 0;
    for (int i = 0; i < pieces; i++) length += data[i].iov_len;
    return length;
}

// Truncates to the first `length` bytes; returns the number of pieces that are left.
static int cut(struct iovec *data, int pieces, size_t length) {
    for (int i = 0; i < pieces; i++) {
        if (data[i].iov_len >= length) {
            data[i].iov_len = length;
            return i + 1;
        }
        length -= data[i].iov_len;
    }
    return pieces;
}

// `offset` is -1 for the current position of the descriptor.
static ssize_t write_file(int descriptor, const struct iovec *data, int pieces, off_t offset) {
    struct place place;
    struct iovec parts[pieces > 0 ? pieces : 1];
    bool is_ours = place_of_descriptor(descriptor, &place) && !place.is_directory;
    if (is_ours) {
        memcpy(parts, data, sizeof *data * (size_t)pieces);
        size_t length = length_of(data, pieces);
        switch (judge(SHIM_WRITE, true, &place)) {
        case PASS: break;
        case FAIL: return -1;
        case LIE: return (ssize_t)length;
        // A write of one byte cannot be shortened.
        case HALF: pieces = cut(parts, pieces, length > 1 ? length / 2 : length); break;
        }
        data = parts;
        begin();
        if (offset < 0 && trace >= 0) {
            struct stat status;
            bool appends = fcntl(descriptor, F_GETFL) & O_APPEND;
            offset = appends && fstat(descriptor, &status) == 0 ? status.st_size : lseek(descriptor, 0, SEEK_CUR);
            ssize_t written = REAL(writev)(descriptor, data, pieces);
            if (written > 0) {
                pieces = cut(parts, pieces, (size_t)written);
                append(SHIM_RECORD_WRITE, &place, NULL, offset, parts, pieces);
            }
            end();
            return written;
        }
    }
    ssize_t written =
        offset < 0 ? REAL(writev)(descriptor, data, pieces) : REAL(pwritev)(descriptor, data, pieces, offset);
    if (is_ours) {
        if (written > 0) {
            pieces = cut(parts, pieces, (size_t)written);
            append(SHIM_RECORD_WRITE, &place, NULL, offset, parts, pieces);
        }
        end();
    }
    return written;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    struct iovec data = {(void *)bytes, count};
    if (directory_length == 0) return REAL(write)(descriptor, bytes, count);
    return write_file(descriptor, &data, 1, -1);
}
ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    struct iovec data = {(void *)bytes, count};
    return offset < 0 ? REAL(pwrite)(descriptor, bytes, count, offset) : write_file(descriptor, &data, 1, offset);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    return pwrite(descriptor, bytes, count, offset);
}
ssize_t writev(int descriptor, const struct iovec *data, int pieces) {
    if (directory_length == 0 || pieces <= 0 || pieces > IOV_MAX) return REAL(writev)(descriptor, data, pieces);
    return write_file(descriptor, data, pieces, -1);
}
ssize_t pwritev(int descriptor, const struct iovec *data, int pieces, off_t offset) {
    if (pieces <= 0 || pieces > IOV_MAX || offset < 0) return REAL(pwritev)(descriptor, data, pieces, offset);
    return write_file(descriptor, data, pieces, offset);
}
ssize_t pwritev64(int descriptor, const struct iovec *data, int pieces, off64_t offset) {
    return pwritev(descriptor, data, pieces, offset);
}

int ftruncate(int descriptor, off_t length) {
    struct place place;
    if (!place_of_descriptor(descriptor, &place)) return REAL(ftruncate)(descriptor, length);
    switch (judge(SHIM_TRUNCATE, false, &place)) {
    case FAIL: return -1;
    case LIE: return 0;
    default: break;
    }
    begin();
    int result = change(SHIM_RECORD_TRUNCATE, &place, NULL, length, REAL(ftruncate)(descriptor, length));
    end();
    return result;
}
int ftruncate64(int descriptor, off64_t length) { return ftruncate(descriptor, length); }

// A trace needs only a change that makes a file longer.
static void append_growth(int descriptor, const struct place *place, off_t before) {
    struct stat status;
    if (fstat(descriptor, &status) == 0 && status.st_size != before)
        append(SHIM_RECORD_TRUNCATE, place, NULL, status.st_size, NULL, 0);
}

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
    struct place place;
    if (!place_of_descriptor(descriptor, &place)) return REAL(fallocate)(descriptor, mode, offset, length);
    if (judge(SHIM_TRUNCATE, true, &place) == FAIL) return -1;
    begin();
    struct stat status = {0};
    fstat(descriptor, &status);
    int result = REAL(fallocate)(descriptor, mode, offset, length);
    append_growth(descriptor, &place, status.st_size);
    end();
    return result;
}
int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
    return fallocate(descriptor, mode, offset, length);
}
int posix_fallocate(int descriptor, off_t offset, off_t length) {
    struct place place;
    if (!place_of_descriptor(descriptor, &place)) return REAL(posix_fallocate)(descriptor, offset, length);
    if (judge(SHIM_TRUNCATE, true, &place) == FAIL) return errno;
    begin();
    struct stat status = {0};
    fstat(descriptor, &status);
    int result = REAL(posix_fallocate)(descriptor, offset, length);
    append_growth(descriptor, &place, status.st_size);
    end();
    return result;
}
int posix_fallocate64(int descriptor, off64_t offset, off64_t length) {
    return posix_fallocate(descriptor, offset, length);
}

// Syncing.

static bool is_dropped(const struct place *place) {
    if (strcmp(dropped, "all") == 0) return true;
    if (strcmp(dropped, "directories") == 0) return place->is_directory;
    if (place->is_directory) return false;
    return strcmp(dropped, is_sqlite(place) ? "sqlite" : "archive") == 0;
}

// A failed sync is reported once to each descriptor that was open on the file then, as by the kernel.
#define DESCRIPTORS 1024
static struct {
    _Atomic(ino_t) inode;
    int error;
} untold[DESCRIPTORS];

static void tell_others(int descriptor) {
    int error = errno;
    struct stat status, other;
    if (fstat(descriptor, &status) == 0) {
        for (int i = 0; i < DESCRIPTORS; i++) {
            if (i == descriptor || fstat(i, &other) != 0) continue;
            if (other.st_ino != status.st_ino || other.st_dev != status.st_dev) continue;
            untold[i].error = error;
            untold[i].inode = status.st_ino;
        }
    }
    errno = error;
}

static bool is_told(int descriptor, ino_t inode) {
    if (descriptor >= DESCRIPTORS) return false;
    ino_t expected = inode;
    if (!__atomic_compare_exchange_n((ino_t *)&untold[descriptor].inode, &expected, 0, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        return false;
    errno = untold[descriptor].error;
    return true;
}

static int sync_file(int descriptor, int (*real)(int)) {
    struct place place;
    if (!place_of_descriptor(descriptor, &place)) return real(descriptor);
    if (control && is_told(descriptor, place.inode)) return -1;
    switch (judge(SHIM_SYNC, false, &place)) {
    case FAIL:
        if (errno != EINTR) tell_others(descriptor);
        return -1;
    case LIE: return 0;
    default: break;
    }
    if (is_dropped(&place)) {
        begin();
        append(SHIM_RECORD_DROPPED_SYNC, &place, NULL, 0, NULL, 0);
        end();
        return 0;
    }
    begin();
    enum shim_kind kind = place.is_directory ? SHIM_RECORD_SYNC_DIRECTORY : SHIM_RECORD_SYNC;
    int result = change(kind, &place, NULL, 0, real(descriptor));
    end();
    return result;
}

int fsync(int descriptor) { return sync_file(descriptor, REAL(fsync)); }
int fdatasync(int descriptor) { return sync_file(descriptor, REAL(fdatasync)); }

// Directory entries.

static int move(enum shim_class class, enum shim_kind kind, int at, const char *path, int other_at, const char *other,
                int (*real)(int, const char *, int, const char *, unsigned), unsigned flags) {
    struct place from, to;
    bool from_ours = place_of_path(at, path, &from), to_ours = place_of_path(other_at, other, &to);
    if (!from_ours || !to_ours) return real(at, path, other_at, other, flags);
    switch (judge(class, true, &from)) {
    case FAIL: return -1;
    case LIE: return 0;
    default: break;
    }
    begin();
    int result = change(kind, &from, to.path, 0, real(at, path, other_at, other, flags));
    end();
    return result;
}

static int really_rename(int at, const char *path, int other_at, const char *other, unsigned flags) {
    return REAL(renameat2)(at, path, other_at, other, flags);
}
static int really_link(int at, const char *path, int other_at, const char *other, unsigned flags) {
    return REAL(linkat)(at, path, other_at, other, (int)flags);
}

int renameat2(int at, const char *path, int other_at, const char *other, unsigned flags) {
    return move(SHIM_RENAME, SHIM_RECORD_RENAME, at, path, other_at, other, really_rename, flags);
}
int renameat(int at, const char *path, int other_at, const char *other) {
    return renameat2(at, path, other_at, other, 0);
}
int rename(const char *path, const char *other) { return renameat2(AT_FDCWD, path, AT_FDCWD, other, 0); }
int linkat(int at, const char *path, int other_at, const char *other, int flags) {
    return move(SHIM_RENAME, SHIM_RECORD_LINK, at, path, other_at, other, really_link, (unsigned)flags);
}
int link(const char *path, const char *other) { return linkat(AT_FDCWD, path, AT_FDCWD, other, 0); }

int unlinkat(int at, const char *path, int flags) {
    struct place place;
    if (!place_of_path(at, path, &place)) return REAL(unlinkat)(at, path, flags);
    switch (judge(SHIM_REMOVE, false, &place)) {
    case FAIL: return -1;
    case LIE: return 0;
    default: break;
    }
    begin();
    int result = change(SHIM_RECORD_REMOVE, &place, NULL, 0, REAL(unlinkat)(at, path, flags));
    end();
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int at, const char *path, mode_t mode) {
    struct place place;
    if (!place_of_path(at, path, &place)) return REAL(mkdirat)(at, path, mode);
    switch (judge(SHIM_MAKE, !place.exists, &place)) {
    case FAIL: return -1;
    case LIE: return 0;
    default: break;
    }
    begin();
    int result = change(SHIM_RECORD_MAKE, &place, NULL, mode, REAL(mkdirat)(at, path, mode));
    end();
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

// File metadata.

int fchmod(int descriptor, mode_t mode) {
    struct place place;
    if (!place_of_descriptor(descriptor, &place)) return REAL(fchmod)(descriptor, mode);
    if (judge(SHIM_CHANGE, false, &place) == FAIL) return -1;
    begin();
    int result = change(SHIM_RECORD_CHANGE, &place, NULL, mode, REAL(fchmod)(descriptor, mode));
    end();
    return result;
}
int futimens(int descriptor, const struct timespec times[2]) {
    struct place place;
    if (place_of_descriptor(descriptor, &place) && judge(SHIM_CHANGE, false, &place) == FAIL) return -1;
    return REAL(futimens)(descriptor, times);
}

// Simulates a name server that does not answer.
static void wait_for_names(void) {
    while (silent_names && access(silent_names, F_OK) == 0) usleep(10 * 1000);
}

int getpwuid_r(uid_t uid, struct passwd *entry, char *memory, size_t bytes, struct passwd **found) {
    wait_for_names();
    return REAL(getpwuid_r)(uid, entry, memory, bytes, found);
}

int getpwnam_r(const char *name, struct passwd *entry, char *memory, size_t bytes, struct passwd **found) {
    wait_for_names();
    return REAL(getpwnam_r)(name, entry, memory, bytes, found);
}
