package interop_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/peers"
)

// swaks is a client that other people test mail servers with.
func TestSwaksDeliversThroughTheGateway(t *testing.T) {
	t.Parallel()
	sink := startSink(t)
	g := startGateway(t, relayPolicy(sink.addr, "30s", takeAll))
	octets := bytes.Repeat([]byte{0, 1, 0xff, '\r', '\n', '.'}, 500)
	attachment := filepath.Join(t.TempDir(), "octets.bin")
	if err := os.WriteFile(attachment, octets, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		says string // in the dialogue
		want string // in the message
	}{
		{"plain", []string{"--body", "a line\n.\n..\n.dot"}, "250 2.0.0 Ok: delivered", "a line\n.\n..\n.dot\n"},
		{"STARTTLS", []string{"--tls", "--body", "in secret"}, "=== TLS started", "with ESMTPS id"},
		{"pipelined", []string{"--pipeline", "--body", "in one go"}, "250 2.0.0 Ok: delivered", "in one go"},
		{"eight bits", []string{"--body", "na\u00efve \u20ac", "--header", "Subject: gr\u00fc\u00dfe", "--h-X-Raw", "\xff\xfe"}, "250 2.0.0 Ok: delivered", "na\u00efve \u20ac"},
		{"attachment", []string{"--attach-type", "application/octet-stream", "--attach", "@" + attachment}, "250 2.0.0 Ok: delivered", "Content-Type: application/octet-stream"},
		{"many recipients", []string{"--to", "a@dest.test,b@dest.test,c@DEST.test", "--body", "to three"}, "250 2.0.0 Ok: delivered", "to three"},
		{"null sender", []string{"--from", "<>", "--body", "from nobody"}, "250 2.0.0 Ok: delivered", "from nobody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := sink.count(t)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			args := append([]string{"--helo", "client.test", "--from", "swaks@client.test", "--to", "box@dest.test", "--h-X-Case", c.name}, c.args...)
			out, err := peers.Swaks(ctx, g.listener("mx"), args...)
			absent(t, err)
			if !strings.Contains(out, c.says) {
				t.Errorf("the dialogue lacks %q:\n%s", c.says, out)
			}
			if n := sink.count(t) - before; n != 1 {
				t.Fatalf("%d messages arrived", n)
			}
			var got arrival
			for _, m := range sink.messages(t) {
				if strings.Contains(m.text, "X-Case: "+c.name+"\n") {
					got = m
				}
			}
			if !strings.Contains(got.text, c.want) {
				t.Errorf("the message lacks %q:\n%q", c.want, got.text)
			}
			switch c.name {
			case "many recipients":
				if len(got.to) != 3 {
					t.Errorf("recipients %q", got.to)
				}
			case "null sender":
				if !strings.HasPrefix(got.from, "<>") {
					t.Errorf("sender %q", got.from)
				}
			case "attachment":
				if !strings.Contains(strings.ReplaceAll(got.text, "\n", ""), base64.StdEncoding.EncodeToString(octets)) {
					t.Error("the attachment is not what it was")
				}
			}
		})
	}
}
