package queue

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/deliver"
)

// hostRoute is the prefix of the route of mail that an operator sends to a
// host of their choice (B93). It stands in no policy and outlives each.
const hostRoute = "host:"

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)

// HostRoute names the route to one host, "name", "name:port", an IP address or
// "[address]:port". TLS is used where the host offers it.
func HostRoute(host string) (string, error) {
	name, port := host, "25"
	if h, p, err := net.SplitHostPort(host); err == nil {
		name, port = h, p
	}
	n, err := strconv.ParseUint(port, 10, 16)
	_, ip := netip.ParseAddr(strings.Trim(name, "[]"))
	if err != nil || n == 0 || len(name) > 253 || ip != nil && !hostName.MatchString(name) {
		return "", fmt.Errorf(`%.80q is not a host; write it as mail.example.org, mail.example.org:587 or [2001:db8::1]:25`, host)
	}
	return hostRoute + net.JoinHostPort(strings.ToLower(strings.Trim(name, "[]")), port), nil
}

// toHost is the route that HostRoute named; false for any other name.
func toHost(name string) (deliver.Route, bool) {
	host, ok := strings.CutPrefix(name, hostRoute)
	if !ok {
		return deliver.Route{}, false
	}
	return deliver.Route{Name: name, Hosts: []string{host}, TLS: "opportunistic"}, true
}
