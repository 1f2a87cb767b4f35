package conformance

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/mailweir/weir/gateway/internal/toolchain"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/c"
)

// TestCInSeveralFiles: the header stands in each file of a plugin, its code in one.
func TestCInSeveralFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"code.c": "#define WEIR_IMPLEMENTATION\n#include \"weir.h\"\n",
		"hooks.c": "#include <stdbool.h>\n#include \"weir.h\"\n#include \"tag.h\"\n" +
			"WEIR_PLUGIN({WEIR_STAGE_MESSAGE, tag}, {WEIR_STAGE_RCPT_TO, tag})\n",
		"tag.c": "#include \"weir.h\"\n#include \"tag.h\"\n" +
			"int tag(weir_call *c, weir_verdict *v) {\n  weir_tag(v, weir_cat(WEIR_S(\"from \"), c->event.sender));\n  return 0;\n}\n",
		"tag.h":         "int tag(weir_call *c, weir_verdict *v);\n",
		"manifest.json": `{"name":"files","version":"1","abi":1,"minor":0,"hooks":["message","rcpt_to"],"config":{}}`,
	} {
		if err := write(filepath.Join(dir, "c", name), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	h := newHost(t, guest{"c files", toolchain.C, "c", c.Files, dir})
	v, err := h.Call(context.Background(), "guest", &abi.Event{Stage: abi.StageRcptTo, Sender: "a@b.test"}, nil)
	if err != nil || len(v.Tags) != 1 || v.Tags[0] != "from a@b.test" {
		t.Errorf("%+v, %v", v, err)
	}
}
