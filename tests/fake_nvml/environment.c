/*
 * The fake driver as the environment of a program sets it, read when the library is loaded:
 *
 *   FAKE_NVML_COUNT=8                                      number of devices, 1 unless given
 *   FAKE_NVML_RULES="function@device=rc[/sleep_ms]; ..."   device * means every device; rc may be "hang"
 *   FAKE_NVML_SET="device.key=value; ..."                  device * means every device; key: a value, a text, or
 *                                                          "mig", with profiles such as 1g.10gb+2g.20gb
 */
#define _GNU_SOURCE
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOREVER (-1)
#define HANG (1 << 20)

int fake_inject(const char *function, int device, int rc, int sleep_ms, int times);
void fake_reset(int count);
int fake_set(int index, const char *name, long long value);
int fake_set_text(int index, const char *name, const char *text);
int fake_mig_add(int index, int slot, unsigned gi, unsigned ci, long long total, long long used, const char *profile);

/* A test that is wrong must not look like a driver that is. */
static void refuse(const char *variable, const char *text) {
    fprintf(stderr, "%s: cannot read \"%s\"\n", variable, text);
    abort();
}

static void read_rule(const char *text) {
    char function[64] = "", device[16] = "", outcome[32] = "";
    int sleep_ms = 0;
    if (sscanf(text, " %63[^@]@%15[^=]=%31[^/]/%d", function, device, outcome, &sleep_ms) < 3)
        refuse("FAKE_NVML_RULES", text);
    int rc = strncmp(outcome, "hang", 4) == 0 ? HANG : atoi(outcome);
    fake_inject(function, device[0] == '*' ? ANY : atoi(device), rc, sleep_ms, FOREVER);
}

/* GPU instances 1, 2, … with one compute instance each, all of whose memory is free. */
static int make_mig(int device, const char *profiles) {
    char *copy = strdup(profiles), *state = NULL;
    int slot = 0, made = 1;
    for (char *profile = strtok_r(copy, "+", &state); profile; profile = strtok_r(NULL, "+", &state), slot++) {
        int slices, gigabytes;
        made = made && sscanf(profile, "%dg.%dgb", &slices, &gigabytes) == 2 &&
               fake_mig_add(device, slot, (unsigned)slot + 1, 0, (long long)gigabytes << 30, 0, profile);
    }
    free(copy);
    return made && slot;
}

static int set_one(int device, const char *key, const char *value) {
    if (strcmp(key, "mig") == 0) return make_mig(device, value);
    if (fake_set_text(device, key, value)) return 1;
    char *end;
    long long number = strtoll(value, &end, 0);
    return end != value && *end == 0 && fake_set(device, key, number);
}

static void read_setting(const char *text) {
    char device[16] = "", key[64] = "", value[TEXT] = "";
    if (sscanf(text, " %15[^.].%63[^=]=%95[^;]", device, key, value) < 3) refuse("FAKE_NVML_SET", text);
    int every = device[0] == '*';
    for (int i = every ? 0 : atoi(device); i < (every ? MAX_DEVICES : atoi(device) + 1); i++)
        if (!set_one(i, key, value)) refuse("FAKE_NVML_SET", text);
}

static void read_list(const char *variable, void (*read)(const char *)) {
    const char *script = getenv(variable);
    char *copy = strdup(script ? script : ""), *state = NULL;
    for (char *part = strtok_r(copy, ";", &state); part; part = strtok_r(NULL, ";", &state))
        if (strspn(part, " ") != strlen(part)) read(part);
    free(copy);
}

__attribute__((constructor)) static void loaded(void) {
    const char *count = getenv("FAKE_NVML_COUNT");
    fake_reset(count ? atoi(count) : 1);
    read_list("FAKE_NVML_RULES", read_rule);
    read_list("FAKE_NVML_SET", read_setting);
}
