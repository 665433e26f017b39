/*
 * NVML: MIG mode and the MIG devices of a GPU.
 */
#include "fake.h"

EXPORT int nvmlDeviceGetMigMode(device_t *device, unsigned *current, unsigned *pending) {
    BOARD_CALL(device, if (!device->mig_supported) rc = NOT_SUPPORTED; else {
        *current = (unsigned)device->mig_mode;
        *pending = (unsigned)device->mig_pending_mode;
    });
}

/* 0 without MIG mode. */
EXPORT int nvmlDeviceGetMaxMigDeviceCount(device_t *device, unsigned *out) {
    BOARD_CALL(device, *out = device->mig_mode ? MAX_INSTANCES : 0);
}

EXPORT int nvmlDeviceGetMigDeviceHandleByIndex(device_t *device, unsigned index, device_t **out) {
    BOARD_CALL(device, if (!device->mig_mode) rc = NOT_SUPPORTED;
               else if (index >= MAX_INSTANCES) rc = INVALID_ARGUMENT;
               else {
                   device_t *instance = &fake_devices[MAX_DEVICES + device->index * MAX_INSTANCES + (int)index];
                   if (instance->present) *out = instance; else rc = NOT_FOUND;
               });
}

EXPORT int nvmlDeviceIsMigDeviceHandle(device_t *device, unsigned *out) {
    DEVICE_CALL(device, *out = device->parent != NULL);
}

EXPORT int nvmlDeviceGetGpuInstanceId(device_t *device, unsigned *out) {
    DEVICE_CALL(device, if (device->parent) *out = device->gpu_instance; else rc = NOT_SUPPORTED);
}

EXPORT int nvmlDeviceGetComputeInstanceId(device_t *device, unsigned *out) {
    DEVICE_CALL(device, if (device->parent) *out = device->compute_instance; else rc = NOT_SUPPORTED);
}

EXPORT int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(device_t *device, device_t **out) {
    DEVICE_CALL(device, if (device->parent) *out = device->parent; else rc = INVALID_ARGUMENT);
}
