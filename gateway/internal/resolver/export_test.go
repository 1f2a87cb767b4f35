package resolver

// Distrust takes away the trust that a server on the loopback has.
func (c *Client) Distrust() {
	for i := range c.servers {
		c.servers[i].trusted = false
	}
}
