use crate::{Call, Result, Value};
use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How many built configurations an instance keeps; past it the cache starts
/// anew, so that years of reloads do not fill a guest's memory.
const MAX_CONFIGS: usize = 4096;

type Built = BTreeMap<(u64, TypeId), Rc<dyn Any>>;

thread_local! {
    static BUILT: RefCell<Built> = RefCell::new(BTreeMap::new());
}

impl Call {
    /// The configuration of the filter block at hand as the plugin's own type.
    /// `build` runs once per configuration and instance; its result, or its
    /// error, is kept by ID (a changed configuration has another ID).
    pub fn config<T: 'static>(&self, build: fn(&Value) -> Result<T>) -> Result<Rc<T>> {
        let key = (self.event.config_id, TypeId::of::<T>());
        let kept = BUILT.with(|b| b.borrow().get(&key).cloned());
        if let Some(Ok(r)) = kept.map(|k| k.downcast::<Result<Rc<T>>>()) {
            return (*r).clone();
        }
        let value = self.config_value()?; // a failure is not kept: the host may know it next time
        let r = build(&value).map(Rc::new);
        BUILT.with(|b| {
            let mut b = b.borrow_mut();
            if b.len() >= MAX_CONFIGS {
                b.clear();
            }
            b.insert(key, Rc::new(r.clone()));
        });
        r
    }
}
