package api

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// The table of routes in docs/api.md stands between these lines.
const (
	guideBegin = "<!-- routes: written by go generate ./gateway -->\n"
	guideEnd   = "<!-- end of routes -->\n"
)

// Guide puts the routes as they are into the table of a guide.
func Guide(text []byte) ([]byte, error) {
	i, j := bytes.Index(text, []byte(guideBegin)), bytes.Index(text, []byte(guideEnd))
	if i < 0 || j < i {
		return nil, fmt.Errorf("the guide has no place for routes: the lines %q and %q", strings.TrimSpace(guideBegin), strings.TrimSpace(guideEnd))
	}
	var b bytes.Buffer
	b.Write(text[:i+len(guideBegin)])
	writeRoutes(&b, newServer(Services{}).register(http.NewServeMux()))
	b.Write(text[j:])
	return b.Bytes(), nil
}

func writeRoutes(b *bytes.Buffer, doc *huma.OpenAPI) {
	type line struct{ path, method, does string }
	by, order := map[string][]line{}, []string{}
	for path, item := range doc.Paths {
		for method, op := range map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete, http.MethodPatch: item.Patch,
		} {
			if op == nil {
				continue
			}
			tag := op.Tags[0]
			if by[tag] == nil {
				order = append(order, tag)
			}
			by[tag] = append(by[tag], line{path, method, op.Summary})
		}
	}
	slices.Sort(order)
	for _, tag := range order {
		fmt.Fprintf(b, "\n### %s\n\n| Route | Does |\n|---|---|\n", strings.ToUpper(tag[:1])+tag[1:])
		slices.SortFunc(by[tag], func(x, y line) int {
			return strings.Compare(x.path+" "+x.method, y.path+" "+y.method)
		})
		for _, l := range by[tag] {
			fmt.Fprintf(b, "| `%s %s` | %s |\n", l.method, l.path, strings.ReplaceAll(l.does, "|", "\\|"))
		}
	}
	b.WriteByte('\n')
}
