package unlock

import (
	"strconv"
	"strings"

	"github.com/mailweir/weir/plugins/internal/archive"
	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// conclude says what came of it, and releases where that is asked for.
func (x *opening) conclude(c *sdk.Call, v *sdk.Verdict, m *abi.MessageInfo, release bool) error {
	wrong := 0
	for _, a := range x.archives {
		wrong += a.Wrong
	}
	switch {
	case len(x.archives) == 0 && len(x.problems)+len(x.found) == 0:
		v.Text = "there is no archive that needs a password"
		return nil
	case wrong > 0:
		_ = c.Count("wrong", 1)
		v.Text = "kept: the password is wrong"
		return nil
	case len(x.found) > 0:
		_ = c.Count("forbidden", 1)
		v.Text = "kept: there is something forbidden in it"
		return nil
	case len(x.problems) > 0 || len(x.archives) == 0:
		v.Text = "kept: not all of it can be inspected"
		return nil
	}
	_ = c.Count("opened", 1)
	if !release {
		v.Text = "opened: nothing forbidden is in it"
		return nil
	}
	return x.release(c, v, m)
}

// release lets go those recipients that are held for encrypted archives alone.
// The call is about those recipients that the caller may see.
func (x *opening) release(c *sdk.Call, v *sdk.Verdict, m *abi.MessageInfo) error {
	reason := "opened with the password that " + who(c.Actor) + " gave, and inspected: " + count(x.opened(), "entry", "entries") + ", nothing forbidden"
	released, other := 0, ""
	for i := range m.Recipients {
		r := &m.Recipients[i]
		if r.Status != "stalled" && r.Status != "quarantined" {
			continue
		}
		if why := otherwise(r); why != "" {
			other = why
			continue
		}
		n, err := c.Release(abi.MessageOrder{ID: m.ID, Recipient: r.N, Reason: reason})
		if err != nil {
			return sdk.Error("releasing: " + err.Error())
		}
		released += n
	}
	v.Result("released", strconv.Itoa(released))
	switch {
	case released > 0:
		v.Text = "released: nothing forbidden is in it"
	case other != "":
		v.Text = "kept: nothing forbidden is in it, but the message is held for " + other + " too"
	default:
		v.Text = "nothing forbidden is in it, and the message is not held"
	}
	if released > 0 && other != "" {
		v.Result("kept", "other recipients, for "+other)
	}
	return nil
}

func (x *opening) opened() int {
	n := 0
	for _, a := range x.archives {
		n += a.Opened
	}
	return n
}

func who(actor string) string {
	if actor == "" {
		return "somebody"
	}
	return actor
}

// allTold is how many findings the host tells of a recipient; where there are
// so many, there may be more.
const allTold = 50

// otherwise is the class of what a recipient's message is held for besides
// encrypted archives; "" nothing.
func otherwise(r *abi.RecipientInfo) string {
	const own = "unscannable/" + archive.Encrypted
	if r.Class != "" && r.Class != own && !strings.HasPrefix(r.Class, own+"/") {
		return r.Class
	}
	if len(r.Findings) >= allTold {
		return "more than can be told"
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Main == "unscannable" && f.Sub == archive.Encrypted {
			continue
		}
		if f.Action >= abi.ActionQuarantine {
			return strings.TrimRight(f.Main+"/"+f.Sub, "/")
		}
	}
	return ""
}
