/* The logic, which knows nothing of Weir, so that it is tested natively. */
#ifndef MEDIATYPE_H
#define MEDIATYPE_H

#include <stdint.h>

/* Says whether a media type, in lower case, is the one that is meant or of the
   family "image" and a slash and a star. */
static inline int media_type_matches(const char *want, uint32_t want_len, const char *type, uint32_t len) {
  if (want_len >= 2 && want[want_len - 1] == '*' && want[want_len - 2] == '/') {
    want_len--;
    if (len < want_len) return 0;
    len = want_len;
  }
  if (len != want_len) return 0;
  for (uint32_t i = 0; i < len; i++) {
    char c = want[i];
    if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
    if (c != type[i]) return 0;
  }
  return 1;
}

#endif
