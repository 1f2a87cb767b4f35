//! The logic, which knows nothing of Weir, so that it is tested natively.

/// How many octets of a beginning count: a key of the store has at most 512.
const LONGEST: usize = 200;

/// The first words of a subject, in lower case, with digits as #, so that
/// "Invoice 17 …" and "Invoice 18 …" begin alike. Empty where there are fewer.
pub fn beginning(subject: &str, words: usize) -> String {
    let mut out = String::new();
    let mut n = 0;
    for word in subject.split_whitespace().take(words) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase).map(|c| match c {
            c if c.is_ascii_digit() => '#',
            c if c.is_control() => '?',
            c => c,
        }));
        n += 1;
    }
    if n < words {
        return String::new();
    }
    let mut end = out.len().min(LONGEST);
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        assert_eq!(beginning("Invoice 17 of May", 2), "invoice ##");
        assert_eq!(beginning("  ÄRGER \t sofort!  ", 2), "ärger sofort!");
        assert_eq!(beginning("Hello", 2), "");
        assert_eq!(beginning("", 1), "");
        assert_eq!(beginning("", 0), "");
    }

    #[test]
    fn long_ones_are_cut_between_characters() {
        let b = beginning(&"é".repeat(150), 1);
        assert_eq!(b, "é".repeat(100));
    }
}
