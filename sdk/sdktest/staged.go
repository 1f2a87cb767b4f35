package sdktest

import (
	"strconv"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func (h fake) BodyWrite(part int32, b []byte) error {
	if part < 0 || int(part) >= len(h.parts.Parts) {
		return refuse(sdk.ErrBadArgument, "no such part")
	}
	total := len(b)
	for _, s := range h.Staged {
		total += len(s)
	}
	if total > maxStaged {
		return refuse(sdk.ErrTooLarge, "the content of a call's edits has at most 256 KiB")
	}
	h.Staged[part] = append(h.Staged[part], b...)
	return nil
}

// settle puts staged content behind the text of its edit, as the gateway does.
func (h *Host) settle(v *abi.Verdict) error {
	used := map[int32]bool{}
	for i := range v.PartEdits {
		e := &v.PartEdits[i]
		if s, ok := h.Staged[int32(e.Part)]; ok && e.Op != abi.PartOpRemove && !used[int32(e.Part)] {
			e.Text = append(e.Text, s...)
			used[int32(e.Part)] = true
		}
	}
	for part := range h.Staged {
		if !used[part] {
			return sdk.Error("content was staged for part " + strconv.Itoa(int(part)) + ", and no edit of the verdict takes it")
		}
	}
	return nil
}
