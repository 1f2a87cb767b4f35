package filter

import (
	"mime"
	"slices"
	"strings"

	"github.com/mailweir/weir/sdk/abi"
)

// Bounds of part edits and of an action's results.
const (
	maxPartEdits   = 100
	maxMediaType   = 255
	maxResults     = 64
	maxResultValue = 16 << 10
	maxResultsSize = 64 << 10
)

// changes checks what a verdict wants done to the parts, and puts staged content
// behind the text of its edit: of the first edit of the part that has content.
func (c *call) changes(v *abi.Verdict) error {
	k := &checker{ev: c.ev}
	if len(v.PartEdits) > 0 || v.KeepOriginal || len(c.staged) > 0 {
		why := c.editable()
		k.that(why == "", "changing parts: %s", why)
		if k.err != nil {
			return k.err
		}
	}
	k.count("part edits", len(v.PartEdits), maxPartEdits)
	size, used := c.stagedSize, map[uint32]bool{}
	for i := range v.PartEdits {
		e := &v.PartEdits[i]
		size += len(e.Text)
		k.partEdit(e, c.partList().Parts)
		k.that(!slices.ContainsFunc(v.PartEdits[:i], func(o abi.PartEdit) bool { return conflict(&o, e) }),
			"part edit: part %d is removed or replaced, and edited otherwise too", e.Part)
		if s, ok := c.staged[e.Part]; ok && e.Op != abi.PartOpRemove && !used[e.Part] {
			e.Text, used[e.Part] = slices.Concat(e.Text, s), true
		}
	}
	k.that(size <= maxContent, "part edits of %d octets; at most %d", size, maxContent)
	for part := range c.staged {
		k.that(used[part], "content was staged for part %d by body_write, and no part edit of the verdict takes it", part)
	}
	return k.err
}

// conflict reports whether two edits of one part do not go together: what is
// removed or replaced has no other edit, and a banner is put on once.
func conflict(a, b *abi.PartEdit) bool {
	if a.Part != b.Part {
		return false
	}
	whole := func(e *abi.PartEdit) bool { return e.Op == abi.PartOpReplace || e.Op == abi.PartOpRemove }
	return whole(a) || whole(b)
}

func (k *checker) partEdit(e *abi.PartEdit, parts []abi.Part) {
	k.that(e.Op <= abi.PartOpAppend, "part edit: unknown operation %d", uint32(e.Op))
	if int64(e.Part) >= int64(len(parts)) {
		k.that(false, "part edit: there is no part %d", e.Part)
		return
	}
	leaf := !slices.ContainsFunc(parts, func(p abi.Part) bool { return p.Parent == e.Part && p.Index != e.Part })
	switch e.Op {
	case abi.PartOpRemove:
		k.that(e.Part != 0, "part edit: the root of a message cannot be removed; replace it")
		k.that(len(e.Text) == 0, "part edit: remove with a text")
	default:
		k.that(leaf, "part edit: part %d holds other parts; only leaves have content to %s", e.Part, e.Op)
	}
	if e.Op == abi.PartOpReplace {
		k.mediaType(e.Type)
		k.line("part edit: file name", e.Filename, maxName)
		return
	}
	k.that(e.Type == "" && e.Filename == "", "part edit: %s with a media type or file name", e.Op)
}

// mediaType checks the type of new content: that of a leaf (RFC 2045 §5.1).
func (k *checker) mediaType(s string) {
	if s == "" {
		return
	}
	k.line("part edit: media type", s, maxMediaType)
	t, params, err := mime.ParseMediaType(s)
	main, _, ok := strings.Cut(t, "/")
	k.that(err == nil && ok, "part edit: %q is no media type", clean([]byte(s), 80))
	k.that(main != "multipart" && main != "message", "part edit: content of type %s cannot be put in", main)
	for name, value := range params {
		k.that(!strings.ContainsFunc(name+value, func(r rune) bool { return r < ' ' || r > '~' }), "part edit: parameter %q of a media type", clean([]byte(name), 80))
	}
}

// results checks what an action shows to its caller.
func (k *checker) results(rs []abi.Pair) {
	if len(rs) == 0 {
		return
	}
	k.that(k.ev.Stage == abi.StageAction, "results are for stage action")
	k.count("results", len(rs), maxResults)
	size := 0
	for _, r := range rs {
		size += len(r.Key) + len(r.Value)
		k.that(r.Key != "", "a result without a key")
		k.line("result: key", r.Key, maxClass)
		k.that(len(r.Value) <= maxResultValue, "a result of %d octets; at most %d", len(r.Value), maxResultValue)
		k.that(!hasControl(strings.ReplaceAll(r.Value, "\n", "")), "a result contains a control character")
	}
	k.that(size <= maxResultsSize, "results of %d octets; at most %d", size, maxResultsSize)
}
