package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"emulator/authz"
	"emulator/policy"
)

// policyTrace is a decision as the admin API gives it.
type policyTrace = authz.Explanation

func newExplainCommand(env settings) *cobra.Command {
	var (
		endpoint string
		asJSON   bool
		question authz.Question
		context  []string
	)
	cmd := &cobra.Command{
		Use:   "explain [REQUEST_ID]",
		Short: "Show why a call was allowed or denied, or would be",
		Long: `Shows why the calls of a request were allowed or denied: each policy that was read, each
statement, matched or not, and the first thing that did not match. Without a request
ID it tells what would become of --principal's --action on --resource.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			method, path, body := http.MethodGet, "", any(nil)
			switch {
			case len(args) == 1 && question.Action == "" && question.Principal == "":
				path = "decisions/" + args[0]
			case len(args) == 0 && question.Action != "" && question.Principal != "":
				method, path, body = http.MethodPost, "explain", &question
				question.Context = make(map[string][]string)
				for _, pair := range context {
					key, value, ok := strings.Cut(pair, "=")
					if !ok {
						return fmt.Errorf("--context %q: want key=value", pair)
					}
					question.Context[key] = append(question.Context[key], value)
				}
			default:
				return errors.New("give a request ID, or --principal, --action and --resource")
			}
			var answer explanations
			if err := callAdmin(cmd.Context(), env, method, endpoint+"/_emulator/"+path, body, &answer); err != nil {
				return err
			}
			return answer.print(cmd.OutOrStdout(), asJSON)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&question.Principal, "principal", "", "`ARN` of a user, role, role session or account root")
	flags.StringVar(&question.Action, "action", "", "`action`: kms:Decrypt")
	flags.StringVar(&question.Resource, "resource", "*", "`ARN` of the resource")
	flags.StringArrayVar(&context, "context", nil, "condition `key=value`, any number of them")
	flags.StringVar(&endpoint, "endpoint", defaultEndpoint(), "`URL` of the emulator")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// explanations are the admin API's answer.
type explanations struct {
	RequestID string        `json:"requestId,omitempty"`
	Decisions []policyTrace `json:"decisions"`
}

func (answer *explanations) print(w io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(answer)
	}
	for i := range answer.Decisions {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printTrace(w, &answer.Decisions[i], isTerminal(w))
	}
	return nil
}

// isTerminal reports whether w can show colours, and the user has not asked for none
// (https://no-color.org).
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// palette holds what is written around words, nothing where there are no colours.
type palette struct{ green, red, dim, off string }

func newPalette(colours bool) palette {
	if !colours {
		return palette{}
	}
	return palette{"\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m"}
}

// printTrace lays a decision out for a person: the outcome first, then the policies in
// the order in which they were asked.
func printTrace(w io.Writer, t *policyTrace, colours bool) {
	p := newPalette(colours)
	colour := p.red
	if t.Effect == policy.Allowed {
		colour = p.green
	}
	fmt.Fprintf(w, "%s%s%s", colour, t.Effect, p.off)
	if t.Reason != "" {
		fmt.Fprintf(w, " %s", t.Reason)
	}
	fmt.Fprintf(w, "\n  principal  %s\n  action     %s\n  resource   %s\n", t.Principal, t.Action, t.Resource)
	for _, policy := range t.Policies {
		fmt.Fprintf(w, "%s", policy.Type)
		if policy.Level > 0 {
			fmt.Fprintf(w, ", level %d", policy.Level)
		}
		if policy.Name != "" {
			fmt.Fprintf(w, ": %s", policy.Name)
		}
		if policy.Ignored != "" {
			fmt.Fprintf(w, " %s(%s)%s", p.dim, policy.Ignored, p.off)
		}
		fmt.Fprintln(w)
		for _, s := range policy.Statements {
			printStatement(w, &s, p)
		}
	}
	if len(t.Grants) > 0 {
		fmt.Fprintf(w, "grants: %s\n", strings.Join(t.Grants, ", "))
	}
	if len(t.Policies) == 0 {
		fmt.Fprintln(w, "no policy applies")
	}
}

func printStatement(w io.Writer, s *policy.StatementTrace, p palette) {
	name := fmt.Sprintf("statement %d", s.Index+1)
	if s.Sid != "" {
		name += " " + s.Sid
	}
	position := fmt.Sprintf("%sline %d%s", p.dim, s.Start.Line, p.off)
	if s.Matched {
		colour := p.green
		if s.Effect == "Deny" {
			colour = p.red
		}
		fmt.Fprintf(w, "  %s%s%s  %s  %smatches%s\n", colour, s.Effect, p.off, name, colour, p.off)
		return
	}
	m := s.Mismatch
	what := m.Element
	if m.Key != "" {
		what = m.Operator + " " + m.Key
	}
	fmt.Fprintf(w, "  %s  %s  %s  %s does not match\n", s.Effect, name, position, what)
	fmt.Fprintf(w, "      policy   %s\n", listed(m.Policy))
	fmt.Fprintf(w, "      request  %s\n", listed(m.Request))
	if len(m.Missing) > 0 {
		fmt.Fprintf(w, "      missing  %s\n", listed(m.Missing))
	}
}

func listed(values []string) string {
	if len(values) == 0 {
		return "(absent)"
	}
	return strings.Join(values, ", ")
}
