/* The logic, which knows nothing of Weir, so that it is tested natively. */
#ifndef SHOUTING_H
#define SHOUTING_H

#include <stdint.h>

/* Says whether a text has letters enough (of ASCII), none of them small. */
static inline int shouts(const char *s, uint32_t len, uint32_t letters) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < len; i++) {
    if (s[i] >= 'a' && s[i] <= 'z') return 0;
    if (s[i] >= 'A' && s[i] <= 'Z') n++;
  }
  return n >= letters;
}

#endif
