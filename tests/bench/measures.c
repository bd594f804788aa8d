#include "tests/bench/measures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

void measures_add(struct measures *measures, size_t routes, const char *what, const char *unit,
                  double value)
{
    if (measures->count == MEASURES_MAX)
        abort();
    measures->items[measures->count++] =
        (struct measure){.routes = routes, .what = what, .unit = unit, .value = value};
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

double measures_quantile(double *values, size_t count, double share)
{
    qsort(values, count, sizeof(values[0]), compare);
    size_t index = (size_t)(share * (double)count);
    return values[index < count ? index : count - 1];
}

/* --- the machine ---------------------------------------------------------------------------- */

struct machine {
    char cpu[128];
    char kernel[128];
    char date[32];
    long cores;
};

static void describe(struct machine *machine)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(machine->cpu, sizeof(machine->cpu), "unknown");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "model name : %127[^\n]", machine->cpu) == 1)
            break;
    }
    if (file != NULL)
        fclose(file);

    struct utsname name;
    uname(&name);
    snprintf(machine->kernel, sizeof(machine->kernel), "%.120s", name.release);
    time_t now = time(NULL);
    strftime(machine->date, sizeof(machine->date), "%Y-%m-%d", gmtime(&now));
    machine->cores = sysconf(_SC_NPROCESSORS_ONLN);
}

/* --- printing ------------------------------------------------------------------------------- */

static void print_json(const struct measures *measures, const char *benchmark,
                       const struct machine *machine)
{
    printf("{\"benchmark\": \"%s\", \"date\": \"%s\", \"cpu\": \"%s\", \"cores\": %ld, "
           "\"kernel\": \"%s\", \"measures\": [",
           benchmark, machine->date, machine->cpu, machine->cores, machine->kernel);
    for (size_t i = 0; i < measures->count; i++) {
        const struct measure *measure = &measures->items[i];
        printf("%s\n  {\"routes\": %zu, \"what\": \"%s\", \"unit\": \"%s\", \"value\": %.3f}",
               i == 0 ? "" : ",", measure->routes, measure->what, measure->unit, measure->value);
    }
    printf("\n]}\n");
}

static void print_table(const struct measures *measures, const char *benchmark,
                        const struct machine *machine)
{
    printf("%s, %s, %s, %ld cores, Linux %s\n\n", benchmark, machine->date, machine->cpu,
           machine->cores, machine->kernel);
    printf("%10s  %-58s %12s\n", "routes", "what", "");
    for (size_t i = 0; i < measures->count; i++) {
        const struct measure *measure = &measures->items[i];
        int digits = measure->value < 100 ? 2 : 0;
        printf("%10zu  %-58s %12.*f %s\n", measure->routes, measure->what, digits, measure->value,
               measure->unit);
    }
}

void measures_print(const struct measures *measures, const char *benchmark, bool as_json)
{
    struct machine machine;
    describe(&machine);
    if (as_json)
        print_json(measures, benchmark, &machine);
    else
        print_table(measures, benchmark, &machine);
}
