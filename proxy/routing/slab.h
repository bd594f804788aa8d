/* Slab: memory for very many small things that live long.
 *
 * Routes and the nodes of their index are millions of pieces of some dozen sizes, read at random.
 * They come from regions of 2 MiB which the kernel is asked to back with one huge page each (from
 * the fourth on, so that few routes stay small): a lookup misses the TLB less, and a piece costs
 * no header. A region is cut into pages of one size of piece each; what becomes free is given
 * back to the kernel.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_SLAB_H
#define PROXY_ROUTING_SLAB_H

#include <stddef.h>

/* Aligned to 16 bytes, and to a cache line of 64 when up to 8192 bytes are asked for that are a
 * multiple of it; not zeroed. Aborts when there is no memory. */
void *slab_allocate(size_t bytes);
/* Harmless on NULL. */
void slab_free(void *piece);

/* What the piece takes, at least as much as was asked for. */
size_t slab_usable_bytes(const void *piece);

/* Bytes of all regions, whether or not they are used. For tests. */
size_t slab_mapped_bytes(void);

#endif
