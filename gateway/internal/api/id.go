package api

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
)

func recipientID(id mail.ID, n int) string { return id.String() + "." + strconv.Itoa(n) }

// splitID reads "PREFIX" or "PREFIX.n". n is 0 for the whole message. The
// prefix is in lower case and has only characters that an ID may have.
func splitID(s string) (prefix string, n int, err error) {
	prefix, number, dotted := strings.Cut(strings.ToLower(strings.TrimSpace(s)), ".")
	if dotted {
		n, err = strconv.Atoi(number)
		if err != nil || n < 1 {
			return "", 0, fmt.Errorf("%q is no recipient ID: behind the dot stands a number from 1, as in 01kb3z6q9xe0.1", s)
		}
	}
	if prefix == "" || len(prefix) > 26 || strings.Trim(prefix, "0123456789abcdefghjkmnpqrstvwxyz") != "" {
		return "", 0, fmt.Errorf("%q is no message ID nor the beginning of one, such as 01kb3z6q9xe0", s)
	}
	return prefix, n, nil
}
