package matrix

import "slices"

// Cell is one message and who is to try what with it.
type Cell struct {
	M           *Message
	Level, Role string
	Verb        string // it was made for this verb alone; "" for all that leave it as it is
}

// Cells plans the messages for some levels and roles. With full, there are those
// whose conditions do not hold, too.
func Cells(rows []Row, levels, roles []string, full bool) []Cell {
	var out []Cell
	for _, inbound := range []bool{true, false} {
		for _, status := range Statuses() {
			if inbound && status == "secure-delivered" { // outgoing only (B30)
				continue
			}
			for _, level := range levels {
				shared := &Message{Inbound: inbound, Status: status, For: level}
				held := &Message{Inbound: inbound, Status: status, Held: true, For: level + " held"}
				for _, role := range roles {
					out = append(out, Cell{shared, level, role, ""})
					if status == "accepted" {
						out = append(out, Cell{held, level, role, ""})
					}
					for _, r := range rows {
						if !slices.Contains(Consumes, r.Verb) || role != "" && level != "admin" {
							continue
						}
						c := Case{Inbound: inbound, Status: status, Level: level, Role: role, Archived: true, Sender: true, Body: true, Attempt: true, Identity: true, DomainForce: true}
						if r.Offered(c) {
							out = append(out, Cell{&Message{Inbound: inbound, Status: status, For: level + " " + r.Verb}, level, role, r.Verb})
						}
						if c.Hold = status == "accepted"; c.Hold && r.Offered(c) {
							out = append(out, Cell{&Message{Inbound: inbound, Status: status, Held: true, For: level + " held " + r.Verb}, level, role, r.Verb})
						}
					}
				}
			}
			if !full {
				continue
			}
			// Conditions that do not hold: no archive, and the null sender.
			out = append(out, Cell{&Message{Inbound: inbound, Status: status, Plain: true, For: "no archive"}, "admin", "", ""})
			if !slices.Contains([]string{"queue-bounced", "bounced", "secure-delivered"}, status) {
				out = append(out, Cell{&Message{Inbound: inbound, Status: status, Null: true, For: "null sender"}, "admin", "", ""})
			}
		}
	}
	if full { // a tenant whose operators may not force
		out = append(out, Cell{&Message{Inbound: true, Status: "stalled", Tenant: "beta", For: "no force"}, "domain", "", ""})
	}
	return out
}

// Messages are those of cells, each once.
func Messages(cells []Cell) []*Message {
	var ms []*Message
	for _, c := range cells {
		if !slices.Contains(ms, c.M) {
			ms = append(ms, c.M)
		}
	}
	return ms
}
