package main

import (
	"fmt"
	"os"

	"github.com/mailweir/weir/gateway/internal/api"
)

//go:generate go run . openapi --output docs/openapi.json --guide docs/api.md

// OpenAPICmd prints the document that a gateway serves at /openapi.json.
type OpenAPICmd struct {
	Output string `short:"o" placeholder:"PATH" help:"Write to a file."`
	Guide  string `placeholder:"PATH" help:"Bring the table of routes in this guide up to date."`
}

// Run writes the document.
func (c *OpenAPICmd) Run() error {
	doc, err := api.OpenAPI()
	if err != nil {
		return err
	}
	if c.Guide != "" {
		text, err := os.ReadFile(c.Guide)
		if err == nil {
			text, err = api.Guide(text)
		}
		if err == nil {
			err = os.WriteFile(c.Guide, text, 0o644)
		}
		if err != nil {
			return fmt.Errorf("writing the guide: %w", err)
		}
	}
	if c.Output != "" {
		return os.WriteFile(c.Output, doc, 0o644)
	}
	_, err = os.Stdout.Write(doc)
	return err
}
