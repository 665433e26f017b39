/* The values of a device in NVML's own units: name, value of the first device, step from device to device. */
#pragma once

#define KEYS(KEY)                                                                       \
    /* utilisation, % */                                                                \
    KEY(utilization, 50, 1)                                                             \
    KEY(memory_utilization, 20, 0)                                                      \
    KEY(encoder_utilization, 3, 1)                                                      \
    KEY(decoder_utilization, 23, 1)                                                     \
    KEY(jpeg_utilization, 43, 1)                                                        \
    KEY(optical_flow_utilization, 63, 1)                                                \
    /* memory, By; the default of `used` is 10 GiB and one more per device */           \
    KEY(total, 80LL << 30, 0)                                                           \
    KEY(used, 10LL << 30, 1LL << 30)                                                    \
    KEY(reserved, 512LL << 20, 0)                                                       \
    /* power, mW, and energy, mJ */                                                     \
    KEY(power, 300000, 1)                                                               \
    KEY(power_instant, 350000, 1)                                                       \
    KEY(power_limit, 700000, -1000)                                                     \
    KEY(energy, 1000000, 1000000)                                                       \
    /* temperatures, Cel; tlimit: where the margin is 0; offset_*: T.Limit offsets */   \
    KEY(temperature, 40, 1)                                                             \
    KEY(memory_temperature, 60, 1)                                                      \
    KEY(tlimit, 87, 0)                                                                  \
    KEY(offset_shutdown, -8, 0)                                                         \
    KEY(offset_slowdown, -2, 0)                                                         \
    KEY(offset_memory_max, 0, 0)                                                        \
    KEY(offset_gpu_max, 0, 0)                                                           \
    KEY(threshold_shutdown, 95, 0)                                                      \
    KEY(threshold_slowdown, 89, 0)                                                      \
    KEY(threshold_memory_max, 105, 0)                                                   \
    KEY(threshold_gpu_max, 87, 0)                                                       \
    /* clocks, MHz */                                                                   \
    KEY(clock_graphics, 1700, 1)                                                        \
    KEY(clock_sm, 1720, 1)                                                              \
    KEY(clock_memory, 2600, 1)                                                          \
    KEY(clock_video, 1500, 1)                                                           \
    KEY(max_clock_graphics, 1980, 0)                                                    \
    KEY(max_clock_sm, 1980, 0)                                                          \
    KEY(max_clock_memory, 2619, 0)                                                      \
    KEY(max_clock_video, 1545, 0)                                                       \
    KEY(performance_state, 0, 0)                                                        \
    /* throttling: a bit mask of reasons, and ns by reason */                           \
    KEY(event_reasons, 0, 0)                                                            \
    KEY(supported_event_reasons, 0x1ff, 0)                                              \
    KEY(throttled_power, 1000000000, 100000000)                                         \
    KEY(throttled_thermal, 2000000000, 100000000)                                       \
    KEY(throttled_sync_boost, 3000000000, 100000000)                                    \
    KEY(throttled_board_limit, 4000000000, 100000000)                                   \
    KEY(throttled_low_utilization, 5000000000, 100000000)                               \
    KEY(throttled_reliability, 6000000000, 100000000)                                   \
    KEY(throttled_sw_thermal, 7000000000, 100000000)                                    \
    KEY(throttled_hw_thermal, 8000000000, 100000000)                                    \
    KEY(throttled_hw_power_brake, 9000000000, 100000000)                                \
    /* PCI Express; bytes are counters, the replay counter has 32 bits */               \
    KEY(bus, 0x08, 0x0c)                                                                \
    KEY(pcie_generation, 5, 0)                                                          \
    KEY(pcie_width, 16, 0)                                                              \
    KEY(pcie_max_generation, 5, 0)                                                      \
    KEY(pcie_max_width, 16, 0)                                                          \
    KEY(pcie_replay, 5, 1)                                                              \
    KEY(pcie_tx_bytes, 50000000000, 1000000)                                            \
    KEY(pcie_rx_bytes, 60000000000, 1000000)                                            \
    /* NVLink: links, a bit mask of those that are up, KiB over all links */            \
    KEY(nvlink_count, 18, 0)                                                            \
    KEY(nvlink_active, (1 << 18) - 1, 0)                                                \
    KEY(nvlink_tx, 7000000, 1000)                                                       \
    KEY(nvlink_rx, 8000000, 1000)                                                       \
    /* fans, % */                                                                       \
    KEY(fans, 2, 0)                                                                     \
    KEY(fan0, 30, 1)                                                                    \
    KEY(fan1, 50, 1)                                                                    \
    KEY(fan2, 70, 1)                                                                    \
    KEY(fan3, 90, 0)                                                                    \
    /* errors; volatile: since the driver was loaded, aggregate: of the device's life */ \
    KEY(ecc_mode, 1, 0)                                                                 \
    KEY(ecc_pending_mode, 1, 0)                                                         \
    KEY(ecc_corrected_volatile, 10, 1)                                                  \
    KEY(ecc_uncorrected_volatile, 0, 0)                                                 \
    KEY(ecc_corrected_aggregate, 110, 1)                                                \
    KEY(ecc_uncorrected_aggregate, 1, 0)                                                \
    KEY(remapped_corrected, 2, 0)                                                       \
    KEY(remapped_uncorrected, 1, 0)                                                     \
    KEY(remap_pending, 0, 0)                                                            \
    KEY(remap_failure, 0, 0)                                                            \
    KEY(recovery_action, 0, 0)                                                          \
    /* identity */                                                                      \
    KEY(minor_number, 0, 1)                                                             \
    KEY(compute_capability_major, 9, 0)                                                 \
    KEY(compute_capability_minor, 0, 0)                                                 \
    /* what the device has at all */                                                    \
    KEY(event_types, 0x1f, 0)                                                           \
    KEY(gpm_supported, 1, 0)                                                            \
    KEY(mig_supported, 1, 0)                                                            \
    KEY(mig_mode, 0, 0)                                                                 \
    KEY(mig_pending_mode, 0, 0)                                                         \
    /* behaviour: the code that a lost device answers to everything; whether field values are written past the end; */ \
    /* whether the size call of the process utilisation says "success" when there is none; the process that asks */ \
    /* is on the device with that much memory (By) and utilisation (%), -1: it is not */ \
    KEY(lost, 0, 0)                                                                     \
    KEY(writes_past_the_end, 0, 0)                                                      \
    KEY(process_size_succeeds, 0, 0)                                                    \
    KEY(own_memory, -1, 0)                                                              \
    KEY(own_utilization, -1, 0)
