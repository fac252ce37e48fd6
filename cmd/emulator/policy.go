package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"emulator/identity/serviceprincipals"
	"emulator/policy"
)

// newPolicyCommand makes the policy language usable without a server, in CI.
func newPolicyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Check and try policies, without a server", Args: cobra.NoArgs}
	cmd.AddCommand(newLintCommand(), newEvalCommand())
	return cmd
}

func newLintCommand() *cobra.Command {
	var (
		kindName string
		asJSON   bool
		services []string
	)
	cmd := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Print what is wrong or doubtful in policy documents; exit 1 if AWS would refuse one",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			kind, ok := policy.ParseKind(kindName)
			if !ok {
				return fmt.Errorf("--kind %q: want identity, managed, resource, key, trust, session, scp or rcp", kindName)
			}
			further, err := serviceprincipals.NewFurther(services)
			if err != nil {
				return fmt.Errorf("--service-principal: %w", err)
			}
			refused := 0
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				findings := policy.Lint(kind, string(text), policy.Rules{Service: further.Check})
				if err := printFindings(cmd.OutOrStdout(), file, findings, asJSON); err != nil {
					return err
				}
				for _, f := range findings {
					if f.Severity == policy.Error {
						refused++
						break
					}
				}
			}
			if refused > 0 {
				return fmt.Errorf("AWS would refuse %d of %d documents", refused, len(files))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&kindName, "kind", "identity", "`kind` of the policies: identity, managed, resource, key, trust, session, scp or rcp")
	cmd.Flags().StringSliceVar(&services, "service-principal", nil, "a further `service` that policies may name as a principal, besides those that AWS has")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a finding")
	return cmd
}

func printFindings(w io.Writer, file string, findings []policy.Finding, asJSON bool) error {
	for _, f := range findings {
		if asJSON {
			line := struct {
				File string `json:"file"`
				policy.Finding
			}{file, f}
			if err := json.NewEncoder(w).Encode(line); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%s:%d:%d: %s: %s", file, f.Line, f.Column, f.Severity, f.Message)
		if f.AWS != "" && f.AWS != f.Message {
			fmt.Fprintf(w, " (AWS: %s)", f.AWS)
		}
		fmt.Fprintln(w)
	}
	return nil
}

func newEvalCommand() *cobra.Command {
	var trace string
	cmd := &cobra.Command{
		Use:   "eval FILE...",
		Short: "Decide authorization cases; exit 1 if one differs from what it expects",
		Long: `Decides the cases in JSON or JSONL files, also gzipped, and prints those whose
"expected" differs. The last line is "N passed, N failed".`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			out := cmd.OutOrStdout()
			passed, failed, traced := 0, 0, false
			for _, file := range files {
				cases, err := readCases(file)
				if err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
				for i := range cases {
					c := &cases[i]
					if c.Name == trace && trace != "" {
						traced = true
						if err := traceCase(out, c); err != nil {
							return err
						}
					}
					if problem := checkCase(c); problem != "" {
						failed++
						fmt.Fprintf(out, "%s: %s\n", c.Name, problem)
					} else {
						passed++
					}
				}
			}
			fmt.Fprintf(out, "%d passed, %d failed\n", passed, failed)
			switch {
			case trace != "" && !traced:
				return fmt.Errorf("no case is called %s", trace)
			case failed > 0:
				return fmt.Errorf("%d cases differ", failed)
			case passed == 0:
				return errors.New("no cases")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&trace, "trace", "", "explain the case of this `name`")
	return cmd
}

func readCases(file string) ([]policy.Case, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return policy.ReadCases(f)
}

// checkCase returns what is wrong with a case, or "".
func checkCase(c *policy.Case) string {
	d, err := c.Run()
	var expected policy.Effect
	switch {
	case err != nil:
		return err.Error()
	case c.Expected == "":
		return `"expected" is missing: ` + d.Effect.String()
	case expected.UnmarshalText([]byte(c.Expected)) != nil:
		return fmt.Sprintf(`"expected" is %q: want Allowed, ExplicitlyDenied or ImplicitlyDenied`, c.Expected)
	case c.Expected != d.Effect.String():
		reason := ""
		if d.Source != policy.NoSource {
			reason = " (" + strings.TrimSpace(d.Source.String()+" "+d.Policy) + ")"
		}
		return fmt.Sprintf("%s%s, expected %s", d.Effect, reason, c.Expected)
	}
	return ""
}

func traceCase(w io.Writer, c *policy.Case) error {
	r, p, err := c.Build()
	if err != nil {
		return err
	}
	printTrace(w, &policyTrace{
		Principal: r.Principal.ARN, Action: r.Action, Resource: r.Resource, Trace: policy.Explain(r, p),
	}, isTerminal(w))
	return nil
}
