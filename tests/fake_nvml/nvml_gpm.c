/*
 * NVML: GPM, the shares of time in which the parts of a GPU worked, from two samples.
 */
#include "fake.h"

#include <stdio.h>
#include <string.h>

enum { MAX_SAMPLES = 256 };
#define GPM_VERSION 1u

typedef struct {
    int used, taken; /* taken: one more than the number of samples taken before, 0: none */
    device_t *device;
    unsigned char known[MAX_GPM_METRICS];
    double values[MAX_GPM_METRICS];
} sample_t;

typedef struct {
    unsigned id;
    int rc;
    double value;
    struct { char *short_name, *long_name, *unit; } info;
} metric_t;

typedef struct {
    unsigned version, count;
    sample_t *first, *second;
    metric_t metrics[MAX_GPM_METRICS];
} metrics_get_t;

typedef struct { unsigned version, supported; } support_t;

_Static_assert(sizeof(metric_t) == 40, "nvmlGpmMetric_t");
_Static_assert(offsetof(metrics_get_t, metrics) == 24, "nvmlGpmMetricsGet_t");

static sample_t samples[MAX_SAMPLES];

void reset_gpm(void) { memset(samples, 0, sizeof samples); }

EXPORT int fake_gpm_samples(void) {
    int used = 0;
    fake_lock();
    for (int i = 0; i < MAX_SAMPLES; i++) used += samples[i].used;
    fake_unlock();
    return used;
}

#ifndef OLD_DRIVER
static int samples_taken;
static int last_sample; /* places are taken in turns, so that what an earlier test frees late is nothing of this one */
static site_t sites[MAX_GPM_METRICS];
static char names[MAX_GPM_METRICS][16];

static int is_sample(const sample_t *sample) {
    for (int i = 0; i < MAX_SAMPLES; i++)
        if (sample == &samples[i]) return sample->used;
    return 0;
}

/* A MIG device is no device for GPM: its GPU is, together with the GPU instance's number. */
EXPORT int nvmlGpmQueryDeviceSupport(device_t *device, support_t *out) {
    DEVICE_CALL(device, if (out->version != GPM_VERSION) rc = VERSION_MISMATCH;
                else if (device->parent) rc = INVALID_ARGUMENT;
                else out->supported = (unsigned)device->gpm_supported);
}

EXPORT int nvmlGpmSampleAlloc(sample_t **out) {
    CALL(rc = INSUFFICIENT_RESOURCES; for (int i = 0; i < MAX_SAMPLES && rc != SUCCESS; i++) {
        sample_t *sample = &samples[last_sample = (last_sample + 1) % MAX_SAMPLES];
        if (sample->used) continue;
        memset(sample, 0, sizeof *sample);
        sample->used = 1;
        *out = sample;
        rc = SUCCESS;
    });
}

EXPORT int nvmlGpmSampleFree(sample_t *sample) {
    CALL(if (!is_sample(sample)) rc = INVALID_ARGUMENT; else sample->used = 0);
}

static int take(device_t *device, sample_t *sample) {
    if (!is_sample(sample)) return INVALID_ARGUMENT;
    if (!board(device)->gpm_supported) return NOT_SUPPORTED;
    sample->taken = ++samples_taken;
    sample->device = device;
    memcpy(sample->known, device->gpm_known, sizeof sample->known);
    memcpy(sample->values, device->gpm, sizeof sample->values);
    return SUCCESS;
}

/* Of a GPU as a whole, which a GPU in MIG mode does not know. */
EXPORT int nvmlGpmSampleGet(device_t *device, sample_t *sample) {
    DEVICE_CALL(device, if (device->parent) rc = INVALID_ARGUMENT; else if (device->mig_mode) rc = NOT_SUPPORTED;
                else rc = take(device, sample));
}

EXPORT int nvmlGpmMigSampleGet(device_t *device, unsigned gpu_instance, sample_t *sample) {
    DEVICE_CALL(device, device_t *instance = device->parent ? NULL : instance_of(device, gpu_instance);
                rc = instance ? take(instance, sample) : INVALID_ARGUMENT);
}

static int metric_value(const sample_t *sample, metric_t *out) {
    if (out->id >= MAX_GPM_METRICS) return INVALID_ARGUMENT;
    if (!sites[out->id].name) {
        snprintf(names[out->id], sizeof names[out->id], "gpm:%u", out->id);
        sites[out->id].name = names[out->id];
    }
    int rc = play(&sites[out->id], sample->device->index);
    if (rc != SUCCESS) return rc;
    if (!sample->known[out->id]) return NOT_SUPPORTED;
    out->value = sample->values[out->id];
    return SUCCESS;
}

/* The values are those the device had when the second sample was taken. */
EXPORT int nvmlGpmMetricsGet(metrics_get_t *get) {
    CALL(if (get->version != GPM_VERSION) rc = VERSION_MISMATCH;
         else if (!is_sample(get->first) || !is_sample(get->second) || get->count > MAX_GPM_METRICS ||
                  !get->first->taken || get->first->taken >= get->second->taken ||
                  get->first->device != get->second->device) rc = INVALID_ARGUMENT;
         else for (unsigned i = 0; i < get->count; i++) {
             get->metrics[i].value = 0;
             get->metrics[i].rc = metric_value(get->second, &get->metrics[i]);
         });
}
#endif
