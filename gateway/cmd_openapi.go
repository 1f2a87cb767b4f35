package main

import (
	"os"

	"github.com/mailweir/weir/gateway/internal/api"
)

//go:generate go run . openapi --output docs/openapi.json

// OpenAPICmd prints the document that a gateway serves at /openapi.json.
type OpenAPICmd struct {
	Output string `short:"o" placeholder:"PATH" help:"Write to a file."`
}

// Run writes the document.
func (c *OpenAPICmd) Run() error {
	doc, err := api.OpenAPI()
	if err != nil {
		return err
	}
	if c.Output != "" {
		return os.WriteFile(c.Output, doc, 0o644)
	}
	_, err = os.Stdout.Write(doc)
	return err
}
