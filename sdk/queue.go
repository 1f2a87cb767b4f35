package sdk

import "github.com/mailweir/weir/sdk/abi"

// Schedule plans a call of stage schedule with this name and payload, at least
// once and durably. The same name and key again replaces what was planned; a
// time of 0 drops it. It needs grant queue, as all calls of this file do, and a
// tenant.
func (c *Call) Schedule(r abi.ScheduleRequest) error { return hostSchedule(c.h, r.Append(nil)) }

// Message is what is recorded of a message of this call's tenant, with its
// recipients of this tenant; ErrNotFound for any other.
func (c *Call) Message(id string) (*abi.MessageInfo, error) {
	b, err := hostMessageGet(c.h, (&abi.MessageOrder{ID: id}).Append(nil))
	if err != nil {
		return nil, err
	}
	m := new(abi.MessageInfo)
	return m, m.Decode(b)
}

// Release sends a held message on and says how many recipients it changed.
func (c *Call) Release(o abi.MessageOrder) (changed int, err error) {
	return hostMessageRelease(c.h, o.Append(nil))
}

// Reject removes a message, and tells an authenticated sender.
func (c *Call) Reject(o abi.MessageOrder) (changed int, err error) {
	return hostMessageReject(c.h, o.Append(nil))
}

// Delete removes a message.
func (c *Call) Delete(o abi.MessageOrder) (changed int, err error) {
	return hostMessageDelete(c.h, o.Append(nil))
}

// Submit sends a notice in the tenant's name, with a null reverse-path, and
// gives its message ID.
func (c *Call) Submit(s abi.Submission) (id string, err error) {
	b, err := hostMessageSubmit(c.h, s.Append(nil))
	return string(b), err
}

// Params are the parameters of an action (stage action), an object; null where
// the event has none.
func (c *Call) Params() (abi.Value, error) {
	var v abi.Value
	if len(c.Payload) == 0 {
		return v, nil
	}
	return v, v.Decode(c.Payload)
}
