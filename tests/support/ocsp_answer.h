/* OCSP answer: what an authority says of a certificate, made on the spot and right or wrong in any
 * way (RFC 6960).
 *
 * Threads: none shared. */
#ifndef TESTS_SUPPORT_OCSP_ANSWER_H
#define TESTS_SUPPORT_OCSP_ANSWER_H

#include "tests/support/certificates.h"

#include <stdbool.h>

enum ocsp_verdict { VERDICT_GOOD, VERDICT_REVOKED, VERDICT_UNKNOWN };

/* Seconds are from now. */
struct ocsp_answer {
    const struct certificate *certificate; /* that is asked about */
    const struct certificate *authority;   /* that has signed it */
    const struct certificate *signer;      /* of the answer; NULL: the authority */
    enum ocsp_verdict verdict;
    bool names_by_sha256; /* the certificate; otherwise by SHA-1, as ever */
    int begins_s;         /* 0: it has */
    int ends_s;           /* 0: in a day; see NEVER_ENDS */
};

/* A file in DER. Returns its path; caller frees. */
char *ocsp_answer_make(const struct temp_dir *folder, const char *name,
                       const struct ocsp_answer *answer);

#endif
