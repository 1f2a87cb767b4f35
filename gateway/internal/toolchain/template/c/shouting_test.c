/* Natively: cc -o shouting-test shouting_test.c && ./shouting-test
   "weir plugin build" leaves files *_test.c out. */
#include <stdio.h>
#include <string.h>

#include "shouting.h"

static int failed;

static void check(const char *s, int want) {
  if (shouts(s, (uint32_t)strlen(s), 8) != want) {
    printf("\"%s\": want %d\n", s, want);
    failed = 1;
  }
}

int main(void) {
  check("READ THIS AT ONCE", 1);
  check("Lunch on Thursday?", 0);
  check("RE: Q3", 0);
  check("", 0);
  check("12345678", 0);
  return failed;
}
