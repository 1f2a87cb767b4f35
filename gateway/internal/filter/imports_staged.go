package filter

import (
	"github.com/mailweir/weir/sdk/abi"
)

// maxContent is how many octets the part edits of one verdict may have, with
// what was staged.
const maxContent = 256 << 10

// editable says why the message cannot be changed in this call, "" if it can.
func (c *call) editable() string {
	switch {
	case c.msg == nil:
		return noMessage
	case c.stage != abi.StageHeaders && c.stage != abi.StageMessage:
		return "parts are changed at stages headers and message"
	}
	return ""
}

func bodyWrite(_ *instance, c *call, mem guestMemory, st []uint64) {
	part, b := int32(uint32(st[0])), mem.at(st[1], st[2])
	if why := c.editable(); why != "" {
		result(st, c.fail(abi.ErrUnavailable, why))
		return
	}
	if part < 0 || int(part) >= len(c.partList().Parts) {
		result(st, c.fail(abi.ErrBadArgument, errNoPart.Error()))
		return
	}
	if c.stagedSize+len(b) > maxContent {
		result(st, c.fail(abi.ErrTooLarge, "the content of a call's part edits has at most 256 KiB"))
		return
	}
	if c.staged == nil {
		c.staged = map[uint32][]byte{}
	}
	c.stagedSize += len(b)
	c.staged[uint32(part)] = append(c.staged[uint32(part)], b...)
	result(st, int32(len(c.staged[uint32(part)])))
}
