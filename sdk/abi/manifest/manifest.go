// Package manifest is what a plugin says of itself: the custom section
// "weir.manifest" of its module, JSON, readable without running anything.
//
// It is for the host, the policy checker and tools. Guests do not import it.
package manifest

// Section is the name of the custom section.
const Section = "weir.manifest"

// Manifest describes one plugin.
type Manifest struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"`
	ABI         int      `json:"abi"`   // major: 1
	Minor       int      `json:"minor"` // least host minor it needs
	Description string   `json:"description,omitempty"`
	License     string   `json:"license,omitempty"`
	Hooks       []string `json:"hooks"` // stage names: "message", "rcpt_to"
	Grants      []Grant  `json:"grants,omitempty"`
	Config      Block    `json:"config"` // body of the HCL config block
	Actions     []Action `json:"actions,omitempty"`
	// ChecksConfig says that the plugin checks a configuration when it is put in
	// force: an event of no stage with its config_id, to be failed with what is
	// wrong.
	ChecksConfig bool `json:"checks_config,omitempty"`
	// Classes the plugin may report, for documentation and completion.
	Classes []string `json:"classes,omitempty"`
}

// Grant is a capability the plugin asks for.
type Grant struct {
	Kind     string `json:"kind"` // "lists", "kv", "dns", "http", "dial", "queue", "accept"
	Reason   string `json:"reason"`
	Optional bool   `json:"optional,omitempty"`
}

// Block is the schema of an HCL body.
type Block struct {
	Attrs  []Attr      `json:"attrs,omitempty"`
	Blocks []BlockType `json:"blocks,omitempty"`
}

// Attr is one attribute.
type Attr struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"` // an HCL type expression: "string", "number", "bool", "list(string)", "map(string)", "duration", "bytes"
	Required bool     `json:"required,omitempty"`
	Default  any      `json:"default,omitempty"`
	OneOf    []string `json:"one_of,omitempty"` // allowed values (of elements, for a list)
	Names    string   `json:"names,omitempty"`  // "list": its values name lists of the policy
	Grant    string   `json:"grant,omitempty"`  // kind of grant that using the attribute needs
	Secret   bool     `json:"secret,omitempty"` // parameter of an action: never shown, logged or stored
	Doc      string   `json:"doc"`
}

// BlockType is a nested block. In the configuration value it is a list of
// objects under its name, each with its labels as "_labels".
type BlockType struct {
	Name   string   `json:"name"`
	Labels []string `json:"labels,omitempty"`
	Min    int      `json:"min,omitempty"`
	Max    int      `json:"max,omitempty"` // 0 no limit
	Doc    string   `json:"doc"`
	Block
}

// Action is a custom action operators may call.
type Action struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Doc    string `json:"doc"`
	Params []Attr `json:"params,omitempty"`
	// Statuses of recipients it is offered for ("stalled"); none: all.
	Statuses []string `json:"statuses,omitempty"`
	// Level that may call it: "admin", "domain" (the default) or "email", and all above.
	Level string `json:"level,omitempty"`
	// Body says that it needs the message's content, so it is offered only while that is kept.
	Body bool `json:"body,omitempty"`
	// Train says that it teaches the plugin "spam" or "ham" (B54–B56).
	Train string `json:"train,omitempty"`
}
