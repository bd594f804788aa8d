/* Document pairs: what a mapping says, with what it merges from others.
 *
 * "<<: *base" stands for the keys of "base" that the mapping does not have itself, "<<: [*a, *b]"
 * for those of several, of which the first wins. YAML 1.2 has no such thing, but the tools of
 * Kubernetes read it.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_DOCUMENT_PAIRS_H
#define CONTROL_ROUTECTL_DOCUMENT_PAIRS_H

#include "control/routectl/document_decoder.h"

enum { MAX_DOCUMENT_KEYS = 1024 };

struct document_pairs {
    const yaml_node_pair_t *at[MAX_DOCUMENT_KEYS]; /* their keys are texts, no two the same */
    size_t count;
};

/* False, and a remark, when the node or what it merges is no mapping, or too much. A key that is no
 * text or comes twice is remarked and left out. Borrowed from the document. */
bool document_pairs_gather(struct document_pairs *pairs, struct document_decoder *decoder,
                           const yaml_node_t *node);

#endif
