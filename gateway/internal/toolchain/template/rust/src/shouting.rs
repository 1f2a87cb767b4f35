//! The logic, which knows nothing of Weir, so that it is tested natively.

/// Reports whether a text has letters enough, none of them small.
pub fn shouts(s: &str, letters: usize) -> bool {
    !s.chars().any(char::is_lowercase) && s.chars().filter(|c| c.is_uppercase()).count() >= letters
}

#[cfg(test)]
mod tests {
    use super::shouts;

    #[test]
    fn capitals_shout() {
        assert!(shouts("READ THIS AT ONCE", 8));
        assert!(shouts("ÄRGER! SOFORT!", 8));
    }

    #[test]
    fn others_do_not() {
        for s in ["Lunch on Thursday?", "RE: Q3", "", "12345678"] {
            assert!(!shouts(s, 8), "{}", s);
        }
    }
}
