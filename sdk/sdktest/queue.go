package sdktest

import (
	"strconv"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// Order is what a plugin ordered of a message.
type Order struct {
	Verb string // "release", "reject", "delete"
	abi.MessageOrder
}

// Schedule records into Host.Scheduled; the same name and key replaces what is
// there, a time of 0 drops it.
func (h fake) Schedule(req []byte) error {
	var r abi.ScheduleRequest
	if err := r.Decode(req); err != nil {
		return refuse(sdk.ErrBadArgument, err.Error())
	}
	if r.Name == "" {
		return refuse(sdk.ErrBadArgument, "a schedule has a name")
	}
	kept := h.Scheduled[:0]
	for _, s := range h.Scheduled {
		if s.Name != r.Name || s.Key != r.Key {
			kept = append(kept, s)
		}
	}
	if h.Scheduled = kept; r.AtUnixMs != 0 {
		h.Scheduled = append(h.Scheduled, r)
	}
	return nil
}

func (h fake) message(req []byte) (*abi.MessageInfo, abi.MessageOrder, error) {
	var o abi.MessageOrder
	if err := o.Decode(req); err != nil {
		return nil, o, refuse(sdk.ErrBadArgument, err.Error())
	}
	m := h.Messages[o.ID]
	if m == nil {
		return nil, o, refuse(sdk.ErrNotFound, "no such message")
	}
	return m, o, nil
}

func (h fake) MessageGet(req []byte) ([]byte, error) {
	m, _, err := h.message(req)
	if err != nil {
		return nil, err
	}
	return m.Append(nil), nil
}

// MessageOrder records into Host.Orders; the messages stay as the test made them.
func (h fake) MessageOrder(verb string, req []byte) (int, error) {
	m, o, err := h.message(req)
	if err != nil {
		return 0, err
	}
	h.Orders = append(h.Orders, Order{verb, o})
	n := 0
	for i := range m.Recipients {
		if o.Recipient == 0 || m.Recipients[i].N == o.Recipient {
			n++
		}
	}
	return n, nil
}

// MessageSubmit records into Host.Submitted; the IDs are "submitted-1" and so on.
func (h fake) MessageSubmit(req []byte) ([]byte, error) {
	var s abi.Submission
	if err := s.Decode(req); err != nil {
		return nil, refuse(sdk.ErrBadArgument, err.Error())
	}
	if len(s.To) == 0 {
		return nil, refuse(sdk.ErrBadArgument, "a notice goes to somebody")
	}
	h.Submitted = append(h.Submitted, s)
	return []byte("submitted-" + strconv.Itoa(len(h.Submitted))), nil
}
