package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"emulator/audit"
)

// newEventsCommand lists the latest calls.
func newEventsCommand(env settings) *cobra.Command {
	var (
		endpoint, name, caller string
		limit                  int
		refused, asJSON        bool
	)
	cmd := &cobra.Command{
		Use:   "events [REQUEST_ID]",
		Short: "List the latest calls, as CloudTrail records them",
		Long: `Lists the latest calls, the newest first, as CloudTrail records them: one a line or, with --json, whole. An event
that concerns several accounts is there for each.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			for key, value := range map[string]string{"name": name, "caller": caller} {
				if value != "" {
					query.Set(key, value)
				}
			}
			if len(args) == 1 {
				query.Set("request", args[0])
			}
			if refused {
				query.Set("errors", "true")
			}
			var answer struct{ Records []audit.Record }
			if err := callAdmin(cmd.Context(), env, http.MethodGet, endpoint+"/_emulator/events?"+query.Encode(), nil, &answer); err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if asJSON {
				return printJSON(w, answer)
			}
			for _, r := range answer.Records {
				line := fmt.Sprintf("%s  %s  %s  %s:%s  %s  %s", r.EventTime, r.RequestID, cmp.Or(r.RecipientAccountID, "(no account)"),
					r.Service(), r.EventName, r.UserIdentity.Name(), cmp.Or(r.ErrorCode, "ok"))
				fmt.Fprintln(w, strings.Map(printable, line))
			}
			if len(answer.Records) == 0 {
				fmt.Fprintln(w, "there is no such event")
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&name, "name", "", "the `operation`: Decrypt")
	flags.StringVar(&caller, "caller", "", "`ARN`, user name, access key ID or account of the caller")
	flags.BoolVar(&refused, "errors", false, "only calls that were refused")
	flags.IntVar(&limit, "limit", 100, "at most this `number` of calls, up to 1000")
	flags.StringVar(&endpoint, "endpoint", defaultEndpoint(), "`URL` of the emulator")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printable keeps what somebody made up, such as the subject of a token, from moving the terminal's cursor.
func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return unicode.ReplacementChar
	}
	return r
}
