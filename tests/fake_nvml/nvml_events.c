/*
 * NVML: events, of which tests make XIDs.
 */
#include "fake.h"

#include <string.h>

#define XID_CRITICAL_ERROR 0x8ull
#define MILLISECOND 1000000LL

enum { MAX_SETS = 64, MAX_QUEUED = 256 };

typedef struct {
    device_t *device;
    unsigned long long type, data;
    unsigned gpu_instance, compute_instance;
} event_t;

_Static_assert(sizeof(event_t) == 32, "nvmlEventData_t");

typedef struct {
    int used, first, queued;
    unsigned long long registered[SLOTS]; /* event types, by device */
    event_t queue[MAX_QUEUED];
} event_set_t;

static event_set_t sets[MAX_SETS];
static int last_set; /* places are taken in turns, so that what an earlier test frees late is nothing of this one */

void reset_events(void) { memset(sets, 0, sizeof sets); }

static int is_set(const event_set_t *set) {
    for (int i = 0; i < MAX_SETS; i++)
        if (set == &sets[i]) return set->used;
    return 0;
}

EXPORT int nvmlEventSetCreate(event_set_t **out) {
    CALL(rc = INSUFFICIENT_RESOURCES; for (int i = 0; i < MAX_SETS && rc != SUCCESS; i++) {
        event_set_t *set = &sets[last_set = (last_set + 1) % MAX_SETS];
        if (set->used) continue;
        memset(set, 0, sizeof *set);
        set->used = 1;
        *out = set;
        rc = SUCCESS;
    });
}

EXPORT int nvmlEventSetFree(event_set_t *set) {
    CALL(if (!is_set(set)) rc = INVALID_ARGUMENT; else { set->used = 0; announce(); });
}

EXPORT int nvmlDeviceGetSupportedEventTypes(device_t *device, unsigned long long *out) {
    BOARD_CALL(device, *out = (unsigned long long)device->event_types);
}

EXPORT int nvmlDeviceRegisterEvents(device_t *device, unsigned long long types, event_set_t *set) {
    BOARD_CALL(device, if (!is_set(set)) rc = INVALID_ARGUMENT;
               else if (types & ~(unsigned long long)device->event_types) rc = NOT_SUPPORTED;
               else set->registered[device->index] |= types);
}

static int take(event_set_t *set, event_t *out) {
    if (!set->queued) return TIMEOUT;
    *out = set->queue[set->first];
    set->first = (set->first + 1) % MAX_QUEUED;
    set->queued--;
    return SUCCESS;
}

EXPORT int nvmlEventSetWait_v2(event_set_t *set, event_t *out, unsigned timeout_ms) {
    CALL(long long deadline = monotonic_ns() + timeout_ms * MILLISECOND;
         if (!is_set(set)) rc = INVALID_ARGUMENT; else {
             rc = take(set, out);
             while (rc == TIMEOUT && timeout_ms && wait_until(deadline))
                 rc = set->used ? take(set, out) : INVALID_ARGUMENT;
         });
}

/* Queues an XID to every set in which the device is registered for it; returns to how many. */
EXPORT int fake_xid(int index, unsigned long long xid, unsigned gpu_instance, unsigned compute_instance) {
    int reached = 0;
    if (index < 0 || index >= MAX_DEVICES) return 0;
    fake_lock();
    event_t event = {&fake_devices[index], XID_CRITICAL_ERROR, xid, gpu_instance, compute_instance};
    for (int i = 0; i < MAX_SETS; i++) {
        event_set_t *set = &sets[i];
        if (!set->used || !(set->registered[index] & XID_CRITICAL_ERROR) || set->queued == MAX_QUEUED) continue;
        set->queue[(set->first + set->queued++) % MAX_QUEUED] = event;
        reached++;
    }
    announce();
    fake_unlock();
    return reached;
}

EXPORT int fake_event_sets(void) {
    int used = 0;
    fake_lock();
    for (int i = 0; i < MAX_SETS; i++) used += sets[i].used;
    fake_unlock();
    return used;
}
