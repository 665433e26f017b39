/*
 * NVML: initialisation, handles, identity.
 */
#include "fake.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

EXPORT int nvmlInitWithFlags(unsigned flags) {
    static site_t site = {.name = __func__};
    (void)flags;
    fake_lock();
    int rc = play(&site, ANY);
    if (rc == SUCCESS) fake_reference_count++;
    return leave(rc);
}

EXPORT int nvmlShutdown(void) { CALL(fake_reference_count--); }

EXPORT const char *nvmlErrorString(int rc) {
    (void)rc;
    return "fake error";
}

EXPORT int nvmlSystemGetDriverVersion(char *out, unsigned length) {
    CALL(rc = copy_text(out, length, fake_driver_version));
}

EXPORT int nvmlDeviceGetCount_v2(unsigned *count) { CALL(*count = (unsigned)fake_listed_count); }

/* Counted under the device found; under no device when none is. */
static int find(site_t *site, device_t *device, int otherwise, device_t **out) {
    if (!device) {
        int rc = enter(site);
        return leave(rc == SUCCESS ? otherwise : rc);
    }
    int rc = enter_device(site, device);
    if (rc == SUCCESS) *out = device;
    return leave(rc);
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, device_t **out) {
    static site_t site = {.name = __func__};
    fake_lock();
    device_t *device = index < (unsigned)fake_listed_count ? &fake_devices[fake_listed[index]] : NULL;
    fake_unlock();
    return find(&site, device, INVALID_ARGUMENT, out);
}

static int is_listed(const device_t *device) {
    for (int i = 0; i < fake_listed_count; i++)
        if (fake_listed[i] == device->index) return 1;
    return 0;
}

EXPORT int nvmlDeviceGetIndex(device_t *device, unsigned *out) {
    DEVICE_CALL(device, rc = NOT_FOUND; for (int i = 0; i < fake_listed_count; i++)
        if (fake_listed[i] == board(device)->index) { *out = (unsigned)i; rc = SUCCESS; });
}

/* Whole UUIDs only, of GPUs and of MIG devices. */
EXPORT int nvmlDeviceGetHandleByUUID(const char *uuid, device_t **out) {
    static site_t site = {.name = __func__};
    device_t *found = NULL;
    if (!uuid) return INVALID_ARGUMENT;
    fake_lock();
    for (int i = 0; i < SLOTS && !found; i++)
        if (fake_devices[i].present && is_listed(board(&fake_devices[i])) && strcmp(fake_devices[i].uuid, uuid) == 0)
            found = &fake_devices[i];
    fake_unlock();
    return find(&site, found, NOT_FOUND, out);
}

/* domain:bus:device.function, in hexadecimal, the domain of four or eight digits. */
EXPORT int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, device_t **out) {
    static site_t site = {.name = __func__};
    unsigned domain, bus, unit, function = 0;
    device_t *found = NULL;
    int valid = bus_id && sscanf(bus_id, "%x:%x:%x.%x", &domain, &bus, &unit, &function) >= 3;
    fake_lock();
    for (int i = 0; valid && i < fake_listed_count; i++)
        if (!domain && !unit && !function && fake_devices[fake_listed[i]].bus == (long long)bus)
            found = &fake_devices[fake_listed[i]];
    fake_unlock();
    return find(&site, found, valid ? NOT_FOUND : INVALID_ARGUMENT, out);
}

EXPORT int nvmlDeviceGetName(device_t *device, char *out, unsigned length) {
    DEVICE_CALL(device, rc = copy_text(out, length, device->name));
}

EXPORT int nvmlDeviceGetUUID(device_t *device, char *out, unsigned length) {
    DEVICE_CALL(device, rc = copy_text(out, length, device->uuid));
}

/* An empty serial number: the board has none. */
EXPORT int nvmlDeviceGetSerial(device_t *device, char *out, unsigned length) {
    DEVICE_CALL(device, rc = *board(device)->serial ? copy_text(out, length, board(device)->serial) : NOT_SUPPORTED);
}

EXPORT int nvmlDeviceGetVbiosVersion(device_t *device, char *out, unsigned length) {
    DEVICE_CALL(device, rc = copy_text(out, length, board(device)->vbios));
}

EXPORT int nvmlDeviceGetMinorNumber(device_t *device, unsigned *out) {
    BOARD_CALL(device, *out = (unsigned)device->minor_number);
}

EXPORT int nvmlDeviceGetCudaComputeCapability(device_t *device, int *major, int *minor) {
    DEVICE_CALL(device, *major = (int)board(device)->compute_capability_major,
                *minor = (int)board(device)->compute_capability_minor);
}

typedef struct {
    char bus_id_legacy[16];
    unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
} pci_info_t;

_Static_assert(sizeof(pci_info_t) == 68, "nvmlPciInfo_t");

EXPORT int nvmlDeviceGetPciInfo_v3(device_t *device, pci_info_t *out) {
    DEVICE_CALL(device, unsigned bus = (unsigned)board(device)->bus & 0xff; memset(out, 0, sizeof *out); out->bus = bus;
                out->pci_device_id = 0x233010de; out->pci_subsystem_id = 0x16c110de;
                snprintf(out->bus_id_legacy, sizeof out->bus_id_legacy, "0000:%02X:00.0", bus);
                snprintf(out->bus_id, sizeof out->bus_id, "00000000:%02X:00.0", bus));
}
