package rpc

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
)

func TestSecretsOfARequestAreTakenOut(t *testing.T) {
	withURI := func(uri string) *pb.RunRequest {
		return &pb.RunRequest{Job: &pb.RunRequest_LogPredictions{
			LogPredictions: &pb.LogPredictions{View: &pb.View{Uri: uri}},
		}}
	}
	withEnvironment := func(name, value string) *pb.RunRequest {
		return &pb.RunRequest{Wandb: &pb.WandbSettings{Environment: map[string]string{name: value}}}
	}
	for name, test := range map[string]struct {
		req      *pb.RunRequest
		in, want string
	}{
		"no secrets":          {&pb.RunRequest{}, "as it is", "as it is"},
		"a key":               {&pb.RunRequest{Wandb: &pb.WandbSettings{ApiKey: "opensesame"}}, "<opensesame>", "<**redacted**>"},
		"a key, twice":        {&pb.RunRequest{Wandb: &pb.WandbSettings{ApiKey: "opensesame"}}, "opensesame opensesame", "**redacted** **redacted**"},
		"a variable":          {withEnvironment("WANDB_API_KEY", "opensesame"), "opensesame", "**redacted**"},
		"a small variable":    {withEnvironment("aws_secret_access_key", "opensesame"), "opensesame", "**redacted**"},
		"another variable":    {withEnvironment("WANDB_PROJECT", "opensesame"), "opensesame", "opensesame"},
		"a URI":               {withURI("mongodb://me:opensesame@db:1/?a=b"), "dial mongodb://me:opensesame@db:1/?a=b", "dial **redacted**"},
		"a URI's password":    {withURI("mongodb+srv://me:opensesame@db"), "login with opensesame", "login with **redacted**"},
		"a password with @":   {withURI("mongodb://me:open@sesame@db/x"), "open@sesame", "**redacted**"},
		"an escaped password": {withURI("mongodb://me:open%2Fsesame@db/x"), "open/sesame open%2Fsesame", "**redacted** **redacted**"},
		"a key's password":    {withURI("mongodb://db/?tls=true&tlsCertificateKeyFilePassword=open%2Fsesame"), "no open/sesame", "no **redacted**"},
		"a session's token":   {withURI("mongodb://db/?authMechanismProperties=AWS_SESSION_TOKEN%3Aopensesame%2CX%3Ay"), "x opensesame", "x **redacted**"},
		"a URI's user":        {withURI("mongodb://someone@db/x"), "someone", "someone"},
		"an evaluation's URI": {
			&pb.RunRequest{Job: &pb.RunRequest_LogEvaluation{LogEvaluation: &pb.LogEvaluation{View: &pb.View{Uri: "mongodb://me:opensesame@db:1"}}}},
			"opensesame", "**redacted**",
		},
		"a subset's URI": {
			&pb.RunRequest{Job: &pb.RunRequest_LogEvaluation{LogEvaluation: &pb.LogEvaluation{
				Subsets: []*pb.EvaluationSubset{{View: &pb.View{Uri: "mongodb://me:opensesame@db:1"}}}}}},
			"opensesame", "**redacted**",
		},
		"the URI of numbers to read": {
			&pb.RunRequest{Job: &pb.RunRequest_ReadEvaluation{ReadEvaluation: &pb.ReadEvaluation{View: &pb.View{Uri: "mongodb://me:opensesame@db:1"}}}},
			"opensesame", "**redacted**",
		},
		"a path that has an @": {withURI("mongodb://db/x:longword@y"), "longword", "longword"},
		"a proxy's password":   {withEnvironment("https_proxy", "http://me:opensesame@proxy"), "opensesame", "**redacted**"},
		"an extra header":      {withEnvironment("WANDB__EXTRA_HTTP_HEADERS", `{"X-A":"opensesame"}`), "opensesame", "**redacted**"},
		"an extra header's token": {
			withEnvironment("WANDB_X_EXTRA_HTTP_HEADERS", `{"Cookie":"a=0123456789abcdef; b=fedcba9876543210"}`),
			"0123456789abcdef fedcba9876543210 a=0123456789abcdef; b=fedcba9876543210", "**redacted** **redacted** **redacted**",
		},
		"extra headers that are not JSON": {withEnvironment("WANDB_X_EXTRA_HTTP_HEADERS", `X-A: opensesame`), "is X-A: opensesame", "is **redacted**"},
		"too short to look for": {
			&pb.RunRequest{Wandb: &pb.WandbSettings{ApiKey: "e"}}, strings.Repeat("e", 3), "eee",
		},
	} {
		assert.Equal(t, test.want, newRedactor(test.req)(test.in), name)
	}
}
