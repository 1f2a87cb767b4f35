package abi

// The constructors below make Values; the zero Value is null.

// Null is the null Value.
func Null() Value { return Value{} }

// Bool makes a bool.
func Bool(b bool) Value { return Value{Kind: ValueKindBool, Bool: b} }

// Number makes a number. Integers are exact up to 2^53.
func Number(f float64) Value { return Value{Kind: ValueKindNumber, Number: f} }

// String makes a string.
func String(s string) Value { return Value{Kind: ValueKindString, String: s} }

// List makes a list.
func List(items ...Value) Value { return Value{Kind: ValueKindList, Items: items} }

// Strings makes a list of strings.
func Strings(ss ...string) Value {
	v := Value{Kind: ValueKindList}
	for _, s := range ss {
		v.Items = append(v.Items, String(s))
	}
	return v
}

// Object makes an empty object, to be filled with Set.
func Object() Value { return Value{Kind: ValueKindObject} }

// Set sets an attribute of an object, replacing one of that name.
func (v *Value) Set(name string, x Value) {
	v.Kind = ValueKindObject
	for i, k := range v.Keys {
		if k == name && i < len(v.Items) {
			v.Items[i] = x
			return
		}
	}
	v.Keys, v.Items = append(v.Keys, name), append(v.Items, x)
}

// Get is an attribute of an object, null where there is none.
func (v Value) Get(name string) Value {
	if v.Kind != ValueKindObject {
		return Value{}
	}
	for i, k := range v.Keys {
		if k == name && i < len(v.Items) {
			return v.Items[i]
		}
	}
	return Value{}
}

// IsNull reports whether there is nothing.
func (v Value) IsNull() bool { return v.Kind == ValueKindNull }

// StringList is the strings of a list; a string stands for a list of one,
// items of other kinds are left out.
func (v Value) StringList() []string {
	if v.Kind == ValueKindString {
		return []string{v.String}
	}
	if v.Kind != ValueKindList {
		return nil
	}
	out := make([]string, 0, len(v.Items))
	for i := range v.Items {
		if v.Items[i].Kind == ValueKindString {
			out = append(out, v.Items[i].String)
		}
	}
	return out
}
