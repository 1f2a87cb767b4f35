// Package openapi31 has somebody else's validator judge the API's document and
// the answers that its routes give. It stands apart, for the validator takes
// longer to compile than all of the API, and it holds nothing but tests.
package openapi31
