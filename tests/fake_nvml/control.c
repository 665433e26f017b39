/*
 * The control surface of the fake driver: values, injected errors, delays and hangs, counted calls.
 *
 * Environment, for programs a test starts (read when the library is loaded):
 *   FAKE_NVML_COUNT=8                                      number of devices, 1 unless given
 *   FAKE_NVML_RULES="function@device=rc[/sleep_ms]; ..."   device * means every device; rc may be "hang"
 */
#define _GNU_SOURCE
#include "fake.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_DEVICES 16
#define MAX_RULES 64
#define MAX_COUNTERS 1024
#define FOREVER (-1)
#define HANG (1 << 20)

typedef struct { char function[64]; int device, rc, sleep_ms, remaining; } rule_t;
typedef struct { char function[64]; int device; long long calls; } counter_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static rule_t rules[MAX_RULES];
static counter_t counters[MAX_COUNTERS];
device_t fake_devices[MAX_DEVICES];
int fake_device_count, fake_reference_count;
static int rule_count, counter_count, hanging;
static long long release_round;

EXPORT void fake_inject(const char *function, int device, int rc, int sleep_ms, int times) {
    pthread_mutex_lock(&lock);
    if (rule_count < MAX_RULES) {
        rule_t *rule = &rules[rule_count++];
        snprintf(rule->function, sizeof rule->function, "%s", function);
        rule->device = device;
        rule->rc = rc;
        rule->sleep_ms = sleep_ms;
        rule->remaining = times;
    }
    pthread_mutex_unlock(&lock);
}

/* Forgets every rule and lets hanging calls return. */
EXPORT void fake_heal(void) {
    pthread_mutex_lock(&lock);
    rule_count = 0;
    release_round++;
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&lock);
}

EXPORT void fake_reset(int count) {
    fake_heal();
    pthread_mutex_lock(&lock);
    memset(fake_devices, 0, sizeof(device_t) * MAX_DEVICES);
    memset(counters, 0, sizeof counters);
    counter_count = fake_reference_count = 0;
    fake_device_count = count < MAX_DEVICES ? count : MAX_DEVICES;
    for (int i = 0; i < fake_device_count; i++) {
        device_t *device = &fake_devices[i];
        device->index = i;
        snprintf(device->uuid, sizeof device->uuid, "GPU-00000000-0000-4000-8000-%012d", i);
        snprintf(device->name, sizeof device->name, "NVIDIA H100 80GB HBM3");
        device->utilization = 50 + i;
        device->memory_utilization = 20;
        device->total = 80LL << 30;
        device->used = (10LL + i) << 30;
        device->reserved = 512LL << 20;
        device->power = 300000 + i;
        device->power_instant = 350000 + i;
        device->energy = 1000000LL * (i + 1);
        device->temperature = 40 + i;
    }
    pthread_mutex_unlock(&lock);
}

/* Sets one value of one device; returns 0 when the name is unknown. */
EXPORT int fake_set(int index, const char *key, long long value) {
    static const struct { const char *key; size_t offset; } keys[] = {
#define KEY(name) { #name, offsetof(device_t, name) }
        KEY(utilization), KEY(memory_utilization), KEY(total), KEY(used), KEY(reserved),
        KEY(power), KEY(power_instant), KEY(energy), KEY(temperature),
#undef KEY
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i].key, key) == 0) {
            pthread_mutex_lock(&lock);
            memcpy((char *)&fake_devices[index] + keys[i].offset, &value, sizeof value);
            pthread_mutex_unlock(&lock);
            return 1;
        }
    return 0;
}

EXPORT void fake_set_text(int index, const char *uuid, const char *name) {
    pthread_mutex_lock(&lock);
    if (uuid) snprintf(fake_devices[index].uuid, sizeof fake_devices[index].uuid, "%s", uuid);
    if (name) snprintf(fake_devices[index].name, sizeof fake_devices[index].name, "%s", name);
    pthread_mutex_unlock(&lock);
}

/* What a reload of the driver does: every initialisation is gone. */
EXPORT void fake_reload(void) {
    pthread_mutex_lock(&lock);
    fake_reference_count = 0;
    pthread_mutex_unlock(&lock);
}

EXPORT long long fake_calls(const char *function, int device) {
    long long calls = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < counter_count; i++)
        if (strcmp(counters[i].function, function) == 0 && (device == ANY || counters[i].device == device))
            calls += counters[i].calls;
    pthread_mutex_unlock(&lock);
    return calls;
}

EXPORT int fake_references(void) {
    pthread_mutex_lock(&lock);
    int value = fake_reference_count;
    pthread_mutex_unlock(&lock);
    return value;
}

EXPORT int fake_hanging(void) {
    pthread_mutex_lock(&lock);
    int value = hanging;
    pthread_mutex_unlock(&lock);
    return value;
}

static void parse_rule(char *text) {
    char function[64] = "", device[16] = "", outcome[32] = "";
    int sleep_ms = 0;
    if (sscanf(text, " %63[^@]@%15[^=]=%31[^/]/%d", function, device, outcome, &sleep_ms) < 3) {
        fprintf(stderr, "FAKE_NVML_RULES: cannot read \"%s\"\n", text);
        abort();
    }
    int rc = strncmp(outcome, "hang", 4) == 0 ? HANG : atoi(outcome);
    fake_inject(function, device[0] == '*' ? ANY : atoi(device), rc, sleep_ms, FOREVER);
}

/* A child of fork has one thread: the mutex may be held and calls may hang in threads it does not have. */
static void after_fork_in_child(void) {
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&released, NULL);
    hanging = 0;
}

__attribute__((constructor)) static void loaded(void) {
    const char *count = getenv("FAKE_NVML_COUNT"), *script = getenv("FAKE_NVML_RULES");
    fake_reset(count ? atoi(count) : 1);
    pthread_atfork(NULL, NULL, after_fork_in_child);
    if (script) {
        char *copy = strdup(script), *state = NULL;
        for (char *rule = strtok_r(copy, ";", &state); rule; rule = strtok_r(NULL, ";", &state))
            parse_rule(rule);
        free(copy);
    }
}

static void count_call(const char *function, int device) {
    for (int i = 0; i < counter_count; i++)
        if (counters[i].device == device && strcmp(counters[i].function, function) == 0) {
            counters[i].calls++;
            return;
        }
    if (counter_count < MAX_COUNTERS) {
        counter_t *counter = &counters[counter_count++];
        snprintf(counter->function, sizeof counter->function, "%s", function);
        counter->device = device;
        counter->calls = 1;
    }
}

static int apply_rule(const char *function, int device) {
    for (int i = 0; i < rule_count; i++) {
        rule_t *rule = &rules[i];
        if (strcmp(rule->function, function) != 0 || (rule->device != ANY && rule->device != device)) continue;
        if (rule->remaining == 0) continue;
        if (rule->remaining > 0) rule->remaining--;
        int rc = rule->rc, sleep_ms = rule->sleep_ms;
        if (rc == HANG) {
            long long round = release_round;
            hanging++;
            while (round == release_round) pthread_cond_wait(&released, &lock);
            hanging--;
            return SUCCESS;
        }
        if (sleep_ms) {
            struct timespec pause = { sleep_ms / 1000, (sleep_ms % 1000) * 1000000L };
            pthread_mutex_unlock(&lock);
            nanosleep(&pause, NULL);
            pthread_mutex_lock(&lock);
        }
        return rc;
    }
    return SUCCESS;
}

int play(const char *function, int device) {
    count_call(function, device);
    return apply_rule(function, device);
}

int enter(const char *function, const device_t *device) {
    pthread_mutex_lock(&lock);
    int rc = play(function, device ? device->index : ANY);
    return rc == SUCCESS && fake_reference_count == 0 ? UNINITIALIZED : rc;
}

int leave(int rc) {
    pthread_mutex_unlock(&lock);
    return rc;
}
