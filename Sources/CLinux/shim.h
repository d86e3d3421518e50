#pragma once

// Declared by the C library for GNU programs alone.

/// Linux's `fallocate`: makes sure that a file has room for so many bytes.
int fallocate(int descriptor, int mode, long offset, long length);

/// `mode`: the file's size stays.
enum { FLUXQ_FALLOC_FL_KEEP_SIZE = 1 };

/// Linux's `renameat2`: renames a file, with conditions.
int renameat2(int fromDirectory, const char *from, int toDirectory, const char *to, unsigned int flags);

/// `flags`: fails if the new name is taken.
enum { FLUXQ_RENAME_NOREPLACE = 1 };
