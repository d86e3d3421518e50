// libFuzzer's interface for a program with its own main (LLVM, compiler-rt/lib/fuzzer/FuzzerInterface.h).
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*target)(const uint8_t *bytes, size_t count));

// Changes the bytes in place; returns the new number of bytes.
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t count, size_t limit);
