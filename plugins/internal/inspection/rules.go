package inspection

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mailweir/weir/plugins/internal/filetype"
	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// Sub classes of main class attachment.
const (
	Executable      = "executable"
	DoubleExtension = "double-extension"
	Disguised       = "disguised"
)

// File is what is judged.
type File struct {
	Names    []string
	Media    []string
	Type     filetype.Type
	Size     int64 // -1 unknown
	Inside   bool  // in an archive
	Document bool  // part of a document that is a ZIP: its name means nothing
	Starts   bool  // a script or DOS program that begins as one
}

// Judgement is what a rule says of a file.
type Judgement struct {
	Main, Sub, Extra string
	Action           abi.Action // with Strip: ActionContinue
	Strip            bool       // take the part away
	Code             uint32     // of a rejection
	Reason           string     // in words: "is a Windows program"
	Text             string     // what the peer and the recipient are told, "" nothing of one's own
}

// Rules are a compiled configuration.
type Rules struct {
	rules    []rule
	defaults map[string]outcome // by sub class
	exts     map[string]bool
}

// outcome is what is to be done.
type outcome struct {
	off, strip bool
	action     abi.Action
}

func outcomeOf(s string, otherwise outcome) (outcome, bool) {
	switch s {
	case "":
		return otherwise, true
	case "off", "pass":
		return outcome{off: true}, true
	case "strip":
		return outcome{strip: true}, true
	case "reject":
		return outcome{action: abi.ActionReject}, true
	case "quarantine":
		return outcome{action: abi.ActionQuarantine}, true
	case "stall":
		return outcome{action: abi.ActionStall}, true
	case "discard":
		return outcome{action: abi.ActionDiscard}, true
	}
	return outcome{}, false
}

// rule is one rule block: a file that all of it applies to.
type rule struct {
	label                         string
	exts, names, types            []string
	executable, double, disguised *bool
	inside                        *bool
	least, most                   int64 // octets, 0 without bound
	do                            outcome
	main, sub, extra              string
	code                          uint32
	reason                        string
}

// Build reads a configuration, or a block of one.
func Build(v abi.Value) (*Rules, error) {
	s := &Rules{defaults: map[string]outcome{}, exts: map[string]bool{}}
	for _, d := range []struct {
		attr, sub string
		def       abi.Action
	}{{"executables", Executable, abi.ActionReject}, {"double_extension", DoubleExtension, abi.ActionReject}, {"disguised", Disguised, abi.ActionQuarantine}} {
		o, ok := outcomeOf(v.Get(d.attr).String, outcome{action: d.def})
		if !ok {
			return nil, sdk.Error(d.attr + ": there is no action " + v.Get(d.attr).String)
		}
		s.defaults[d.sub] = o
	}
	for _, e := range Extensions {
		s.exts[e] = true
	}
	for _, e := range extensionsOf(v.Get("more_extensions")) {
		s.exts[e] = true
	}
	for _, e := range extensionsOf(v.Get("except_extensions")) {
		delete(s.exts, e)
	}
	for _, b := range v.Get("rule").Items {
		r, err := ruleOf(b)
		if err != nil {
			return nil, sdk.Error(`rule "` + r.label + `": ` + err.Error())
		}
		s.rules = append(s.rules, r)
	}
	return s, nil
}

// Strips reports whether any of it may strip parts.
func (s *Rules) Strips() bool {
	for _, o := range s.defaults {
		if o.strip {
			return true
		}
	}
	return slices.ContainsFunc(s.rules, func(r rule) bool { return r.do.strip })
}

func extensionsOf(v abi.Value) []string {
	var out []string
	for _, e := range v.StringList() {
		if e = strings.ToLower(strings.TrimLeft(strings.TrimSpace(e), "*.")); e != "" {
			out = append(out, e)
		}
	}
	return out
}

func lower(list []string) []string {
	for i, s := range list {
		list[i] = strings.ToLower(s)
	}
	return list
}

func ruleOf(v abi.Value) (r rule, err error) {
	if l := v.Get("_labels").StringList(); len(l) > 0 {
		r.label = l[0]
	}
	r.exts, r.names, r.types = extensionsOf(v.Get("extension")), lower(v.Get("name").StringList()), lower(v.Get("type").StringList())
	flag := func(name string) *bool {
		if f := v.Get(name); !f.IsNull() {
			b := f.Bool
			return &b
		}
		return nil
	}
	r.executable, r.double, r.disguised, r.inside = flag("executable"), flag("double_extension"), flag("disguised"), flag("in_archive")
	r.least, r.most = int64(v.Get("min_size").Number), int64(v.Get("max_size").Number)
	if len(r.exts)+len(r.names)+len(r.types) == 0 && r.executable == nil && r.double == nil && r.disguised == nil && r.least == 0 && r.most == 0 {
		return r, sdk.Error("it needs one of extension, name, type, executable, double_extension, disguised, min_size, max_size")
	}
	for _, t := range r.types {
		if !strings.Contains(t, "/") && media[filetype.Type(t)] == "" && t != "archive" && t != "program" {
			return r, sdk.Error("type: there is no type " + t + "; give a media type (application/zip, video/*), a type's name (zip, pe, pdf), archive or program")
		}
	}
	action := v.Get("action").String
	ok := false
	if r.do, ok = outcomeOf(action, outcome{action: abi.ActionReject}); !ok {
		return r, sdk.Error("there is no action " + action)
	}
	class := strings.Split(v.Get("class").String, "/")
	if class[0] == "" {
		class = []string{"attachment", "rule"}
	}
	if len(class) > 3 {
		return r, sdk.Error("class: it has at most three words (main/sub/extra)")
	}
	class = append(class, "", "")
	r.main, r.sub, r.extra = class[0], class[1], class[2]
	r.code = uint32(v.Get("code").Number)
	if r.code != 0 && (r.code < 500 || r.code > 599) {
		return r, sdk.Error("code: " + strconv.Itoa(int(r.code)) + " rejects nothing; it is one of 500 to 599")
	}
	r.reason = v.Get("reason").String
	return r, nil
}

// facts of one file, found once.
type facts struct {
	f                       *File
	names                   []string // variants of all its names
	byName, byContent, dual string   // why it is a program, has two extensions
	disguise                string
}

// Judge tells what the first rule that applies to a file says of it, and then
// the defaults. ok is false where nothing is to be said.
func (s *Rules) Judge(f *File) (j Judgement, ok bool) {
	x := s.facts(f)
	for i := range s.rules {
		if r := &s.rules[i]; r.applies(x) {
			if r.do.off {
				return j, false
			}
			why := r.reason
			if why == "" {
				why = `rule "` + r.label + `" does not let it pass`
			}
			return Judgement{Main: r.main, Sub: r.sub, Extra: r.extra, Action: r.do.action, Strip: r.do.strip, Code: r.code, Reason: ": " + why, Text: r.reason}, true
		}
	}
	for _, d := range []struct{ sub, why string }{{DoubleExtension, x.dual}, {Disguised, x.disguise}, {Executable, x.program()}} {
		if o := s.defaults[d.sub]; d.why != "" && !o.off {
			return Judgement{Main: "attachment", Sub: d.sub, Action: o.action, Strip: o.strip, Reason: " " + d.why}, true
		}
	}
	return j, false
}

func (x *facts) program() string {
	if x.byContent != "" {
		return x.byContent
	}
	return x.byName
}

func (s *Rules) facts(f *File) *facts {
	x := &facts{f: f}
	text, named := false, false
	if !f.Document {
		for _, n := range f.Names {
			for _, v := range variants(n) {
				x.names = append(x.names, v)
				ext := extension(v)
				named = named || ext != ""
				text = text || written[ext]
				switch {
				case s.exts[ext]:
					if ext == "com" && settled(f.Type) { // a domain's name
						continue
					}
					if x.byName = "is a program or has others run, by its name (." + ext + ")"; turned(n) {
						x.dual = "has a name that is written to look like another (." + ext + ")"
					} else if d := extension(stem(v)); decoys[d] {
						x.dual = "has two extensions (." + d + "." + ext + ")"
					}
				case harmless[ext] && (program(f.Type) || packed(f.Type) && !(f.Type == filetype.ZIP && zippedName[ext])):
					x.disguise = "is called ." + ext + ", and is " + word(f.Type)
				}
			}
		}
	}
	switch {
	case f.Document && f.Type != filetype.PE && f.Type != filetype.ELF && f.Type != filetype.MachO:
	case program(f.Type), f.Type == filetype.DOS && f.Starts, f.Type == filetype.Script && f.Starts && !text:
		x.byContent = "is " + word(f.Type)
	}
	return x
}

// settled: content that is a document, so that a name that ends like a
// program's is another's.
func settled(t filetype.Type) bool {
	switch t {
	case filetype.Unknown, filetype.Text, filetype.Script, filetype.DOS, filetype.PE, filetype.ELF, filetype.MachO:
		return false
	}
	return true
}

func (r *rule) applies(x *facts) bool {
	f := x.f
	is := func(want *bool, have bool) bool { return want == nil || *want == have }
	switch {
	case r.inside != nil && *r.inside != f.Inside,
		!is(r.executable, x.program() != ""), !is(r.double, x.dual != ""), !is(r.disguised, x.disguise != ""),
		r.least > 0 && f.Size < r.least, r.most > 0 && (f.Size > r.most || f.Size < 0):
		return false
	}
	return (len(r.exts) == 0 || slices.ContainsFunc(r.exts, x.ends)) &&
		(len(r.names) == 0 || slices.ContainsFunc(r.names, x.called)) &&
		(len(r.types) == 0 || slices.ContainsFunc(r.types, x.of))
}

func (x *facts) ends(ext string) bool {
	return slices.ContainsFunc(x.names, func(n string) bool { return strings.HasSuffix(n, "."+ext) })
}

func (x *facts) called(pattern string) bool {
	return slices.ContainsFunc(x.names, func(n string) bool { return wildcard(pattern, n) })
}

// of: by content, or as it is declared.
func (x *facts) of(t string) bool {
	c := x.f.Type
	switch t {
	case "archive":
		return c.Container() || c == filetype.ZIP
	case "program":
		return x.byContent != ""
	}
	if !strings.Contains(t, "/") {
		return string(c) == t
	}
	if m := media[c]; m != "" && wildcard(t, m) {
		return true
	}
	return slices.ContainsFunc(x.f.Media, func(m string) bool { return wildcard(t, m) })
}
