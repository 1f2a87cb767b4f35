package policy

import "github.com/mailweir/weir/sdk/abi/grant"

// valueKind says what an attribute's value is: how it is checked, what Go
// value comes out, and what the reference calls it.
type valueKind int

const (
	kString         valueKind = iota // string
	kBool                            // bool
	kInt                             // int, between min and max
	kNumber                          // float64, between min and max
	kDuration                        // time.Duration
	kBytes                           // int64 octets
	kDomain                          // string: a host or domain name, lower-case A-labels
	kDomains                         // []string
	kAddresses                       // []string: e-mail addresses
	kParties                         // []string: addresses, domains or patterns such as *@acme.test
	kStrings                         // []string
	kListen                          // string: address to listen on, host:port or :port
	kHostPorts                       // []string: host:port; the port may be left out
	kRouteHosts                      // []string: host:port, or unix:/path; the port may be left out
	kMX                              // string: a domain name, or "*"
	kDomainPatterns                  // []string: domain names or patterns such as *.google.com, lower case
	kAddress                         // string: an e-mail address
	kSenders                         // []string: as kParties, or <> for the null path
	kRate                            // rate
	kPassword                        // string that no message quotes
	kIP4                             // string: an IPv4 address
	kIP6                             // string: an IPv6 address
	kPrefixes                        // []netip.Prefix: IP addresses and networks
	kPath                            // string: a path, resolved against the config's folder
	kFile                            // string: a path of a regular file that exists
	kStageStrings                    // map[string]string: one for all stages, or by stage
	kStageTimes                      // map[string]time.Duration: one for all stages, or by stage
	kGrant                           // []string, nil when not granted: true, or a list of what is granted
	kRef                             // string: name of what a reference names
	kRefs                            // []string
	kCondition                       // an expression about a message, kept: bool
	kDisposition                     // an expression about a message, kept: a disposition
	kCalls                           // an expression about a message, kept: a list of call(…)
	kAny                             // cty.Value
	kType                            // an HCL type expression, kept
)

// attrSpec is one attribute of the language.
type attrSpec struct {
	name     string
	kind     valueKind
	required bool
	def      string // default as HCL writes it, without quotes; "" none
	defDoc   string // how the reference words a default that is worked out
	oneOf    []string
	min, max float64 // kInt, kNumber, kDuration (seconds), kBytes; max 0: no limit
	ref      string  // kRef, kRefs: the block type referred to
	doc      string  // one or two sentences
}

// blockSpec is one block type of the language.
type blockSpec struct {
	name   string
	label  string                       // name of the one label, "" none
	many   bool                         // may stand more than once
	must   bool                         // must stand at least once
	raw    bool                         // body is not ours: a plugin's config
	free   bool                         // any attribute name: locals
	parse  func(string) (string, error) // of a label that is no plain name
	like   string                       // the block of the top level that documents what this one shares with it
	attrs  []attrSpec
	blocks []*blockSpec
	doc    string
	sample string // an example for the reference
}

// attr finds an attribute's spec.
func (b *blockSpec) attr(name string) *attrSpec {
	for i := range b.attrs {
		if b.attrs[i].name == name {
			return &b.attrs[i]
		}
	}
	return nil
}

// block finds a nested block's spec.
func (b *blockSpec) block(name string) *blockSpec {
	for _, n := range b.blocks {
		if n.name == name {
			return n
		}
	}
	return nil
}

// attrNames and blockNames are for suggestions.
func (b *blockSpec) attrNames() []string {
	var out []string
	for i := range b.attrs {
		out = append(out, b.attrs[i].name)
	}
	return out
}

func (b *blockSpec) blockNames() []string {
	var out []string
	for _, n := range b.blocks {
		out = append(out, n.name)
	}
	return out
}

// what is a kind's name in a sentence: "must be …".
func (a *attrSpec) what() string {
	switch a.kind {
	case kString:
		return "a string"
	case kBool:
		return "true or false"
	case kInt:
		return "a whole number"
	case kNumber:
		return "a number"
	case kDuration:
		return `a duration such as "30s", "15m", "4h", "4d" or "1w"`
	case kBytes:
		return `a size such as "512KiB", "50MiB" or "1GiB"`
	case kDomain:
		return `a domain name such as "mx.acme.test"`
	case kDomains:
		return `a list of domain names`
	case kAddresses:
		return `a list of e-mail addresses`
	case kParties:
		return `a list of addresses, domains or patterns such as "*@acme.test"`
	case kStrings:
		return "a list of strings"
	case kListen:
		return `an address to listen on such as "127.0.0.1:2525" or ":25"`
	case kHostPorts:
		return `a list of hosts such as "mail.acme.test:25"`
	case kRouteHosts:
		return `a list of hosts such as "mail.acme.test:25"`
	case kMX:
		return `a domain name such as "acme.test", or "*"`
	case kDomainPatterns:
		return `a list of domain names or patterns such as "*.acme.test"`
	case kAddress:
		return `an e-mail address`
	case kSenders:
		return `a list of addresses, domains or patterns such as "*@acme.test", or "<>"`
	case kRate:
		return `a number of messages and a time such as "600/1m" or "10/1s", or "none"`
	case kPassword:
		return `a string`
	case kIP4:
		return `an IPv4 address`
	case kIP6:
		return `an IPv6 address`
	case kPrefixes:
		return `a list of IP addresses or networks such as "10.0.0.0/8"`
	case kPath, kFile:
		return `a path, relative to the folder of the configuration`
	case kStageStrings:
		return `a string, or an object from stage to string such as { message = "stall" }`
	case kStageTimes:
		return `a duration, or an object from stage to duration such as { message = "5s" }`
	case kGrant:
		if grant.NeedsList(a.name) {
			return "a list, each entry " + grant.Form(a.name)
		}
		return `true, or a list of what is granted`
	case kRef:
		return "a reference such as " + a.ref + ".NAME"
	case kRefs:
		return "a list of references such as [" + a.ref + ".NAME]"
	case kCondition:
		return "a condition about the message"
	case kDisposition:
		return `a disposition such as quarantine("reason")`
	case kCalls:
		return `a list of calls such as [call(plugin.NAME, "action")]`
	case kType:
		return "a type such as string, number, bool or list(string)"
	}
	return "a value"
}
