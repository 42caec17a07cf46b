// The driver of libFuzzer, which the sanitizer's run-time library holds and no header declares for C.
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*examine)(const uint8_t *octets, size_t count));
