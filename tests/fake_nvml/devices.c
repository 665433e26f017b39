/*
 * What the devices are: their values, texts, processes, and MIG devices.
 */
#include "fake.h"

#include <stdio.h>
#include <string.h>

device_t fake_devices[SLOTS];
int fake_listed[MAX_DEVICES], fake_listed_count;
char fake_driver_version[TEXT];
int fake_early_fields;

static const struct { const char *name; size_t offset; long long first, step; } keys[] = {
#define KEY(name, first, step) {#name, offsetof(device_t, name), first, step},
    KEYS(KEY)
#undef KEY
};
#define KEY_COUNT (int)(sizeof keys / sizeof *keys)

static const struct { int metric; double first, step; } gpm_values[] = {
    {1, 60.5, 1},   {2, 30.5, 1},    {3, 20.25, 1},   {5, 10.125, 1},  {10, 40.75, 1},  {11, 1.5, 0.5},
    {12, 11.5, 1},  {13, 21.5, 1},   {20, 1000.5, 1}, {21, 2000.5, 1}, {60, 3000.5, 1}, {61, 4000.5, 1},
};

static long long *value_of(device_t *device, int key) { return (long long *)((char *)device + keys[key].offset); }

static int find_key(const char *name) {
    for (int i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].name, name) == 0) return i;
    return -1;
}

/* Drivers before 580.82 have some fields under other numbers. */
static void set_driver_version(const char *version) {
    int major = 0, minor = 0;
    snprintf(fake_driver_version, sizeof fake_driver_version, "%s", version);
    sscanf(version, "%d.%d", &major, &minor);
    fake_early_fields = major < 580 || (major == 580 && minor < 82);
}

void reset_devices(int count) {
    memset(fake_devices, 0, sizeof fake_devices);
    set_driver_version(DRIVER_VERSION);
    for (int i = 0; i < SLOTS; i++) fake_devices[i].index = i;
    fake_listed_count = count < MAX_DEVICES ? count : MAX_DEVICES;
    for (int i = 0; i < MAX_DEVICES; i++) {
        device_t *device = &fake_devices[i];
        fake_listed[i] = i;
        device->present = 1;
        device->gpu_instance = device->compute_instance = NO_INSTANCE;
        snprintf(device->uuid, TEXT, "GPU-00000000-0000-4000-8000-%012d", i);
        snprintf(device->name, TEXT, "NVIDIA H100 80GB HBM3");
        snprintf(device->serial, TEXT, "16522230%05d", i);
        snprintf(device->vbios, TEXT, "96.00.5E.00.%02X", i);
        for (int key = 0; key < KEY_COUNT; key++) *value_of(device, key) = keys[key].first + i * keys[key].step;
        for (size_t j = 0; j < sizeof gpm_values / sizeof *gpm_values; j++) {
            device->gpm_known[gpm_values[j].metric] = 1;
            device->gpm[gpm_values[j].metric] = gpm_values[j].first + i * gpm_values[j].step;
        }
    }
}

static int in_range(int index) { return index >= 0 && index < SLOTS; }

/* Each of these returns 0 when there is no such device or value. */

EXPORT int fake_set(int index, const char *name, long long value) {
    int key = find_key(name);
    if (key < 0 || !in_range(index)) return 0;
    fake_lock();
    *value_of(&fake_devices[index], key) = value;
    fake_unlock();
    return 1;
}

EXPORT int fake_get(int index, const char *name, long long *value) {
    int key = find_key(name);
    if (key < 0 || !in_range(index)) return 0;
    fake_lock();
    *value = *value_of(&fake_devices[index], key);
    fake_unlock();
    return 1;
}

/* Adds to a value; in a counter of fewer than 64 bits it wraps. */
EXPORT int fake_add(int index, const char *name, long long amount, int bits) {
    int key = find_key(name);
    if (key < 0 || !in_range(index)) return 0;
    fake_lock();
    long long *value = value_of(&fake_devices[index], key);
    *value += amount;
    if (bits < 64) *value &= (1LL << bits) - 1;
    fake_unlock();
    return 1;
}

EXPORT const char *fake_key(int position) { return position < KEY_COUNT ? keys[position].name : NULL; }

EXPORT int fake_set_text(int index, const char *name, const char *text) {
    static const struct { const char *name; size_t offset; } texts[] = {
        {"uuid", offsetof(device_t, uuid)},
        {"name", offsetof(device_t, name)},
        {"serial", offsetof(device_t, serial)},
        {"vbios", offsetof(device_t, vbios)},
    };
    if (!in_range(index)) return 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].name, name) == 0) {
            fake_lock();
            snprintf((char *)&fake_devices[index] + texts[i].offset, TEXT, "%s", text);
            fake_unlock();
            return 1;
        }
    return 0;
}

EXPORT void fake_set_driver_version(const char *version) {
    fake_lock();
    set_driver_version(version);
    fake_unlock();
}

/* Which devices NVML lists, and in which order. */
EXPORT int fake_list(int count, const int *devices) {
    if (count < 0 || count > MAX_DEVICES) return 0;
    for (int i = 0; i < count; i++)
        if (devices[i] < 0 || devices[i] >= MAX_DEVICES) return 0;
    fake_lock();
    fake_listed_count = count;
    memcpy(fake_listed, devices, sizeof *devices * (size_t)count);
    fake_unlock();
    return 1;
}

EXPORT int fake_set_processes(int index, int graphics, int count, const process_t *processes) {
    if (!in_range(index) || count < 0 || count > MAX_PROCESSES) return 0;
    fake_lock();
    device_t *device = &fake_devices[index];
    memcpy(graphics ? device->graphics : device->compute, processes, sizeof *processes * (size_t)count);
    *(graphics ? &device->graphics_count : &device->compute_count) = count;
    fake_unlock();
    return 1;
}

EXPORT int fake_set_process_samples(int index, int count, const process_sample_t *samples) {
    if (!in_range(index) || count < 0 || count > MAX_PROCESSES) return 0;
    fake_lock();
    memcpy(fake_devices[index].process_samples, samples, sizeof *samples * (size_t)count);
    fake_devices[index].process_sample_count = count;
    fake_unlock();
    return 1;
}

/* What a field answers instead of the value it has by itself, in any scope. */
EXPORT int fake_set_field(int index, int field, unsigned type, const value_t *value) {
    if (!in_range(index) || field < 0 || field >= MAX_FIELDS) return 0;
    fake_lock();
    fake_devices[index].fields[field] = (field_override_t){1, type, *value};
    fake_unlock();
    return 1;
}

EXPORT int fake_set_gpm(int index, int metric, double value) {
    if (!in_range(index) || metric < 0 || metric >= MAX_GPM_METRICS) return 0;
    fake_lock();
    fake_devices[index].gpm_known[metric] = 1;
    fake_devices[index].gpm[metric] = value;
    fake_unlock();
    return 1;
}

/* MIG mode off, without MIG devices. */
EXPORT int fake_mig_off(int index) {
    if (index < 0 || index >= MAX_DEVICES) return 0;
    fake_lock();
    fake_devices[index].mig_mode = fake_devices[index].mig_pending_mode = 0;
    for (int slot = 0; slot < MAX_INSTANCES; slot++)
        fake_devices[MAX_DEVICES + index * MAX_INSTANCES + slot].present = 0;
    fake_unlock();
    return 1;
}

static void make_instance(device_t *instance, device_t *parent, unsigned gi, unsigned ci, const char *profile) {
    int index = instance->index;
    char gpu[TEXT];
    memcpy(gpu, parent->name, sizeof gpu);
    memset(instance, 0, sizeof *instance);
    instance->index = index;
    instance->parent = parent;
    instance->present = 1;
    instance->gpu_instance = gi;
    instance->compute_instance = ci;
    instance->own_memory = instance->own_utilization = -1;
    snprintf(instance->uuid, TEXT, "MIG-%08d-%04u-%04u-8000-000000000000", parent->index, gi, ci);
    snprintf(instance->name, TEXT, "%.60s MIG %.24s", gpu, profile);
    for (size_t i = 0; i < sizeof gpm_values / sizeof *gpm_values; i++) {
        instance->gpm_known[gpm_values[i].metric] = gpm_values[i].metric < 20; /* no traffic of an instance */
        instance->gpm[gpm_values[i].metric] = gpm_values[i].first + gi * gpm_values[i].step;
    }
}

/* MIG mode on, with one more MIG device in a slot. */
EXPORT int fake_mig_add(
    int index, int slot, unsigned gi, unsigned ci, long long total, long long used, const char *profile) {
    if (index < 0 || index >= MAX_DEVICES || slot < 0 || slot >= MAX_INSTANCES) return 0;
    fake_lock();
    device_t *parent = &fake_devices[index];
    device_t *instance = &fake_devices[MAX_DEVICES + index * MAX_INSTANCES + slot];
    parent->mig_mode = parent->mig_pending_mode = 1;
    make_instance(instance, parent, gi, ci, profile);
    instance->total = total;
    instance->used = used;
    fake_unlock();
    return 1;
}

device_t *instance_of(device_t *parent, unsigned gpu_instance) {
    for (int slot = 0; slot < MAX_INSTANCES; slot++) {
        device_t *instance = &fake_devices[MAX_DEVICES + parent->index * MAX_INSTANCES + slot];
        if (instance->present && instance->gpu_instance == gpu_instance) return instance;
    }
    return NULL;
}

int copy_text(char *out, unsigned length, const char *text) {
    if (strlen(text) + 1 > length) return INSUFFICIENT_SIZE;
    strcpy(out, text);
    return SUCCESS;
}
