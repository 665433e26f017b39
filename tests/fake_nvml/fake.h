/*
 * What the parts of the fake driver share.
 *
 *   control.c                       what tests steer: rules, hangs, counted calls
 *   devices.c, environment.c        what the devices are, set by tests and by the environment
 *   nvml_*.c                        what the library answers, with the struct layouts (written by hand from the
 *                                   documented ABI), the version checks and the return codes of the real one
 *
 * -DOLD_DRIVER leaves out what drivers of 2020 (the 450 series) do not export.
 */
#pragma once

#include <stddef.h>

#include "keys.h"

#define EXPORT __attribute__((visibility("default")))
#define ANY (-1)

#ifdef OLD_DRIVER
#define IS_OLD 1
#define DRIVER_VERSION "450.80.02"
#else
#define IS_OLD 0
#define DRIVER_VERSION "580.95.05"
#endif

enum {
    SUCCESS = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    TIMEOUT = 10,
    INSUFFICIENT_RESOURCES = 23,
    VERSION_MISMATCH = 25,
};

enum {
    MAX_DEVICES = 16,
    MAX_INSTANCES = 7, /* MIG devices of one GPU */
    SLOTS = MAX_DEVICES * (1 + MAX_INSTANCES),
    MAX_PROCESSES = 64,
    MAX_FIELDS = 512,
    MAX_GPM_METRICS = 477,
    TEXT = 96,
};
#define NO_INSTANCE 0xFFFFFFFFu

typedef union {
    double d;
    int si;
    unsigned ui;
    unsigned long ul;
    unsigned long long ull;
    long long sll;
    unsigned short us;
} value_t;

typedef struct { unsigned pid; unsigned long long memory; unsigned gpu_instance, compute_instance; } process_t;
typedef struct { unsigned pid; unsigned long long time; unsigned sm, memory, encoder, decoder; } process_sample_t;
typedef struct { unsigned char known; unsigned type; value_t value; } field_override_t;

/* A GPU, or a MIG device of a GPU; what NVML's handles point to. */
typedef struct device {
    int index;              /* its place in fake_devices */
    struct device *parent;  /* of a MIG device */
    int present;            /* MIG devices come and go */
    unsigned gpu_instance, compute_instance;
    char uuid[TEXT], name[TEXT], serial[TEXT], vbios[TEXT];
#define KEY(name, first, step) long long name;
    KEYS(KEY)
#undef KEY
    process_t compute[MAX_PROCESSES], graphics[MAX_PROCESSES];
    process_sample_t process_samples[MAX_PROCESSES];
    int compute_count, graphics_count, process_sample_count;
    field_override_t fields[MAX_FIELDS];
    unsigned char gpm_known[MAX_GPM_METRICS];
    double gpm[MAX_GPM_METRICS];
} device_t;

/* Everything below is guarded by the lock that the enter functions take and leave() gives back. */
extern device_t fake_devices[SLOTS]; /* the GPUs, then MAX_INSTANCES MIG devices for each */
extern int fake_listed[MAX_DEVICES], fake_listed_count, fake_reference_count;
extern char fake_driver_version[TEXT];
extern int fake_early_fields; /* whether the driver is older than the renumbering of fields 251 to 273 */

/* Where a function is counted and its rules are looked up; one static variable per function. */
typedef struct site {
    const char *name;
    struct site *next;
    unsigned char registered;
    long long calls[SLOTS + 1]; /* by device; the last one is of no device */
} site_t;

void fake_lock(void);
void fake_unlock(void);

/* Counts the call and plays its rule. UNINITIALIZED before nvmlInit; INVALID_ARGUMENT for what is no device; the code
 * of its loss for a lost device. The lock is held on return. */
int enter(site_t *site);
int enter_device(site_t *site, device_t *device);
int leave(int rc);

/* Counts and plays a part of a call, a field for instance. The lock must be held. */
int play(site_t *site, int device);

/* Waits without the lock. */
void nap(int milliseconds);

/* Waits, without the lock, until something is announced or the time (ns, monotonic) comes; 0 when it came. */
int wait_until(long long deadline);
void announce(void);
long long monotonic_ns(void);
long long epoch_us(void);

/* The parts that nvmlInit and fake_reset start anew. */
void reset_devices(int count);
void reset_events(void);
void reset_gpm(void);

device_t *instance_of(device_t *parent, unsigned gpu_instance);
int copy_text(char *out, unsigned length, const char *text);

/* The GPU itself for a MIG device. */
static inline device_t *board(device_t *device) { return device->parent ? device->parent : device; }

/* Whether a MIG device, or a GPU in MIG mode: neither knows utilisation. */
static inline int in_mig_mode(const device_t *device) { return device->parent || device->mig_mode; }

/* The body of a function of NVML: statements that run when the call may succeed, and may set rc. */
#define PLAY(enter_call, ...)                    \
    do {                                         \
        static site_t site = {.name = __func__}; \
        int rc = enter_call;                     \
        if (rc == SUCCESS) {                     \
            __VA_ARGS__;                         \
        }                                        \
        return leave(rc);                        \
    } while (0)
#define CALL(...) PLAY(enter(&site), __VA_ARGS__)
#define DEVICE_CALL(device, ...) PLAY(enter_device(&site, device), __VA_ARGS__)

/* The same for what only a whole GPU answers. */
#define BOARD_CALL(device, ...) DEVICE_CALL(device, if (device->parent) rc = NOT_SUPPORTED; else { __VA_ARGS__; })
