package policy

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// node is one block that has the right shape: its names are known, its
// labels are there, nothing is missing. Its expressions are not evaluated.
type node struct {
	spec   *blockSpec
	label  string
	head   hcl.Range // type and labels
	whole  hcl.Range // the block to its closing brace
	body   *hclsyntax.Body
	attrs  map[string]*hclsyntax.Attribute
	blocks map[string][]*node
}

// one is the nested block of a type that may stand once, or nil.
func (n *node) one(name string) *node {
	if n == nil || len(n.blocks[name]) == 0 {
		return nil
	}
	return n.blocks[name][0]
}

// shape checks a body against its spec: unknown and misplaced names, missing
// and repeated blocks. It reports everything and keeps what is usable.
func (l *loader) shape(body *hclsyntax.Body, spec *blockSpec, head, whole hcl.Range, label string) *node {
	n := &node{spec: spec, label: label, head: head, whole: whole, body: body,
		attrs: map[string]*hclsyntax.Attribute{}, blocks: map[string][]*node{}}
	if spec.raw {
		return n
	}
	for _, a := range sortedAttrs(body) {
		switch {
		case spec.free, spec.attr(a.Name) != nil:
			n.attrs[a.Name] = a
		case spec.block(a.Name) != nil:
			l.fail("A block is written as an attribute", a.NameRange, &whole,
				"%q is a block here. Write %s { … } without the equals sign.", a.Name, a.Name)
		default:
			l.fail("Unknown attribute", a.NameRange, &whole, "%s has no attribute %q. %s",
				place(spec, label), a.Name, suggest(a.Name, spec.attrNames(), "attributes"))
		}
	}
	for _, b := range body.Blocks {
		l.shapeBlock(n, b)
	}
	l.missing(n)
	return n
}

func (l *loader) shapeBlock(n *node, b *hclsyntax.Block) {
	head, whole := b.DefRange(), hcl.RangeBetween(b.TypeRange, b.CloseBraceRange)
	spec := n.spec.block(b.Type)
	if spec == nil {
		if n.spec.attr(b.Type) != nil {
			l.fail("An attribute is written as a block", b.TypeRange, nil,
				"%q is an attribute here. Write %s = … with an equals sign.", b.Type, b.Type)
			return
		}
		l.fail("Unknown block", b.TypeRange, nil, "%s has no block %q. %s",
			place(n.spec, n.label), b.Type, suggest(b.Type, n.spec.blockNames(), "blocks"))
		return
	}
	label, ok := l.label(spec, b)
	if !ok {
		return
	}
	if prev := n.blocks[spec.name]; !spec.many && len(prev) > 0 {
		l.fail("Repeated block", head, nil, "There is a %s block already at %s. Keep one of them.", spec.name, rule(prev[0].head))
		return
	}
	if spec.many && spec.label != "" {
		for _, o := range n.blocks[spec.name] {
			if o.label == label {
				l.fail("Repeated name", b.LabelRanges[0], &head, "There is a %s %q already at %s. Give one of them another name.",
					spec.name, label, rule(o.head))
				return
			}
		}
	}
	n.blocks[spec.name] = append(n.blocks[spec.name], l.shape(b.Body, spec, head, whole, label))
}

// label checks a block's labels against its spec.
func (l *loader) label(spec *blockSpec, b *hclsyntax.Block) (string, bool) {
	head := b.DefRange()
	if spec.label == "" {
		if len(b.Labels) > 0 {
			l.fail("Unexpected label", b.LabelRanges[0], &head, "A %s block takes no label. Write %s { … }.", spec.name, spec.name)
			return "", false
		}
		return "", true
	}
	if len(b.Labels) == 0 {
		l.fail("Missing label", b.TypeRange, &head, "A %s block needs a %s. Write %s \"%s\" { … }.", spec.name, spec.label, spec.name, spec.label)
		return "", false
	}
	if len(b.Labels) > 1 {
		l.fail("Unexpected label", b.LabelRanges[1], &head, "A %s block takes one label, its %s. Remove %q.", spec.name, spec.label, b.Labels[1])
		return "", false
	}
	if spec.parse != nil {
		name, err := spec.parse(b.Labels[0])
		if err != nil {
			l.fail("Invalid name", b.LabelRanges[0], &head, "%q cannot name a %s: %s", clip(b.Labels[0]), spec.name, sentence(err.Error()))
			return "", false
		}
		return name, true
	}
	if !validName(b.Labels[0]) {
		l.fail("Invalid name", b.LabelRanges[0], &head, "%q cannot name a %s. %s", clip(b.Labels[0]), spec.name, nameRemedy)
		return "", false
	}
	return b.Labels[0], true
}

const nameRemedy = "Use a letter first, then letters, digits, - and _, at most 64."

// validName reports whether s can be written in a reference and in an ID.
func validName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '_'):
		default:
			return false
		}
	}
	return true
}

func (l *loader) missing(n *node) {
	at := n.head
	if l.broken[at.Filename] {
		return
	}
	for i := range n.spec.attrs {
		a := &n.spec.attrs[i]
		if a.required && n.attrs[a.name] == nil {
			l.fail("Missing attribute", at, nil, "%s needs %s. Add %s = …, %s.", place(n.spec, n.label), a.name, a.name, a.what())
		}
	}
	for _, b := range n.spec.blocks {
		if b.must && len(n.blocks[b.name]) == 0 && n.spec.name != "" {
			l.fail("Missing block", at, nil, "%s needs a %s block. Add %s { … }.", place(n.spec, n.label), b.name, b.name)
		}
	}
}

// place names a block in a sentence.
func place(spec *blockSpec, label string) string {
	switch {
	case spec.name == "":
		return "The top level of a configuration"
	case label == "" && strings.ContainsAny(spec.name[:1], "aeiou"):
		return "An " + spec.name + " block"
	case label == "":
		return "A " + spec.name + " block"
	}
	return fmt.Sprintf("%s %q", upperFirst(spec.name), label)
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
