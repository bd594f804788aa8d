#include "control/routectl/document_pairs.h"

#include <string.h>

/* A mapping may merge one that merges another; itself, never to an end. */
enum { MAX_MERGES = 32 };

static const char *key_of(const struct document_decoder *decoder, const yaml_node_pair_t *pair)
{
    return (const char *)yaml_document_get_node(decoder->yaml, pair->key)->data.scalar.value;
}

static bool is_merge(const struct document_decoder *decoder, const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = yaml_document_get_node(decoder->yaml, pair->key);
    return key->type == YAML_SCALAR_NODE && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           strcmp((const char *)key->data.scalar.value, "<<") == 0;
}

/* Where the key is, or the count. */
static size_t find(const struct document_pairs *pairs, const struct document_decoder *decoder,
                   const char *key)
{
    size_t i = 0;
    while (i < pairs->count && strcmp(key_of(decoder, pairs->at[i]), key) != 0)
        i++;
    return i;
}

/* Adds what the mapping has itself. What is there already is from the one that merges it. */
static bool add_own(struct document_pairs *pairs, struct document_decoder *decoder,
                    const yaml_node_t *mapping)
{
    size_t first_own = pairs->count;
    bool is_document = decoder->document_path.length == 0;
    const yaml_node_pair_t *end = mapping->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < end; pair++) {
        const yaml_node_t *key_node = yaml_document_get_node(decoder->yaml, pair->key);
        const char *key = is_merge(decoder, pair) ? NULL : decoder_text(decoder, key_node);
        if (key == NULL)
            continue;
        size_t index = find(pairs, decoder, key);
        if (index == MAX_DOCUMENT_KEYS)
            return decoder_fail(decoder, mapping, "has more than %d keys", MAX_DOCUMENT_KEYS);
        if (index == pairs->count)
            pairs->at[pairs->count++] = pair;
        else if (index >= first_own)
            decoder_complain(decoder, key_node, "the key '%s' comes twice%s", key,
                             is_document ? "; a line '---' stands between documents" : "");
    }
    return true;
}

static bool merge(struct document_pairs *pairs, struct document_decoder *decoder,
                  const yaml_node_t *mapping, unsigned depth);

/* Adds a mapping that is merged, and what it merges itself. */
static bool add_merged(struct document_pairs *pairs, struct document_decoder *decoder,
                       const yaml_node_t *node, unsigned depth)
{
    if (node->type != YAML_MAPPING_NODE)
        return decoder_fail(decoder, node, "'<<' takes a mapping or a list of mappings");
    if (depth > MAX_MERGES)
        return decoder_fail(decoder, node, "is merged too deeply");
    return decoder_may_go_on(decoder, node) && add_own(pairs, decoder, node) &&
           merge(pairs, decoder, node, depth);
}

/* Adds what stands behind the mapping's "<<". */
static bool merge(struct document_pairs *pairs, struct document_decoder *decoder,
                  const yaml_node_t *mapping, unsigned depth)
{
    const yaml_node_pair_t *end = mapping->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < end; pair++) {
        if (!is_merge(decoder, pair))
            continue;
        const yaml_node_t *value = yaml_document_get_node(decoder->yaml, pair->value);
        bool is_list = value->type == YAML_SEQUENCE_NODE;
        const yaml_node_item_t *item = is_list ? value->data.sequence.items.start : &pair->value;
        const yaml_node_item_t *last = is_list ? value->data.sequence.items.top : item + 1;
        for (; item < last; item++) {
            const yaml_node_t *base = yaml_document_get_node(decoder->yaml, *item);
            if (!add_merged(pairs, decoder, base, depth + 1))
                return false;
        }
    }
    return true;
}

bool document_pairs_gather(struct document_pairs *pairs, struct document_decoder *decoder,
                           const yaml_node_t *node)
{
    pairs->count = 0;
    if (node->type != YAML_MAPPING_NODE)
        return decoder_fail(decoder, node, "is not a mapping");
    return add_own(pairs, decoder, node) && merge(pairs, decoder, node, 0);
}
