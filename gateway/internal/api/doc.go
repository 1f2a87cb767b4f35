// Package api is the gateway's HTTP interface: JSON under /v1 with an OpenAPI
// 3.1 document at /openapi.json, health, and metrics. The same handler serves
// the unix socket, whose reader is the administrator, and the admin listener,
// which asks for a token.
//
// It is not for behaviour: it reads a request, calls the verb or the search it
// names on an explicit scope, and writes the answer. It knows neither the
// storage engine nor filters nor delivery.
package api
