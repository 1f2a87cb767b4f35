package notify

import (
	"testing"

	"github.com/mailweir/weir/gateway/internal/store"
)

// A plugin's notes stand under its name; whatever it is called, it cannot
// make the gateway write to a sender.
func TestNoPluginCanOweADSN(t *testing.T) {
	for _, plugin := range []string{"gateway", "dsn", "weir"} {
		m := &store.Message{Recipients: []store.Recipient{{Notes: map[string]string{plugin + ".dsn": "removed somebody"}}}}
		if Owes(m) {
			t.Errorf("plugin %q made a debt", plugin)
		}
	}
	r := store.Recipient{}
	Owe(&r, CauseHeld, "")
	if !Owes(&store.Message{Recipients: []store.Recipient{r}}) {
		t.Error("nothing is owed")
	}
}
