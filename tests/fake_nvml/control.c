/*
 * What tests steer while the driver runs: injected errors, delays and hangs, counted calls.
 */
#define _GNU_SOURCE
#include "fake.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_RULES 1024
#define HANG (1 << 20)
#define NANOSECONDS 1000000000LL

typedef struct { char function[64]; int device, rc, sleep_ms, remaining; } rule_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER, announced = PTHREAD_COND_INITIALIZER;
static rule_t rules[MAX_RULES];
static site_t *sites;
int fake_reference_count;
static int rule_count, hanging;
static long long release_round;

void fake_lock(void) { pthread_mutex_lock(&lock); }

void fake_unlock(void) { pthread_mutex_unlock(&lock); }

/* Returns 0 when there are too many rules. */
EXPORT int fake_inject(const char *function, int device, int rc, int sleep_ms, int times) {
    fake_lock();
    int added = rule_count < MAX_RULES;
    if (added) {
        rule_t *rule = &rules[rule_count++];
        snprintf(rule->function, sizeof rule->function, "%s", function);
        rule->device = device;
        rule->rc = rc;
        rule->sleep_ms = sleep_ms;
        rule->remaining = times;
    }
    fake_unlock();
    return added;
}

/* Forgets every rule and lets hanging calls return. */
EXPORT void fake_heal(void) {
    fake_lock();
    rule_count = 0;
    release_round++;
    pthread_cond_broadcast(&released);
    fake_unlock();
}

EXPORT void fake_reset(int count) {
    fake_heal();
    fake_lock();
    for (site_t *site = sites; site; site = site->next) memset(site->calls, 0, sizeof site->calls);
    fake_reference_count = 0;
    reset_devices(count);
    reset_events();
    reset_gpm();
    fake_unlock();
}

/* What a reload of the driver does: every initialisation is gone. */
EXPORT void fake_reload(void) {
    fake_lock();
    fake_reference_count = 0;
    fake_unlock();
}

EXPORT long long fake_calls(const char *function, int device) {
    long long calls = 0;
    fake_lock();
    for (site_t *site = sites; site; site = site->next)
        if (strcmp(site->name, function) == 0)
            for (int i = 0; i <= SLOTS; i++)
                if (device == ANY || device == i) calls += site->calls[i];
    fake_unlock();
    return calls;
}

/* All calls of functions, without the parts (fields, metrics) that are counted besides. */
EXPORT long long fake_all_calls(void) {
    long long calls = 0;
    fake_lock();
    for (site_t *site = sites; site; site = site->next)
        for (int i = 0; i <= SLOTS && !strchr(site->name, ':'); i++) calls += site->calls[i];
    fake_unlock();
    return calls;
}

EXPORT int fake_references(void) {
    fake_lock();
    int value = fake_reference_count;
    fake_unlock();
    return value;
}

EXPORT int fake_hanging(void) {
    fake_lock();
    int value = hanging;
    fake_unlock();
    return value;
}

/* A child of fork has one thread: the mutex may be held and calls may hang in threads it does not have. */
static void after_fork_in_child(void) {
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&released, NULL);
    pthread_cond_init(&announced, NULL);
    hanging = 0;
}

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, after_fork_in_child); }

void nap(int milliseconds) {
    struct timespec pause = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
    fake_unlock();
    nanosleep(&pause, NULL);
    fake_lock();
}

static int apply(const rule_t *rule) {
    int rc = rule->rc, sleep_ms = rule->sleep_ms;
    if (rc == HANG) {
        long long round = release_round;
        hanging++;
        while (round == release_round) pthread_cond_wait(&released, &lock);
        hanging--;
        return SUCCESS;
    }
    if (sleep_ms) nap(sleep_ms);
    return rc;
}

int play(site_t *site, int device) {
    if (!site->registered) {
        site->registered = 1;
        site->next = sites;
        sites = site;
    }
    site->calls[device == ANY ? SLOTS : device]++;
    for (int i = 0; i < rule_count; i++) {
        rule_t *rule = &rules[i];
        if (rule->device != ANY && rule->device != device) continue;
        if (rule->remaining == 0 || strcmp(rule->function, site->name) != 0) continue;
        if (rule->remaining > 0) rule->remaining--;
        return apply(rule);
    }
    return SUCCESS;
}

int enter(site_t *site) {
    fake_lock();
    int rc = play(site, ANY);
    return rc == SUCCESS && fake_reference_count == 0 ? UNINITIALIZED : rc;
}

static int is_device(const device_t *device) {
    uintptr_t offset = (uintptr_t)device - (uintptr_t)fake_devices;
    return offset < sizeof fake_devices && offset % sizeof *device == 0 && device->present;
}

int enter_device(site_t *site, device_t *device) {
    fake_lock();
    int known = is_device(device);
    int rc = play(site, known ? device->index : ANY);
    if (rc != SUCCESS) return rc;
    if (fake_reference_count == 0) return UNINITIALIZED;
    return known ? (int)board(device)->lost : INVALID_ARGUMENT;
}

int leave(int rc) {
    fake_unlock();
    return rc;
}

static long long now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

long long monotonic_ns(void) { return now(CLOCK_MONOTONIC); }

long long epoch_us(void) { return now(CLOCK_REALTIME) / 1000; }

int wait_until(long long deadline) {
    struct timespec time = {deadline / NANOSECONDS, deadline % NANOSECONDS};
    return pthread_cond_clockwait(&announced, &lock, CLOCK_MONOTONIC, &time) == 0;
}

void announce(void) { pthread_cond_broadcast(&announced); }
