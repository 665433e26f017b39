/*
 * What one run of nvidia-smi --query-gpu=... --format=csv does, with as little around it as possible: load the driver library,
 * initialise it, ask every GPU, print, shut down. The real nvidia-smi does more and costs more.
 */
#include <dlfcn.h>
#include <stdio.h>

typedef struct { unsigned int gpu, memory; } utilization_t;
typedef struct { unsigned int version; unsigned long long total, reserved, free, used; } memory_t;

static void *library;
static int (*function(const char *name))() { return (int (*)())dlsym(library, name); }

int main(void) {
    library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
    if (!library || function("nvmlInitWithFlags")(0) != 0) return 1;
    unsigned int count = 0;
    function("nvmlDeviceGetCount_v2")(&count);
    for (unsigned int i = 0; i < count; i++) {
        void *device = 0;
        char uuid[96] = "", name[96] = "";
        utilization_t utilization = {0, 0};
        memory_t memory = {0x02000028, 0, 0, 0, 0};
        unsigned int power = 0, temperature = 0, limit = 0, clocks[4] = {0, 0, 0, 0};
        unsigned long long energy = 0;
        function("nvmlDeviceGetHandleByIndex_v2")(i, &device);
        function("nvmlDeviceGetUUID")(device, uuid, 96);
        function("nvmlDeviceGetName")(device, name, 96);
        function("nvmlDeviceGetUtilizationRates")(device, &utilization);
        function("nvmlDeviceGetMemoryInfo_v2")(device, &memory);
        function("nvmlDeviceGetPowerUsage")(device, &power);
        function("nvmlDeviceGetEnforcedPowerLimit")(device, &limit);
        function("nvmlDeviceGetTemperature")(device, 0, &temperature);
        function("nvmlDeviceGetTotalEnergyConsumption")(device, &energy);
        for (int domain = 0; domain < 4; domain++) function("nvmlDeviceGetClockInfo")(device, domain, &clocks[domain]);
        printf("%s, %s, %u, %llu, %llu, %u, %u, %u, %llu, %u, %u, %u, %u\n", uuid, name, utilization.gpu, memory.used, memory.total,
               power, limit, temperature, energy, clocks[0], clocks[1], clocks[2], clocks[3]);
    }
    function("nvmlShutdown")();
    return 0;
}
