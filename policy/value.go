package policy

// Kind is the kind of a Value, numbered as the plugin ABI does.
type Kind uint32

// The kinds.
const (
	KindNull   Kind = 0
	KindBool   Kind = 1
	KindNumber Kind = 2
	KindString Kind = 3
	KindList   Kind = 4
	KindObject Kind = 5
)

// Value is a typed configuration value, laid out as the plugin ABI's.
type Value struct {
	Kind   Kind
	Bool   bool
	Number float64
	String string
	Keys   []string // object: names, in step with Items
	Items  []Value
}
