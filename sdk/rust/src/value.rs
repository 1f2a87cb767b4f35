use crate::abi::{Value, ValueKind};
use crate::Text;

/// Configuration values and action parameters. The host has checked them by the
/// manifest's schema and filled its defaults in.
impl Value {
    /// An empty object, to be filled with `set`.
    pub fn object() -> Value {
        Value { kind: ValueKind::OBJECT, ..Value::default() }
    }

    /// Sets an attribute of an object, replacing one of that name.
    pub fn set(&mut self, name: &str, x: impl Into<Value>) {
        self.kind = ValueKind::OBJECT;
        match self.keys.iter().position(|k| *k == name) {
            Some(i) if i < self.items.len() => self.items[i] = x.into(),
            _ => {
                self.keys.push(name.into());
                self.items.push(x.into());
            }
        }
    }

    /// An attribute of an object, null where there is none.
    pub fn get(&self, name: &str) -> &Value {
        static NULL: Value = Value {
            kind: ValueKind::NULL,
            bool: false,
            number: 0.0,
            string: Text::new(),
            keys: Vec::new(),
            items: Vec::new(),
        };
        if self.kind == ValueKind::OBJECT {
            if let Some(v) = self.keys.iter().position(|k| *k == name).and_then(|i| self.items.get(i)) {
                return v;
            }
        }
        &NULL
    }

    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        self.kind == ValueKind::NULL
    }

    /// A bool, false for anything else.
    pub fn as_bool(&self) -> bool {
        self.kind == ValueKind::BOOL && self.bool
    }

    /// A number, 0 for anything else. Integers are exact up to 2^53. A duration of
    /// the configuration is milliseconds, a size octets.
    pub fn as_number(&self) -> f64 {
        self.number
    }

    /// A string, empty for anything else.
    pub fn as_text(&self) -> &Text {
        &self.string
    }

    /// The strings of a list; a string stands for a list of one, items of other
    /// kinds are left out.
    pub fn text_list(&self) -> Vec<Text> {
        match self.kind {
            ValueKind::STRING => vec![self.string.clone()],
            ValueKind::LIST => {
                self.items.iter().filter(|i| i.kind == ValueKind::STRING).map(|i| i.string.clone()).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value { kind: ValueKind::BOOL, bool: b, ..Value::default() }
    }
}

impl From<f64> for Value {
    fn from(n: f64) -> Value {
        Value { kind: ValueKind::NUMBER, number: n, ..Value::default() }
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Value {
        Text::from(s).into()
    }
}

impl From<Text> for Value {
    fn from(s: Text) -> Value {
        Value { kind: ValueKind::STRING, string: s, ..Value::default() }
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Value {
        Value { kind: ValueKind::LIST, items, ..Value::default() }
    }
}
