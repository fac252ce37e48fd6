package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"emulator/audit"
	"emulator/authz"
	"emulator/policy"
)

// policyTrace is a decision as the admin API gives it.
type policyTrace = authz.Explanation

// question is what the admin API is asked.
type question struct {
	Principal string              `json:"principal"`
	Action    string              `json:"action"`
	Resource  string              `json:"resource"`
	Region    string              `json:"region,omitempty"`
	Context   map[string][]string `json:"context,omitempty"`
}

func newExplainCommand(env settings) *cobra.Command {
	var (
		endpoint     string
		asJSON, last bool
		q            question
		context      []string
	)
	cmd := &cobra.Command{
		Use:   "explain [REQUEST_ID]",
		Short: "Show why a call was allowed or denied, or would be",
		Long: `Shows why a call was answered as it was: the refusal, each policy that was read, each statement, matched or
not, the first thing that did not match, and what would allow the call. Without a request ID or --last it tells what
would become of --principal's --action on --resource, which may be given as the operation takes it: a key's ID or
alias, the name of a role.`,
		Example: `  emulator explain --last
  emulator explain --principal arn:aws:iam::000000000000:user/alice --action kms:Decrypt --resource alias/app \
    --context kms:EncryptionContext:tenant=blue`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			method, path, body := http.MethodGet, "", any(nil)
			asked := q.Action != "" || q.Principal != ""
			switch {
			case len(args) == 1 && !asked && !last:
				path = "decisions/" + url.PathEscape(args[0])
			case len(args) == 0 && !asked && last:
				path = "decisions/last"
			case len(args) == 0 && q.Action != "" && q.Principal != "" && !last:
				method, path, body = http.MethodPost, "explain", &q
				q.Context = make(map[string][]string)
				for _, pair := range context {
					key, value, ok := strings.Cut(pair, "=")
					if !ok {
						return fmt.Errorf("--context %q: want key=value", pair)
					}
					q.Context[key] = append(q.Context[key], value)
				}
			default:
				return errors.New("give a request ID, --last, or --principal, --action and --resource")
			}
			var answer explanation
			if err := callAdmin(cmd.Context(), env, method, endpoint+"/_emulator/"+path, body, &answer); err != nil {
				return err
			}
			return answer.print(cmd.OutOrStdout(), asJSON)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&last, "last", false, "the call that was refused last")
	flags.StringVar(&q.Principal, "principal", "", "`ARN` of a user, role, role session or account root")
	flags.StringVar(&q.Action, "action", "", "`action`: kms:Decrypt")
	flags.StringVar(&q.Resource, "resource", "*", "the `resource`: an ARN, a key's ID or alias, a role's name")
	flags.StringVar(&q.Region, "region", "", "`region` of the call; that of the resource, or us-east-1")
	flags.StringArrayVar(&context, "context", nil, "condition `key=value`, any number of them")
	flags.StringVar(&endpoint, "endpoint", defaultEndpoint(), "`URL` of the emulator")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// newDenialsCommand lists what was refused lately.
func newDenialsCommand(env settings) *cobra.Command {
	var (
		endpoint string
		asJSON   bool
	)
	cmd := &cobra.Command{
		Use:   "denials",
		Short: "List the latest calls that were refused, or with --iam audit would have been",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var answer struct {
				Denials []authz.Denial  `json:"denials"`
				Refused []audit.Refusal `json:"refused"`
			}
			if err := callAdmin(cmd.Context(), env, http.MethodGet, endpoint+"/_emulator/decisions", nil, &answer); err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if asJSON {
				return printJSON(w, answer)
			}
			for _, d := range answer.Denials {
				if d.LetThrough {
					answer.Refused = append(answer.Refused, audit.Refusal{
						RequestID: d.RequestID, Time: d.Time, Operation: d.Action, Caller: d.Principal, Code: "let through", Message: d.Reason,
					})
				}
			}
			for _, e := range answer.Refused {
				fmt.Fprintf(w, "%s  %s  %s  %s\n    %s\n", e.Time.Format(time.DateTime), e.RequestID, calledName(&e), cmp.Or(e.Caller, "(unknown caller)"), refusal(&e))
			}
			if len(answer.Refused) == 0 {
				fmt.Fprintln(w, "no call was refused yet")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&endpoint, "endpoint", defaultEndpoint(), "`URL` of the emulator")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// calledName is a service's name and an operation's: kms:Decrypt.
func calledName(e *audit.Refusal) string {
	return strings.Trim(e.Service+":"+e.Operation, ":")
}

// refusal is an error as the client saw it, and why.
func refusal(e *audit.Refusal) string {
	text := e.Code
	if e.Message != "" {
		text += ": " + strings.Join(strings.Fields(e.Message), " ")
	}
	if e.Cause != "" {
		text += " (" + e.Cause + ")"
	}
	return text
}

// explanation is the admin API's answer.
type explanation struct {
	RequestID string         `json:"requestId,omitempty"`
	Refused   *audit.Refusal `json:"refused,omitempty"`
	Decisions []policyTrace  `json:"decisions"`
	Notes     []string       `json:"notes,omitempty"`
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

func (answer *explanation) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, answer)
	}
	colours := isTerminal(w)
	p := newPalette(colours)
	printed := answer.Refused != nil && (answer.Refused.Operation != "" || answer.Refused.Cause != "" || !answer.denied())
	if e := answer.Refused; printed {
		fmt.Fprintf(w, "%sRefused%s %s\n", p.red, p.off, refusal(e))
		if e.Operation != "" {
			fmt.Fprintf(w, "  %s by %s, %s\n", calledName(e), cmp.Or(e.Caller, "an unknown caller"), e.Time.Format(time.DateTime))
		}
	}
	for i := range answer.Decisions {
		if i > 0 || printed {
			fmt.Fprintln(w)
		}
		printTrace(w, &answer.Decisions[i], colours)
	}
	for _, note := range answer.Notes {
		fmt.Fprintf(w, "\nNote: %s\n", note)
	}
	return nil
}

// denied reports whether a policy is why the call is refused: the decision says so in more words.
func (answer *explanation) denied() bool {
	return slices.ContainsFunc(answer.Decisions, func(t policyTrace) bool { return t.Effect != policy.Allowed })
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
// the order in which they were asked, and what would allow the request.
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
		if len(policy.Statements) == 0 {
			fmt.Fprintf(w, " %s(there is none)%s", p.dim, p.off)
		}
		fmt.Fprintln(w)
		for _, s := range policy.Statements {
			printStatement(w, &s, p)
		}
	}
	if len(t.Empty) > 0 {
		fmt.Fprintf(w, "%snone of: %s%s\n", p.dim, listed(texts(t.Empty)), p.off)
	}
	if len(t.Grants) > 0 {
		fmt.Fprintf(w, "grants: %s\n", strings.Join(t.Grants, ", "))
	}
	if t.Incomplete {
		fmt.Fprintln(w, "(cut: there is more than is shown)")
	}
	for i, a := range t.Advice {
		what := "It would be allowed with this in "
		if i > 0 {
			what = "and this in "
		}
		fmt.Fprintf(w, "%s%s:\n  %s\n", what, a.Where, a.Statement)
	}
	if t.Effect == policy.ExplicitlyDenied {
		fmt.Fprintln(w, "No statement allows what another denies: that one would have to go, or not to match.")
	}
}

func texts(sources []policy.Source) []string {
	all := make([]string, len(sources))
	for i, s := range sources {
		all[i] = s.String()
	}
	return all
}

func printStatement(w io.Writer, s *policy.StatementTrace, p palette) {
	name := fmt.Sprintf("statement %d", s.Index+1)
	if s.Sid != "" {
		name += " " + s.Sid
	}
	effect := "Allow"
	if s.Effect == "Deny" {
		effect = "DENY "
	}
	if s.Matched {
		colour := p.green
		if s.Effect == "Deny" {
			colour = p.red
		}
		fmt.Fprintf(w, "  %s%s%s  %s, %sline %d%s  %smatches%s\n", colour, effect, p.off, name, p.dim, s.Start.Line, p.off, colour, p.off)
		return
	}
	m := s.Mismatch
	what := m.Element
	if m.Key != "" {
		what = m.Operator + " " + m.Key
	}
	line := cmp.Or(m.Position.Line, s.Start.Line)
	fmt.Fprintf(w, "  %s  %s, %sline %d%s  %s does not match\n", effect, name, p.dim, line, p.off, what)
	values := m.Policy
	if len(m.Request) == 1 && len(values) > mostListed {
		values = policy.Nearest(m.Request[0], values, mostListed)
	}
	more := ""
	if n := len(m.Policy) - mostListed; n > 0 {
		values, more = values[:mostListed], fmt.Sprintf(", and %d more", n)
	}
	fmt.Fprintf(w, "      policy   %s%s\n", listed(values), more)
	fmt.Fprintf(w, "      request  %s\n", listed(m.Request))
	if len(m.Missing) > 0 {
		fmt.Fprintf(w, "      missing  %s\n", listed(m.Missing))
	}
}

// mostListed is how many values of a statement are shown: those that are nearest to the request's.
const mostListed = 5

func listed(values []string) string {
	if len(values) == 0 {
		return "(absent)"
	}
	return strings.Join(values, ", ")
}
