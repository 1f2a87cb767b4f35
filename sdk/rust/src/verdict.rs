use crate::abi::*;
use crate::Text;

/// What a hook answers. All edits apply together, and only when the hook ended
/// well.
impl Verdict {
    /// Adds a finding of a class ("spam", "empty-subject") for filling in.
    pub fn find(&mut self, main: &str, sub: &str) -> &mut Finding {
        self.findings.push(Finding { main: main.into(), sub: sub.into(), ..Finding::default() });
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    fn answer(&mut self, action: Action, code: u32, enhanced: &str, text: &str) {
        self.action = action;
        self.code = code;
        self.enhanced = enhanced.into();
        self.text = text.into();
    }

    /// Recommends a 5xx reply, without a finding.
    pub fn reject(&mut self, code: u32, enhanced: &str, text: &str) {
        self.answer(Action::REJECT, code, enhanced, text)
    }

    /// Recommends a 4xx reply, without a finding.
    pub fn tempfail(&mut self, code: u32, enhanced: &str, text: &str) {
        self.answer(Action::TEMPFAIL, code, enhanced, text)
    }

    /// Recommends any action, with the policy's reply.
    pub fn recommend(&mut self, action: Action) {
        self.answer(action, 0, "", "")
    }

    /// Recommends sending the message to another address; more by calling again.
    pub fn redirect_to(&mut self, address: impl Into<Text>) {
        self.action = Action::REDIRECT;
        self.redirect.push(address.into());
    }

    /// Marks the message.
    pub fn tag(&mut self, tag: impl Into<Text>) {
        self.tags.push(tag.into())
    }

    /// Puts a field on top of the header.
    pub fn add_header(&mut self, name: &str, value: impl Into<Text>) {
        self.edits.push(HeaderEdit { op: HeaderOp::ADD, name: name.into(), index: 0, value: value.into() })
    }

    /// Replaces the index-th field of a name, from 0; -1 all.
    pub fn replace_header(&mut self, name: &str, index: i32, value: impl Into<Text>) {
        self.edits.push(HeaderEdit { op: HeaderOp::REPLACE, name: name.into(), index, value: value.into() })
    }

    /// Removes the index-th field of a name, from 0; -1 all.
    pub fn remove_header(&mut self, name: &str, index: i32) {
        self.edits.push(HeaderEdit { op: HeaderOp::REMOVE, name: name.into(), index, value: Text::new() })
    }

    fn edit_part(&mut self, op: PartOp, part: u32, text: &[u8]) -> &mut PartEdit {
        self.part_edits.push(PartEdit { op, part, text: text.to_vec(), ..PartEdit::default() });
        let last = self.part_edits.len() - 1;
        &mut self.part_edits[last]
    }

    /// Replaces a part's decoded content by text of a media type ("" is
    /// text/plain in UTF-8), followed by what `Call::stage_part` gave for it.
    pub fn replace_part(&mut self, part: u32, type_: &str, filename: &str, content: &[u8]) {
        let e = self.edit_part(PartOp::REPLACE, part, content);
        e.type_ = type_.into();
        e.filename = filename.into();
    }

    /// Takes a part out.
    pub fn remove_part(&mut self, part: u32) {
        self.edit_part(PartOp::REMOVE, part, b"");
    }

    /// Puts content before a part's.
    pub fn prepend_part(&mut self, part: u32, content: &[u8]) {
        self.edit_part(PartOp::PREPEND, part, content);
    }

    /// Puts content behind a part's.
    pub fn append_part(&mut self, part: u32, content: &[u8]) {
        self.edit_part(PartOp::APPEND, part, content);
    }

    /// Leaves a note for later stages of the session.
    pub fn note(&mut self, key: &str, value: impl Into<Text>) {
        self.notes.push(Pair { key: key.into(), value: value.into() })
    }

    /// Tells the one who called an action something, beside text.
    pub fn result(&mut self, key: &str, value: impl Into<Text>) {
        self.results.push(Pair { key: key.into(), value: value.into() })
    }

    /// Drops findings of these classes ("spam", "list/sender", "*") by any
    /// filter: an allow.
    pub fn waive(&mut self, reason: &str, classes: &[&str]) {
        self.waivers.push(Waiver { classes: classes.iter().map(|&c| c.into()).collect(), reason: reason.into() })
    }
}
