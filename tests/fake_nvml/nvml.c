/*
 * A libnvidia-ml.so.1 without a driver, for tests: the functions this project calls, with the struct layouts (written
 * by hand from the documented ABI) and the version checks of the real library.
 *
 * -DOLD_DRIVER leaves out what drivers of the 4xx series do not export.
 */
#include "fake.h"

#include <stdio.h>
#include <string.h>

typedef struct { unsigned gpu, memory; } utilization_t;
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2_t;
typedef struct { unsigned version; unsigned sensor; int temperature; } temperature_v1_t;
typedef struct {
    unsigned field_id, scope_id;
    long long timestamp, latency_us;
    unsigned value_type;
    int rc;
    union { double d; int si; unsigned ui; unsigned long ul; unsigned long long ull; long long sll; unsigned short us; } value;
} field_value_t;

_Static_assert(sizeof(memory_v2_t) == 0x28, "nvmlMemory_v2_t");
_Static_assert(sizeof(temperature_v1_t) == 0x0c, "nvmlTemperature_v1_t");
_Static_assert(sizeof(field_value_t) == 40, "nvmlFieldValue_t");

#define MEMORY_V2 0x02000028u
#define TEMPERATURE_V1 0x0100000cu
#define FIELD_ENERGY 83
#define FIELD_POWER_INSTANT 186

/* Runs the body when the call may succeed. */
#define CALL(device, ...)                              \
    do {                                               \
        int rc = enter(__func__, device);              \
        if (rc != SUCCESS) return leave(rc);           \
        __VA_ARGS__;                                   \
        return leave(SUCCESS);                         \
    } while (0)

EXPORT int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    int rc = enter(__func__, NULL);
    if (rc != SUCCESS && rc != UNINITIALIZED) return leave(rc);
    fake_reference_count++;
    return leave(SUCCESS);
}

EXPORT int nvmlShutdown(void) { CALL(NULL, fake_reference_count--); }

EXPORT const char *nvmlErrorString(int rc) { (void)rc; return "fake error"; }

static int copy_text(char *out, unsigned length, const char *text) {
    if (strlen(text) + 1 > length) return INSUFFICIENT_SIZE;
    strcpy(out, text);
    return SUCCESS;
}

EXPORT int nvmlSystemGetDriverVersion(char *out, unsigned length) {
    int rc = enter(__func__, NULL);
    return leave(rc == SUCCESS ? copy_text(out, length, "570.86.15") : rc);
}

EXPORT int nvmlDeviceGetCount_v2(unsigned *count) { CALL(NULL, *count = (unsigned)fake_device_count); }

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, device_t **device) {
    if (index >= (unsigned)fake_device_count) return INVALID_ARGUMENT;
    CALL(&fake_devices[index], *device = &fake_devices[index]);
}

EXPORT int nvmlDeviceGetName(device_t *device, char *out, unsigned length) {
    int rc = enter(__func__, device);
    return leave(rc == SUCCESS ? copy_text(out, length, device->name) : rc);
}

EXPORT int nvmlDeviceGetUUID(device_t *device, char *out, unsigned length) {
    int rc = enter(__func__, device);
    return leave(rc == SUCCESS ? copy_text(out, length, device->uuid) : rc);
}

EXPORT int nvmlDeviceGetUtilizationRates(device_t *device, utilization_t *out) {
    CALL(device, out->gpu = (unsigned)device->utilization, out->memory = (unsigned)device->memory_utilization);
}

/* The first version counts the reserved bytes as used. */
EXPORT int nvmlDeviceGetMemoryInfo(device_t *device, memory_t *out) {
    CALL(device, out->total = (unsigned long long)device->total,
         out->used = (unsigned long long)(device->used + device->reserved), out->free = out->total - out->used);
}

EXPORT int nvmlDeviceGetPowerUsage(device_t *device, unsigned *out) { CALL(device, *out = (unsigned)device->power); }

EXPORT int nvmlDeviceGetTemperature(device_t *device, unsigned sensor, unsigned *out) {
    if (sensor != 0) return INVALID_ARGUMENT;
    CALL(device, *out = (unsigned)device->temperature);
}

#ifdef OLD_DRIVER
#define KNOWS_FIELDS 0
#else
#define KNOWS_FIELDS 1

EXPORT int nvmlDeviceGetMemoryInfo_v2(device_t *device, memory_v2_t *out) {
    if (out->version != MEMORY_V2) return VERSION_MISMATCH;
    CALL(device, out->total = (unsigned long long)device->total, out->used = (unsigned long long)device->used,
         out->reserved = (unsigned long long)device->reserved, out->free = out->total - out->used - out->reserved);
}

EXPORT int nvmlDeviceGetTemperatureV(device_t *device, temperature_v1_t *out) {
    if (out->version != TEMPERATURE_V1) return VERSION_MISMATCH;
    if (out->sensor != 0) return INVALID_ARGUMENT;
    CALL(device, out->temperature = (int)device->temperature);
}
#endif

EXPORT int nvmlDeviceGetTotalEnergyConsumption(device_t *device, unsigned long long *out) {
    CALL(device, *out = (unsigned long long)device->energy);
}

static int field_value(device_t *device, field_value_t *field) {
    char rule[32];
    snprintf(rule, sizeof rule, "field:%u", field->field_id);
    int rc = play(rule, device->index);
    if (rc != SUCCESS) return rc;
    if (KNOWS_FIELDS && field->field_id == FIELD_POWER_INSTANT && field->scope_id == 0) {
        field->value_type = 1;
        field->value.ui = (unsigned)device->power_instant;
        return SUCCESS;
    }
    if (KNOWS_FIELDS && field->field_id == FIELD_ENERGY) {
        field->value_type = 3;
        field->value.ull = (unsigned long long)device->energy;
        return SUCCESS;
    }
    return NOT_SUPPORTED;
}

EXPORT int nvmlDeviceGetFieldValues(device_t *device, int count, field_value_t *fields) {
    int rc = enter(__func__, device);
    if (rc != SUCCESS) return leave(rc);
    for (int i = 0; i < count; i++) {
        memset(&fields[i].value, 0, sizeof fields[i].value);
        fields[i].rc = field_value(device, &fields[i]);
    }
    return leave(SUCCESS);
}
