package sdk

import "strings"

var (
	only    Plugin  // by Register; instances follow it when it is called again
	anyName bool    // Register was called: only is for every name
	named   []entry // by RegisterAs
)

type entry struct {
	name string
	Plugin
}

// Register makes p the plugin of this module; the last call counts.
func Register(p Plugin) { only, anyName = p, true }

// RegisterAs makes p one of the plugins of this module, the one that runs where
// the module's manifest has this name; the last call for a name counts. Modules
// that differ in nothing but their manifests share their compiled code in the
// gateway, so plugins that have much of their code in common are cheaper
// together. An import that one of them uses is there for all: their manifests
// ask for its grant, as optional where the plugin itself does not need it.
//
// What Register was given runs under every other name. Where there is none, an
// unknown name fails weir_init. A host that gives no name (before minor 1, and
// package sdktest) gets the only plugin there is.
func RegisterAs(name string, p Plugin) {
	for i := range named {
		if named[i].name == name {
			named[i].Plugin = p
			return
		}
	}
	named = append(named, entry{name, p})
}

// choose finds the plugin that the host asks for.
func choose(name string) (*Plugin, error) {
	for i := range named {
		if e := &named[i]; e.name == name || name == "" && len(named) == 1 && !anyName {
			return &e.Plugin, nil
		}
	}
	switch {
	case anyName || len(named) == 0: // without hooks each call says so
		return &only, nil
	case name == "":
		return nil, Error("the host does not say which plugin this is to be, and the program has " + names() + ": it needs a newer host")
	}
	return nil, Error("the program has no plugin " + name + "; it has " + names() + ". The name in the manifest must be one of these")
}

func names() string {
	var out []string
	for i := range named {
		out = append(out, named[i].name)
	}
	return strings.Join(out, ", ")
}
