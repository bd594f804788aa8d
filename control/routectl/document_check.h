/* Document check: what is wrong with an object that was read, by the rules of all programs.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_DOCUMENT_CHECK_H
#define CONTROL_ROUTECTL_DOCUMENT_CHECK_H

#include "control/routectl/document_decoder.h"

/* Remarks on the draft's newest mutation, by the places its fields came from; not on fields that
 * could not be read, of which more would be said than is known. */
void document_check(struct document_decoder *decoder);

#endif
