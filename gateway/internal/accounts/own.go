package accounts

import (
	"context"
	"crypto/subtle"
	"net/http"
	"time"
)

// Own is one's own account. ErrForbidden: there is none.
func (s *Service) Own(ctx context.Context, who Identity) (User, error) {
	if who.User == "" {
		return User{}, ErrForbidden
	}
	r, _, err := s.user(ctx, who.User)
	if err != nil {
		return User{}, err
	}
	return r.shown(), nil
}

const purposeForm = "form"

// formSays binds a form to the session it was made for.
type formSays struct {
	Session string `json:"s"`
}

// formFor is the longest a form may stay open.
const formFor = 12 * time.Hour

// FormToken goes into the forms of a page, beside the cookie: another site can
// have a browser send a form, and does not know it. "": there is no session.
func (s *Service) FormToken(r *http.Request) string {
	secret := s.carried(r)
	if secret == "" {
		return ""
	}
	sg, err := s.signer()
	if err != nil {
		return ""
	}
	token, err := sg.Token(purposeForm, formSays{digest(secret)[:2*shortSession]}, s.now().Add(formFor))
	if err != nil {
		return ""
	}
	return token
}

// FormHolds reports whether a form was made for the session that it comes with.
func (s *Service) FormHolds(r *http.Request, token string) bool {
	secret := s.carried(r)
	sg, err := s.signer()
	var f formSays
	if secret == "" || err != nil || sg.Open(purposeForm, token, &f) != nil {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(f.Session), []byte(digest(secret)[:2*shortSession])) == 1
}
