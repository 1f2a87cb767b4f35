/* Natively: cc -o mediatype-test mediatype_test.c && ./mediatype-test
   "weir plugin build" leaves files *_test.c out. */
#include <stdio.h>
#include <string.h>

#include "mediatype.h"

static int failed;

static void check(const char *want, const char *type, int matches) {
  if (media_type_matches(want, (uint32_t)strlen(want), type, (uint32_t)strlen(type)) != matches) {
    printf("%s and %s: want %d\n", want, type, matches);
    failed = 1;
  }
}

int main(void) {
  check("application/pdf", "application/pdf", 1);
  check("Application/PDF", "application/pdf", 1);
  check("application/pdf", "application/pdf-x", 0);
  check("image/*", "image/png", 1);
  check("image/*", "image/", 1);
  check("image/*", "imagex/png", 0);
  check("image/*", "im", 0);
  check("*", "image/png", 0);
  check("", "", 1);
  return failed;
}
