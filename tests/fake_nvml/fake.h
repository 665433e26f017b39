/* What the two halves of the fake driver share: control.c is what tests steer, nvml.c what the library answers. */
#pragma once

#define EXPORT __attribute__((visibility("default")))
#define ANY (-1)

enum {
    SUCCESS = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    INSUFFICIENT_SIZE = 7,
    VERSION_MISMATCH = 25,
};

typedef struct {
    int index;
    char uuid[96], name[96];
    long long utilization, memory_utilization, total, used, reserved, power, power_instant, energy, temperature;
} device_t;

/* Guarded by the lock that enter() takes and leave() gives back. */
extern device_t fake_devices[];
extern int fake_device_count, fake_reference_count;

/* Counts the call and plays its rule; returns UNINITIALIZED before nvmlInit. The lock is held on return. */
int enter(const char *function, const device_t *device);
int leave(int rc);

/* Counts and plays a part of a call, a field for instance. The lock must be held. */
int play(const char *function, int device);
