#include "control/routectl/output.h"

#include <string.h>

static const struct output *const outputs[] = {&output_table, &output_wide, &output_json,
                                               &output_yaml};

const struct output *output_find(const char *name, struct error *err)
{
    for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
        if (strcmp(outputs[i]->name, name) == 0)
            return outputs[i];
    }
    error_set(err, ERROR_INVALID, "-o: '%s' is none of table, wide, json and yaml", name);
    return NULL;
}
