use crate::abi::*;
use crate::host::{check, raw, reply, with};
use crate::{Call, Record, Result, Text};

/// What needs grant queue. All of it concerns the tenant of the call alone.
impl Call {
    /// Asks for a call of stage schedule at a time, at least once. The same name
    /// and key again replaces what was there; a time of 0 drops it.
    pub fn schedule(&self, r: &ScheduleRequest) -> Result<()> {
        check(with(r, raw::schedule))?;
        Ok(())
    }

    /// What is recorded of a message.
    pub fn message(&self, id: &str) -> Result<MessageInfo> {
        let order = MessageOrder { id: id.into(), ..MessageOrder::default() };
        Ok(MessageInfo::decode(&reply(with(&order, raw::message_get))?)?)
    }

    /// Releases what is held; gives how many recipients changed.
    pub fn release(&self, o: &MessageOrder) -> Result<usize> {
        check(with(o, raw::message_release))
    }

    /// Removes it, and tells an authenticated sender; gives how many recipients
    /// changed.
    pub fn reject(&self, o: &MessageOrder) -> Result<usize> {
        check(with(o, raw::message_reject))
    }

    /// Removes it; gives how many recipients changed.
    pub fn delete(&self, o: &MessageOrder) -> Result<usize> {
        check(with(o, raw::message_delete))
    }

    /// Sends a notice in the tenant's name, and gives its ID.
    pub fn submit(&self, s: &Submission) -> Result<Text> {
        Ok(Text::from(reply(with(s, raw::message_submit))?))
    }
}
