/** Reports whether a text has letters enough, none of them small. */
export function shouts(s: string, letters: i32): bool {
  let n = 0;
  for (let i = 0; i < s.length; i++) {
    const c = s.charAt(i);
    const small = c != c.toUpperCase();
    if (small) return false;
    if (c != c.toLowerCase()) n++;
  }
  return n >= letters;
}
