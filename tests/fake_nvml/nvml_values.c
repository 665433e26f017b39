/*
 * NVML: one value per call.
 */
#include "fake.h"

typedef struct { unsigned gpu, memory; } utilization_t;
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2_t;
typedef struct { unsigned version; unsigned sensor; int temperature; } temperature_v1_t;
typedef struct { unsigned version; int margin; } margin_v1_t;

_Static_assert(sizeof(memory_v2_t) == 0x28, "nvmlMemory_v2_t");
_Static_assert(sizeof(temperature_v1_t) == 0x0c, "nvmlTemperature_v1_t");
_Static_assert(sizeof(margin_v1_t) == 0x08, "nvmlMarginTemperature_v1_t");

#define MEMORY_V2 0x02000028u
#define TEMPERATURE_V1 0x0100000cu
#define MARGIN_V1 0x01000008u
#define SAMPLING_PERIOD_US 167000u

/* A number of the GPU as a whole. */
#define NUMBER(function, key) \
    EXPORT int function(device_t *device, unsigned *out) { BOARD_CALL(device, *out = (unsigned)device->key); }

/* The same in 64 bits. */
#define WIDE_NUMBER(function, key)                                          \
    EXPORT int function(device_t *device, unsigned long long *out) {        \
        BOARD_CALL(device, *out = (unsigned long long)device->key);         \
    }

/* A utilisation and the driver's sampling period; nothing in MIG mode knows one. */
#define ENGINE(function, key)                                                                              \
    EXPORT int function(device_t *device, unsigned *out, unsigned *period) {                               \
        DEVICE_CALL(device, if (in_mig_mode(device)) rc = NOT_SUPPORTED;                                   \
                    else { *out = (unsigned)device->key; *period = SAMPLING_PERIOD_US; });                 \
    }

EXPORT int nvmlDeviceGetUtilizationRates(device_t *device, utilization_t *out) {
    DEVICE_CALL(device, if (in_mig_mode(device)) rc = NOT_SUPPORTED; else {
        out->gpu = (unsigned)device->utilization;
        out->memory = (unsigned)device->memory_utilization;
    });
}

ENGINE(nvmlDeviceGetEncoderUtilization, encoder_utilization)
ENGINE(nvmlDeviceGetDecoderUtilization, decoder_utilization)

/* The first version counts the reserved bytes as used. */
EXPORT int nvmlDeviceGetMemoryInfo(device_t *device, memory_t *out) {
    DEVICE_CALL(device, out->total = (unsigned long long)device->total;
                out->used = (unsigned long long)(device->used + device->reserved); out->free = out->total - out->used);
}

NUMBER(nvmlDeviceGetPowerUsage, power)
NUMBER(nvmlDeviceGetEnforcedPowerLimit, power_limit)
NUMBER(nvmlDeviceGetPerformanceState, performance_state)
NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, pcie_generation)
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, pcie_width)
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, pcie_max_generation)
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, pcie_max_width)
NUMBER(nvmlDeviceGetPcieReplayCounter, pcie_replay)
NUMBER(nvmlDeviceGetNumFans, fans)

WIDE_NUMBER(nvmlDeviceGetTotalEnergyConsumption, energy)

/* MIG devices call the sensor an invalid argument. */
EXPORT int nvmlDeviceGetTemperature(device_t *device, unsigned sensor, unsigned *out) {
    DEVICE_CALL(device, if (sensor != 0 || device->parent) rc = INVALID_ARGUMENT;
                else *out = (unsigned)device->temperature);
}

EXPORT int nvmlDeviceGetTemperatureThreshold(device_t *device, unsigned threshold, unsigned *out) {
    BOARD_CALL(device, switch (threshold) {
        case 0: *out = (unsigned)device->threshold_shutdown; break;
        case 1: *out = (unsigned)device->threshold_slowdown; break;
        case 2: *out = (unsigned)device->threshold_memory_max; break;
        case 3: *out = (unsigned)device->threshold_gpu_max; break;
        default: rc = threshold < 8 ? NOT_SUPPORTED : INVALID_ARGUMENT;
    });
}

EXPORT int nvmlDeviceGetClockInfo(device_t *device, unsigned clock, unsigned *out) {
    BOARD_CALL(device, switch (clock) {
        case 0: *out = (unsigned)device->clock_graphics; break;
        case 1: *out = (unsigned)device->clock_sm; break;
        case 2: *out = (unsigned)device->clock_memory; break;
        case 3: *out = (unsigned)device->clock_video; break;
        default: rc = INVALID_ARGUMENT;
    });
}

EXPORT int nvmlDeviceGetMaxClockInfo(device_t *device, unsigned clock, unsigned *out) {
    BOARD_CALL(device, switch (clock) {
        case 0: *out = (unsigned)device->max_clock_graphics; break;
        case 1: *out = (unsigned)device->max_clock_sm; break;
        case 2: *out = (unsigned)device->max_clock_memory; break;
        case 3: *out = (unsigned)device->max_clock_video; break;
        default: rc = INVALID_ARGUMENT;
    });
}

/* The names of the event reasons that all drivers have. */
WIDE_NUMBER(nvmlDeviceGetCurrentClocksThrottleReasons, event_reasons)
WIDE_NUMBER(nvmlDeviceGetSupportedClocksThrottleReasons, supported_event_reasons)

/* Measures for 20 ms what passes in one direction, KiB/s. Nobody who reads regularly should call it. */
EXPORT int nvmlDeviceGetPcieThroughput(device_t *device, unsigned counter, unsigned *out) {
    BOARD_CALL(device, if (counter > 1) rc = INVALID_ARGUMENT; else { nap(20); *out = counter ? 2000 : 1000; });
}

EXPORT int nvmlDeviceGetFanSpeed_v2(device_t *device, unsigned fan, unsigned *out) {
    BOARD_CALL(device, const long long speeds[] = {device->fan0, device->fan1, device->fan2, device->fan3};
               if (fan >= 4 || fan >= device->fans) rc = INVALID_ARGUMENT; else *out = (unsigned)speeds[fan]);
}

EXPORT int nvmlDeviceGetEccMode(device_t *device, unsigned *current, unsigned *pending) {
    BOARD_CALL(device, *current = (unsigned)device->ecc_mode; *pending = (unsigned)device->ecc_pending_mode);
}

/* error: 0 corrected, 1 uncorrected; counter: 0 volatile, 1 aggregate. */
EXPORT int nvmlDeviceGetTotalEccErrors(device_t *device, unsigned error, unsigned counter, unsigned long long *out) {
    BOARD_CALL(device, const long long errors[2][2] = {
                           {device->ecc_corrected_volatile, device->ecc_corrected_aggregate},
                           {device->ecc_uncorrected_volatile, device->ecc_uncorrected_aggregate}};
               if (error > 1 || counter > 1) rc = INVALID_ARGUMENT;
               else if (!device->ecc_mode) rc = NOT_SUPPORTED;
               else *out = (unsigned long long)errors[error][counter]);
}

EXPORT int nvmlDeviceGetRemappedRows(
    device_t *device, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failure) {
    DEVICE_CALL(device, if (in_mig_mode(device)) rc = NOT_SUPPORTED; else {
        *corrected = (unsigned)device->remapped_corrected;
        *uncorrected = (unsigned)device->remapped_uncorrected;
        *pending = (unsigned)device->remap_pending;
        *failure = (unsigned)device->remap_failure;
    });
}

EXPORT int nvmlDeviceGetNvLinkState(device_t *device, unsigned link, unsigned *out) {
    BOARD_CALL(device, if (link >= device->nvlink_count) rc = INVALID_ARGUMENT;
               else *out = (unsigned)(device->nvlink_active >> link & 1));
}

#ifndef OLD_DRIVER
ENGINE(nvmlDeviceGetJpgUtilization, jpeg_utilization)
ENGINE(nvmlDeviceGetOfaUtilization, optical_flow_utilization)

EXPORT int nvmlDeviceGetMemoryInfo_v2(device_t *device, memory_v2_t *out) {
    DEVICE_CALL(device, if (out->version != MEMORY_V2) rc = VERSION_MISMATCH; else {
        out->total = (unsigned long long)device->total;
        out->used = (unsigned long long)device->used;
        out->reserved = (unsigned long long)device->reserved;
        out->free = out->total - out->used - out->reserved;
    });
}

EXPORT int nvmlDeviceGetTemperatureV(device_t *device, temperature_v1_t *out) {
    DEVICE_CALL(device, if (out->version != TEMPERATURE_V1) rc = VERSION_MISMATCH;
                else if (out->sensor != 0 || device->parent) rc = INVALID_ARGUMENT;
                else out->temperature = (int)device->temperature);
}

EXPORT int nvmlDeviceGetMarginTemperature(device_t *device, margin_v1_t *out) {
    BOARD_CALL(device, if (out->version != MARGIN_V1) rc = VERSION_MISMATCH;
               else out->margin = (int)(device->tlimit - device->temperature));
}

WIDE_NUMBER(nvmlDeviceGetCurrentClocksEventReasons, event_reasons)
WIDE_NUMBER(nvmlDeviceGetSupportedClocksEventReasons, supported_event_reasons)
#endif
