package api

import (
	"context"
	"net/http"

	"github.com/mailweir/weir/gateway/internal/explain"
)

// ReadReply puts an answer that somebody copied in plain words. host is the
// destination's name, or "". Errors: explain.ErrNoReply.
func ReadReply(text, host string) (*ReplyExplanation, error) {
	r, err := explain.Parse(text)
	if err != nil {
		return nil, err
	}
	out := &ReplyExplanation{Reply: *replyOf(&r)}
	if m, ok := explain.Reply(r, host); ok {
		out.Meaning = meaningOf(&m)
	}
	return out, nil
}

func explainReply(_ context.Context, in *struct {
	Reply string `query:"reply" required:"true" maxLength:"8192" example:"550 5.1.1 User unknown" doc:"The answer"`
	Host  string `query:"host" maxLength:"255" doc:"Name of the host that gave it"`
}) (*output[ReplyExplanation], error) {
	x, err := ReadReply(in.Reply, in.Host)
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, err.Error(), "copy the answer from its code on")
	}
	return &output[ReplyExplanation]{*x}, nil
}
