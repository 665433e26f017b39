/*
 * NVML: field values, several in one call.
 */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    unsigned field_id, scope_id;
    long long timestamp, latency_us;
    unsigned value_type;
    int rc;
    value_t value;
} field_value_t;

_Static_assert(sizeof(field_value_t) == 40, "nvmlFieldValue_t");

enum { UNSIGNED_INT = 1, UNSIGNED_LONG_LONG = 3, SIGNED_INT = 5 };
#define ALL_LINKS 0xFFFFFFFFu
#define LATENCY_US 3
/* The last field of the 450 series. */
#define LAST_OLD_FIELD 147

static site_t sites[MAX_FIELDS];
static char names[MAX_FIELDS][16];

static int unsigned_int(field_value_t *out, long long value) {
    out->value_type = UNSIGNED_INT;
    out->value.ui = (unsigned)value;
    return SUCCESS;
}

static int unsigned_long_long(field_value_t *out, long long value) {
    out->value_type = UNSIGNED_LONG_LONG;
    out->value.ull = (unsigned long long)value;
    return SUCCESS;
}

static int signed_int(field_value_t *out, long long value) {
    out->value_type = SIGNED_INT;
    out->value.si = (int)value;
    return SUCCESS;
}

/* One link's part of what all links transferred: an equal share, the last link the rest as well. */
static int link_traffic(const device_t *device, field_value_t *out, long long all) {
    long long links = device->nvlink_count;
    if (links == 0) return NOT_SUPPORTED;
    if (out->scope_id == ALL_LINKS) return unsigned_long_long(out, all);
    if (out->scope_id >= links) return INVALID_ARGUMENT;
    return unsigned_long_long(out, all / links + (out->scope_id == links - 1 ? all % links : 0));
}

/* Power is known of the GPU alone (scope 0), not of a module or of the memory. */
static int power(field_value_t *out, long long value) {
    return out->scope_id == 0 ? unsigned_int(out, value) : NOT_SUPPORTED;
}

/* NVML numbered fields 251 to 273 anew with driver 580.82: the throttle time of three reasons stood at 251 to 253. */
static int throttle_time(const device_t *device, field_value_t *out) {
    switch (out->field_id + (fake_early_fields ? 269 - 251 : 0)) {
        case 269: return unsigned_long_long(out, device->throttled_sw_thermal);
        case 270: return unsigned_long_long(out, device->throttled_hw_thermal);
        case 271: return unsigned_long_long(out, device->throttled_hw_power_brake);
        default: return NOT_SUPPORTED; /* power smoothing for instance, which an H100 does not have */
    }
}

static int newer_field(const device_t *device, field_value_t *out) {
    switch (out->field_id) {
        case 185: return power(out, device->power);
        case 186: return power(out, device->power_instant);
        case 190: return power(out, device->power_limit);
        case 191: return unsigned_long_long(out, device->energy);
        case 193: return signed_int(out, device->offset_shutdown);
        case 194: return signed_int(out, device->offset_slowdown);
        case 195: return signed_int(out, device->offset_memory_max);
        case 196: return signed_int(out, device->offset_gpu_max);
        case 197: return unsigned_long_long(out, device->pcie_tx_bytes);
        case 198: return unsigned_long_long(out, device->pcie_rx_bytes);
        case 230: return unsigned_int(out, device->recovery_action);
        default: return throttle_time(device, out);
    }
}

static int own_field(const device_t *device, field_value_t *out) {
    switch (out->field_id) {
        case 1: return unsigned_int(out, device->ecc_mode);
        case 2: return unsigned_int(out, device->ecc_pending_mode);
        case 3: return unsigned_long_long(out, device->ecc_corrected_volatile);
        case 4: return unsigned_long_long(out, device->ecc_uncorrected_volatile);
        case 5: return unsigned_long_long(out, device->ecc_corrected_aggregate);
        case 6: return unsigned_long_long(out, device->ecc_uncorrected_aggregate);
        case 74: return unsigned_long_long(out, device->throttled_power);
        case 75: return unsigned_long_long(out, device->throttled_thermal);
        case 76: return unsigned_long_long(out, device->throttled_sync_boost);
        case 77: return unsigned_long_long(out, device->throttled_board_limit);
        case 78: return unsigned_long_long(out, device->throttled_low_utilization);
        case 79: return unsigned_long_long(out, device->throttled_reliability);
        case 82: return unsigned_int(out, device->memory_temperature);
        /* The device of the old driver knows its energy by the function of its own alone. */
        case 83: return IS_OLD ? NOT_SUPPORTED : unsigned_long_long(out, device->energy);
        case 91: return unsigned_int(out, device->nvlink_count);
        case 94: return unsigned_int(out, device->pcie_replay);
        case 138: return link_traffic(device, out, device->nvlink_tx);
        case 139: return link_traffic(device, out, device->nvlink_rx);
        case 142: return device->mig_mode ? NOT_SUPPORTED : unsigned_int(out, device->remapped_corrected);
        case 143: return device->mig_mode ? NOT_SUPPORTED : unsigned_int(out, device->remapped_uncorrected);
        case 144: return device->mig_mode ? NOT_SUPPORTED : unsigned_int(out, device->remap_pending);
        case 145: return device->mig_mode ? NOT_SUPPORTED : unsigned_int(out, device->remap_failure);
        default: break;
    }
    if (IS_OLD) return out->field_id > LAST_OLD_FIELD ? INVALID_ARGUMENT : NOT_SUPPORTED;
    return newer_field(device, out);
}

static int field_value(device_t *device, field_value_t *out) {
    unsigned id = out->field_id;
    if (id >= MAX_FIELDS) return INVALID_ARGUMENT;
    if (!sites[id].name) {
        snprintf(names[id], sizeof names[id], "field:%u", id);
        sites[id].name = names[id];
    }
    int rc = play(&sites[id], device->index);
    if (rc != SUCCESS) return rc;
    const field_override_t *override = &device->fields[id];
    if (override->known) {
        out->value_type = override->type;
        out->value = override->value;
        return SUCCESS;
    }
    return device->parent ? NOT_SUPPORTED : own_field(device, out);
}

EXPORT int nvmlDeviceGetFieldValues(device_t *device, int count, field_value_t *fields) {
    DEVICE_CALL(device, if (count < 1 || !fields) rc = INVALID_ARGUMENT; else {
        long long now = epoch_us();
        for (int i = 0; i < count; i++) {
            fields[i].timestamp = now;
            fields[i].latency_us = LATENCY_US;
            fields[i].rc = field_value(device, &fields[i]);
        }
        if (device->writes_past_the_end) memset(&fields[count], 0xee, sizeof fields[count]);
    });
}
