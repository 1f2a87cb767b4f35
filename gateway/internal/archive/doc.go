// Package archive keeps copies of mail for a tenant, encrypted under the
// tenant's own key, apart from the queue's bodies and for as long as the tenant
// says (B57–B60, B81).
//
// It does not decide what is archived or who may read it: policy and the
// lifecycle table do.
package archive
