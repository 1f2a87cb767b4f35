package matrix

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// own are the routes that verbs have beside POST /v1/actions.
func own(verb string, m *Message) (method, path string, body any) {
	switch verb {
	case "view", "download-queued", "download-quarantined", "download-archived", "export-archived":
		return http.MethodGet, "/v1/messages/" + m.ID + "/body?verb=" + verb, nil
	case "compose-reply":
		return http.MethodGet, "/v1/messages/" + m.ID + "/reply", nil
	case "delivery-log":
		return http.MethodGet, "/v1/messages/" + m.ID + "/attempts", nil
	case "recipient-callout":
		return http.MethodPost, "/v1/tests/recipient", map[string]any{"message": m.ID}
	case "sender-callout":
		return http.MethodPost, "/v1/tests/sender", map[string]any{"message": m.ID}
	case "smtp-test":
		return http.MethodPost, "/v1/tests/smtp", map[string]any{"message": m.ID}
	case "train-spam":
		return http.MethodPost, "/v1/train", map[string]any{"as": "spam", "ids": []string{m.ID}}
	}
	return "", "", nil
}

// Refused judges that a verb is refused, with a reason, in every way it could be
// asked for by hand, and changes nothing.
func (h *House) Refused(token, verb string, m *Message, status string) error {
	out := h.Do(token, verb, m)
	if out.Error == "" || out.Changed != 0 || out.Item.See != "" {
		return fmt.Errorf("it was not refused: %+v", out)
	}
	if len(out.Error) < 15 || out.Code >= 500 {
		return fmt.Errorf("the reason says nothing: %d %q", out.Code, out.Error)
	}
	if method, path, body := own(verb, m); path != "" {
		code, b := h.Call(token, method, path, body)
		var said struct {
			Detail string `json:"detail"`
			Called int    `json:"called"`
			Items  []struct {
				Error string `json:"error"`
			} `json:"items"`
		}
		if err := json.Unmarshal(b, &said); err != nil {
			return fmt.Errorf("%s: %d %.200s", path, code, b)
		}
		inItems := code == http.StatusOK && verb == "train-spam" && said.Called == 0 && len(said.Items) > 0 && said.Items[0].Error != ""
		if (code < 400 || code >= 500) && !inItems || code == http.StatusTooManyRequests {
			return fmt.Errorf("%s is not refused: %d %.200s", path, code, b)
		}
	}
	if got := h.Row(m).Status; got != status {
		return fmt.Errorf("refused, and yet it is %s", got)
	}
	return nil
}
