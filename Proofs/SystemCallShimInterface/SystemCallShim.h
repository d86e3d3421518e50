// The interface between the preloaded library and the proofs that use it.
//
// The library is preloaded into fluxqd (LD_PRELOAD). It intercepts calls of fluxqd and libsqlite3 to the C library:
// those that change files under one directory, and lookups in the user database. Environment variables control it:
//
//   SYSCALL_SHIM_DIRECTORY  the directory, an absolute path without symbolic links; without it no call is changed
//   SYSCALL_SHIM_CONTROL    a file with a `shim_control` that both sides map: calls of one class are counted, and some
//                         are made to fail
//   SYSCALL_SHIM_TRACE      a file to which every call is appended, with its data, as a `shim_record`
//   SYSCALL_SHIM_DROP_FSYNC breaks the write protocol on purpose, so that a proof can show that it notices: with a
//                         trace, "all", "archive" or "sqlite" (whose files) or "directories" reports success for syncs
//                         that it does not do
//   SYSCALL_SHIM_SILENT_NAMES  while a file of that name exists, the user database does not answer: getpwuid_r and
//                         getpwnam_r return once it is gone
#pragma once
#include <stdint.h>

enum shim_class {
    SHIM_WRITE = 1,    // write, pwrite and their variants
    SHIM_SYNC = 2,     // fsync, fdatasync
    SHIM_RENAME = 3,   // rename, link
    SHIM_OPEN = 4,     // every kind of open
    SHIM_REMOVE = 5,   // unlink, rmdir
    SHIM_MAKE = 6,     // mkdir
    SHIM_TRUNCATE = 7, // ftruncate, fallocate
    SHIM_CHANGE = 8,   // fchmod, futimens
    SHIM_SPACE = 9,    // all that need disk space: writes, and calls that create or move a directory entry
};

enum shim_files {
    SHIM_ARCHIVE = 1, // all files except SQLite's
    SHIM_SQLITE = 2,  // queue.sqlite and SQLite's files beside it
    SHIM_BOTH = 3,
};

enum shim_fault {
    SHIM_ERROR = 0, // the call fails with `error` and does nothing
    SHIM_SHORT = 1, // a write writes only the first half and reports that
    SHIM_LIE = 2,   // the call does nothing and reports success; no program can survive this
    SHIM_KILL = 3,  // the process is killed before the call
};

// In a file, so that the counts outlive the process and the proof can lift a fault while the process runs.
struct shim_control {
    uint32_t call_class; // shim_class
    uint32_t files;      // shim_files
    uint32_t fault;      // shim_fault
    uint32_t error;      // errno
    uint64_t from;       // the first call that fails, from 1
    uint32_t persistent; // 1: later calls fail as well; with EINTR every other one, or nothing would ever end
    uint32_t lifted;     // 1 ends the fault
    uint64_t seen;       // calls so far
    uint64_t injected;   // faults so far
};

enum shim_kind {
    SHIM_RECORD_CREATE = 1,   // a new file at `path`, known as `inode`
    SHIM_RECORD_WRITE = 2,    // `data` at `offset` of `inode`
    SHIM_RECORD_TRUNCATE = 3, // `inode` is now `offset` bytes long
    SHIM_RECORD_SYNC = 4,     // `inode`, a file, is on the disk
    SHIM_RECORD_SYNC_DIRECTORY = 5, // the entries of the directory `path` are on the disk
    SHIM_RECORD_RENAME = 6,   // `path` is now `other`
    SHIM_RECORD_LINK = 7,     // `path` is also `other`
    SHIM_RECORD_REMOVE = 8,   // `path`, a file or a directory, is gone
    SHIM_RECORD_MAKE = 9,     // a new directory at `path`
    SHIM_RECORD_CHANGE = 10,  // the mode of `inode` is now `offset`
    SHIM_RECORD_MARK = 11,    // not a call: `path` is the text of the proof's mark
    SHIM_RECORD_DROPPED_SYNC = 12, // a sync that was reported as done but skipped
};

// Followed by `path`, `other` and `data`. Paths are relative to the directory, which itself is "". Little-endian.
struct shim_record {
    uint32_t kind; // shim_kind
    uint32_t path_length;
    uint32_t other_length;
    uint32_t data_length;
    uint64_t inode;
    int64_t offset;
};
