/*
 * NVML: the processes that use a device.
 */
#include "fake.h"

#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(process_t) == 24, "nvmlProcessInfo_v2_t, which version 3 of the functions takes, too");
_Static_assert(sizeof(process_sample_t) == 32, "nvmlProcessUtilizationSample_t");

#ifndef OLD_DRIVER
/* A GPU in MIG mode has the processes of all its MIG devices. */
static int is_of(const process_t *process, const device_t *device) {
    return !device->parent || (process->gpu_instance == device->gpu_instance &&
                               process->compute_instance == device->compute_instance);
}

static unsigned collect(const device_t *device, const process_t *processes, int count, long long own, process_t *out) {
    unsigned found = 0;
    for (int i = 0; i < count; i++)
        if (is_of(&processes[i], device)) out[found++] = processes[i];
    if (own >= 0)
        out[found++] = (process_t){(unsigned)getpid(), (unsigned long long)own, device->gpu_instance,
                                   device->compute_instance};
    return found;
}

/* Without room for all, the count alone. */
static int give(const process_t *found, unsigned count, unsigned *room, process_t *out) {
    int rc = count > *room || (count && !out) ? INSUFFICIENT_SIZE : SUCCESS;
    if (rc == SUCCESS && count) memcpy(out, found, count * sizeof *out);
    *room = count;
    return rc;
}

#define PROCESSES(function, kind, own)                                                                         \
    EXPORT int function(device_t *device, unsigned *count, process_t *out) {                                   \
        DEVICE_CALL(device, process_t found[MAX_PROCESSES + 1];                                                \
                    unsigned known = collect(device, board(device)->kind, board(device)->kind##_count, own, found); \
                    rc = give(found, known, count, out));                                                      \
    }

PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2, compute, device->own_memory)
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3, compute, device->own_memory)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v2, graphics, -1)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3, graphics, -1)
#endif

static unsigned newer(const device_t *device, unsigned long long last_seen, process_sample_t *out) {
    unsigned found = 0;
    for (int i = 0; i < device->process_sample_count; i++)
        if (device->process_samples[i].time > last_seen) out[found++] = device->process_samples[i];
    if (device->own_utilization >= 0)
        out[found++] = (process_sample_t){(unsigned)getpid(), (unsigned long long)epoch_us(),
                                          (unsigned)device->own_utilization, 0, 0, 0};
    return found;
}

/* Samples newer than the last one seen; the size call tells how much room is needed for all there are. */
EXPORT int nvmlDeviceGetProcessUtilization(
    device_t *device, process_sample_t *out, unsigned *count, unsigned long long last_seen) {
    DEVICE_CALL(
        device, process_sample_t found[MAX_PROCESSES + 1]; unsigned known = newer(device, last_seen, found);
        if (in_mig_mode(device)) rc = NOT_SUPPORTED; else if (!known) {
            rc = device->process_size_succeeds && !out ? SUCCESS : NOT_FOUND;
            *count = 0;
        } else if (!out || *count < known) {
            rc = INSUFFICIENT_SIZE;
            *count = known;
        } else {
            memcpy(out, found, known * sizeof *out);
            *count = known;
        });
}
